// SPDX-License-Identifier: Apache-2.0
#include "kernel/mountinfo.hpp"

#include <charconv>
#include <utility>

#include "base/files.hpp"
#include "base/text.hpp"

namespace oci {

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> entries;
  while (!text.empty()) {
    auto line = cut(text, "\n");
    MountEntry entry;
    const auto id = cut(line, " ");
    if (std::from_chars(id.data(), id.data() + id.size(), entry.id).ec != std::errc{}) continue;
    cut(line, " ");  // parent
    cut(line, " ");  // device
    entry.root = unescape_mountinfo(cut(line, " "));
    entry.point = unescape_mountinfo(cut(line, " "));
    while (!line.empty() && cut(line, " ") != "-") continue;
    entry.type = cut(line, " ");
    if (!entry.type.empty()) entries.push_back(std::move(entry));
  }
  return entries;
}

bool is_at_or_below(std::string_view path, std::string_view directory) noexcept {
  if (!path.starts_with(directory)) return false;
  return path.size() == directory.size() || directory == "/" || path[directory.size()] == '/';
}

}  // namespace oci
