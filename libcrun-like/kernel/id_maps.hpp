// SPDX-License-Identifier: Apache-2.0
// The maps of user namespaces (user_namespaces(7)).
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/handle.hpp"
#include "oci/spec.hpp"

namespace oci {

/// What a user namespace maps, as the namespace around it counts.
struct IdMaps {
  std::vector<IdMapping> uids{};
  std::vector<IdMapping> gids{};
  bool operator==(const IdMaps&) const = default;
};

/// The one that has `id` of the user namespace; nothing when none has.
const IdMapping* mapping_of(const std::vector<IdMapping>& mappings, std::uint64_t id) noexcept;

/// Lines as uid_map and gid_map take them.
std::string id_map_text(const std::vector<IdMapping>& mappings);

/// Writes uid_map and gid_map of `pid`, which lives in a new user namespace; for a caller without privileges
/// newuidmap(1) and newgidmap(1) do it where they have to. @throws Error "uidMappings: …"
void write_id_maps(pid_t pid, const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids);

/// A user namespace that nobody lives in, for the maps it has: what mount_setattr(2) takes for an id-mapped mount.
/// @throws Error
Fd make_user_namespace(const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids);

/// The maps of an existing one, as this process's namespace counts. @throws Error
IdMaps read_id_maps(FdRef user_namespace);

/// The maps of the container's user namespace, new or joined; empty where it has none of its own. @throws Error
IdMaps container_id_maps(const Linux& linux);

}  // namespace oci
