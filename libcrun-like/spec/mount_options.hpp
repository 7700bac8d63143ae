// SPDX-License-Identifier: Apache-2.0
// The words of mounts[].options: one table, which `features` prints and the parser reads.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mount_attributes.hpp"

namespace oci {

/// What an option list asks for. Where two words contradict each other the later one holds, as with mount(8).
struct MountOptions {
  enum class IdMap : std::uint8_t { none, top, recursive };

  MountAttributes attributes;  ///< `clear` has only what was named: "rw", "suid", …
  bool bind = false;
  bool recursive = false;  ///< "rbind"
  bool remount = false;
  bool names_flags = false;   ///< any word that sets or clears a flag: a bind then has no other flags but these
  bool copy_up = false;       ///< "tmpcopyup"
  bool copy_symlink = false;  ///< a source that is a link is made again instead of mounted
  bool source_nofollow = false;
  bool target_nofollow = false;  ///< mounted on the link itself
  IdMap id_map = IdMap::none;
  std::optional<std::string> id_maps;   ///< "uids=0-100000-65536;gids=@0-0-10", of "idmap=" and "ridmap="
  std::vector<std::string> parameters;  ///< every other word: the file system's own
};

MountOptions parse_mount_options(const std::vector<std::string>& words);

/// Every word of the table, sorted.
std::vector<std::string_view> mount_option_names();

}  // namespace oci
