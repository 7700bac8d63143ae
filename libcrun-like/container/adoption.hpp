// SPDX-License-Identifier: Apache-2.0
// What the runtime does for a process that has been born into a user namespace of its own.
#pragma once
#include <sys/types.h>

#include "oci/spec.hpp"

namespace oci {

/// Writes the id maps of `pid`, and sets what the process cannot set itself any more: from inside it could neither map
/// ids nor touch what the host's root owns. @throws Error naming the field
void adopt(pid_t pid, const Spec& spec);

}  // namespace oci
