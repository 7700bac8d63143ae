// SPDX-License-Identifier: Apache-2.0
#include "kernel/subordinate_ids.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "base/files.hpp"
#include "base/text.hpp"

namespace oci {
namespace {

constexpr std::uint64_t all_ids = UINT32_MAX;  // (uid_t)-1 is no id

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// Calls visit(owner, range) for each line "owner:first:size".
template <class Visit>
void for_each_range(std::string_view text, Visit visit) {
  while (!text.empty()) {
    auto line = cut(text, "\n");
    const auto owner = cut(line, ":");
    const auto first = number(cut(line, ":"));
    const auto size = number(line);
    if (first && size && *size != 0 && std::uint64_t{*first} + *size <= all_ids) visit(owner, IdRange{*first, *size});
  }
}

std::string name_in(std::string_view passwd, std::uint32_t uid) {
  while (!passwd.empty()) {
    auto line = cut(passwd, "\n");
    const auto name = cut(line, ":");
    cut(line, ":");  // the password
    if (number(cut(line, ":")) == uid) return std::string(name);
  }
  return {};
}

std::uint64_t end_of(const IdRange& range) noexcept {
  return std::uint64_t{range.first} + range.size;
}

bool overlaps(const IdMapping& mapping, const IdRange& range) noexcept {
  return mapping.host_id < end_of(range) && range.first < std::uint64_t{mapping.host_id} + mapping.size;
}

/// What is left of `from`…`end` behind the ranges that cover its beginning.
std::uint64_t skip_granted(std::uint64_t from, const std::vector<IdRange>& granted) {
  for (bool moved = true; moved;) {
    moved = false;
    for (const auto& range : granted) {
      if (from < range.first || from >= end_of(range)) continue;
      from = end_of(range);
      moved = true;
    }
  }
  return from;
}

}  // namespace

std::string UserName::text() const {
  return name.empty() ? std::to_string(uid) : name;
}

UserName own_user() {
  UserName user{{}, ::getuid()};
  user.name = name_in(try_read_file(working_directory, "/etc/passwd").value_or(""), user.uid);
  const char* name = std::getenv("USER");
  if (user.name.empty() && name) user.name = name;
  return user;
}

std::vector<IdRange> subordinate_ids(std::string_view text, const UserName& user) {
  const auto uid = std::to_string(user.uid);
  std::vector<IdRange> ranges;
  for_each_range(text, [&](std::string_view owner, const IdRange& range) {
    if ((!user.name.empty() && owner == user.name) || owner == uid) ranges.push_back(range);
  });
  return ranges;
}

IdRange free_ids(std::string_view text) {
  static constexpr std::uint64_t first_usual = 100'000;  // login.defs(5): SUB_UID_MIN
  static constexpr std::uint64_t count = 65'536;         // SUB_UID_COUNT
  std::uint64_t first = first_usual;
  for_each_range(text, [&](std::string_view, const IdRange& range) { first = std::max(first, end_of(range)); });
  first = std::min(first, all_ids - count);
  return {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(count)};
}

std::string command_to_grant(std::string_view file, const IdRange& range, const UserName& user) {
  const auto first = std::to_string(range.first);
  if (user.name.empty())
    return "echo " + std::to_string(user.uid) + ":" + first + ":" + std::to_string(range.size) + " >>/etc/" +
           std::string(file);
  return "usermod --add-" + std::string(file) + "s " + first + "-" + std::to_string(end_of(range) - 1) + " " +
         user.name;
}

std::vector<IdMapping> default_id_map(std::uint32_t own_id, const std::vector<IdRange>& subordinate) {
  std::vector<IdMapping> mappings{{0, own_id, 1}};
  std::uint64_t next = 1;
  static constexpr std::size_t most_mappings = 340;  // user_namespaces(7)
  for (const auto& range : subordinate) {
    // An id is mapped once, or the kernel refuses the whole map: /etc/subuid may have the user by name and by number.
    const bool is_mapped =
        std::any_of(mappings.begin(), mappings.end(), [&](const auto& mapping) { return overlaps(mapping, range); });
    if (is_mapped || next >= all_ids || mappings.size() == most_mappings) continue;
    const auto size = std::min(std::uint64_t{range.size}, all_ids - next);
    mappings.push_back({static_cast<std::uint32_t>(next), range.first, static_cast<std::uint32_t>(size)});
    next += size;
  }
  return mappings;
}

IdRange ungranted(const std::vector<IdMapping>& mappings, std::uint32_t own_id, const std::vector<IdRange>& granted) {
  auto all = granted;
  all.push_back({own_id, 1});
  for (const auto& mapping : mappings) {
    const auto end = std::uint64_t{mapping.host_id} + mapping.size;
    const auto from = skip_granted(mapping.host_id, all);
    if (from >= end) continue;
    auto to = end;
    for (const auto& range : all)
      if (range.first > from) to = std::min(to, std::uint64_t{range.first});
    return {static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to - from)};
  }
  return {};
}

}  // namespace oci
