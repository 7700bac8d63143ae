// SPDX-License-Identifier: Apache-2.0
#include "kernel/mountinfo.hpp"

#include <charconv>

#include "base/files.hpp"
#include "base/mountinfo.hpp"

namespace oci {

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> entries;
  while (!text.empty()) {
    const auto line = cut_mount_line(text);
    std::uint64_t id = 0;
    if (std::from_chars(line.id.data(), line.id.data() + line.id.size(), id).ec != std::errc{}) continue;
    if (line.type.empty()) continue;
    entries.push_back({.id = id,
                       .root = unescape_mountinfo(line.root),
                       .point = unescape_mountinfo(line.point),
                       .type = std::string(line.type)});
  }
  return entries;
}

bool is_at_or_below(std::string_view path, std::string_view directory) noexcept {
  if (!path.starts_with(directory)) return false;
  return path.size() == directory.size() || directory == "/" || path[directory.size()] == '/';
}

}  // namespace oci
