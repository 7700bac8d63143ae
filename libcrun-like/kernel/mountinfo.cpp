// SPDX-License-Identifier: Apache-2.0
#include "kernel/mountinfo.hpp"

#include "base/files.hpp"

#include <algorithm>
#include <charconv>

namespace oci {
namespace {

/// Takes the text up to `separator` off the front.
std::string_view take(std::string_view& text, char separator) {
  const auto part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

}  // namespace

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> entries;
  while (!text.empty()) {
    auto line = take(text, '\n');
    MountEntry entry;
    const auto id = take(line, ' ');
    if (std::from_chars(id.data(), id.data() + id.size(), entry.id).ec != std::errc{}) continue;
    take(line, ' ');  // parent
    take(line, ' ');  // device
    entry.root = unescape_mountinfo(take(line, ' '));
    entry.point = unescape_mountinfo(take(line, ' '));
    while (!line.empty() && take(line, ' ') != "-") continue;
    entry.type = take(line, ' ');
    if (!entry.type.empty()) entries.push_back(std::move(entry));
  }
  return entries;
}

bool is_at_or_below(std::string_view path, std::string_view directory) noexcept {
  if (!path.starts_with(directory)) return false;
  return path.size() == directory.size() || directory == "/" || path[directory.size()] == '/';
}

}  // namespace oci
