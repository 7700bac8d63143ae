// SPDX-License-Identifier: Apache-2.0
#include "kernel/mountinfo.hpp"

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

/// Blanks, newlines and backslashes are written as \040 and the like.
std::string unescaped(std::string_view text) {
  static constexpr std::size_t digits = 3;
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const char* first = text.data() + i + 1;
    const bool is_escape = text[i] == '\\' && i + digits < text.size() &&
                           std::from_chars(first, first + digits, code, 8).ptr == first + digits && code < 256;
    result += is_escape ? static_cast<char>(code) : text[i];
    if (is_escape) i += digits;
  }
  return result;
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
    entry.root = unescaped(take(line, ' '));
    entry.point = unescaped(take(line, ' '));
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
