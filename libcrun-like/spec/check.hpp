// SPDX-License-Identifier: Apache-2.0
// Rules that a config.json must keep beyond its types: ranges, words, and what one field asks of another.
#pragma once
#include "oci/spec.hpp"

namespace oci {

/// @throws Error that starts with the JSON path of the member at fault.
void check(const Spec& spec);

/// The same for a process alone, `exec --process`; `path` is put in front of member names: "process".
void check(const Process& process);

/// The same for mounts alone, `mounts add`.
void check(const std::vector<Mount>& mounts);

}  // namespace oci
