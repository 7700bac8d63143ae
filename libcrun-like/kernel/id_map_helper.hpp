// SPDX-License-Identifier: Apache-2.0
// Id maps of a user namespace that a process without privileges has made: what the kernel lets it write itself, and
// newuidmap(1) and newgidmap(1) for the rest.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/subordinate_ids.hpp"
#include "oci/spec.hpp"

namespace oci {

/// Who is to write a map.
enum class MapWriter : std::uint8_t {
  runtime,  ///< it has the capability, or maps nobody but itself
  helper,   ///< newuidmap, newgidmap
};

/// user_namespaces(7), "Defining user and group ID mappings": without CAP_SETUID (CAP_SETGID) in its own user namespace
/// a process may write one line that maps its own effective id, and no other.
MapWriter map_writer(const std::vector<IdMapping>& mappings, std::uint32_t own_id, bool has_capability);

/// newuidmap or newgidmap on this machine.
struct IdMapHelper {
  std::string program;   ///< absolute; empty: there is none
  std::string obstacle;  ///< why it cannot work, with the one line that changes that; empty: it may
};
/// `kind`: "uid" or "gid". A relative directory of `path` ($PATH) could be anybody's and is left out. `no_new_privs`:
/// the caller has it (prctl(2)).
IdMapHelper find_id_map_helper(std::string_view kind, const char* path, bool no_new_privs);
/// The same for this process.
IdMapHelper find_id_map_helper(std::string_view kind);

/// What /etc/subuid or /etc/subgid, whose text `subordinate` is, does not give to the user, and the one line that does;
/// empty when it gives all.
std::string what_is_not_granted(std::string_view kind, const std::vector<IdMapping>& mappings, std::uint32_t own_id,
                                const UserName& user, std::string_view subordinate);

/// The text of /etc/subuid or /etc/subgid; empty also where only the helper may read it.
std::string subordinate_text(std::string_view kind);

/// Writes both maps of `pid`, a child that nobody has reaped, so that its number cannot have become another's; it must
/// be dumpable, or else its files in /proc belong to the host's root (proc(5)).
/// @throws Error "uidMappings: …"
void write_id_maps_unprivileged(pid_t pid, const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids);

}  // namespace oci
