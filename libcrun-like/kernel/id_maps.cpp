// SPDX-License-Identifier: Apache-2.0
#include "kernel/id_maps.hpp"

#include <unistd.h>

#include "base/files.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

std::string lines(const std::vector<IdMapping>& mappings) {
  std::string text;
  for (const auto& mapping : mappings)
    text += std::to_string(mapping.container_id) + " " + std::to_string(mapping.host_id) + " " +
            std::to_string(mapping.size) + "\n";
  return text;
}

}  // namespace

void write_id_maps(pid_t pid, const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids) {
  const auto directory = "/proc/" + std::to_string(pid);
  in_context([] { return std::string("linux.uidMappings"); },
             [&] { write_file(working_directory, directory + "/uid_map", lines(uids)); });
  // An unprivileged writer of gid_map must have given up setgroups(2) first, or group membership could be dropped to
  // escape a permission that denies it (user_namespaces(7)).
  if (::geteuid() != 0) write_file(working_directory, directory + "/setgroups", "deny");
  in_context([] { return std::string("linux.gidMappings"); },
             [&] { write_file(working_directory, directory + "/gid_map", lines(gids)); });
}

}  // namespace oci
