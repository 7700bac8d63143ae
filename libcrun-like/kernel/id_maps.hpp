// SPDX-License-Identifier: Apache-2.0
// The maps of a new user namespace (user_namespaces(7)).
#pragma once
#include <sys/types.h>

#include <vector>

#include "oci/spec.hpp"

namespace oci {

/// Writes uid_map and gid_map of `pid`, which lives in a new user namespace. A caller without privileges may map only
/// itself.
void write_id_maps(pid_t pid, const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids);

}  // namespace oci
