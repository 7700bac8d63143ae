// SPDX-License-Identifier: Apache-2.0
#include "plan/mount_id_maps.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "base/text.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

[[noreturn]] void reject_range(std::string_view range) {
  throw Error::in_field("options", "\"" + std::string(range) + R"(" is no range of ids, such as "0-100000-65536")");
}

IdMapping parse_range(const std::string_view range) {
  std::array<std::uint32_t, 3> numbers{};
  std::string_view rest = range;
  for (auto& number : numbers) {
    const auto word = cut(rest, "-");
    const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (word.empty() || code != std::errc{} || end != word.data() + word.size()) reject_range(range);
  }
  if (!rest.empty() || range.ends_with('-') || numbers[2] == 0) reject_range(range);
  return {numbers[0], numbers[1], numbers[2]};
}

/// What the host has for ids of the container, in as many ranges as its user namespace has them in.
void append_relative(std::vector<IdMapping>& mappings, const IdMapping& relative,
                     const std::vector<IdMapping>& container) {
  std::uint64_t done = 0;
  while (done < relative.size) {
    const std::uint64_t id = relative.host_id + done;
    const auto* range = mapping_of(container, id);
    if (!range)
      throw Error::in_field("options", "id " + std::to_string(id) +
                                           " is not mapped in the container's user namespace, and \"@\" counts in it");
    const std::uint64_t offset = id - range->container_id;
    const auto size = std::min<std::uint64_t>(relative.size - done, range->size - offset);
    mappings.push_back({static_cast<std::uint32_t>(relative.container_id + done),
                        static_cast<std::uint32_t>(range->host_id + offset), static_cast<std::uint32_t>(size)});
    done += size;
  }
}

/// "0-1-10#10-11-10": file system's id, host's id, how many. With "@" in front the second is the container's.
std::vector<IdMapping> parse_ranges(std::string_view text, const std::vector<IdMapping>& container) {
  std::vector<IdMapping> mappings;
  do {
    auto range = cut(text, "#");
    const bool relative = range.starts_with('@');
    if (relative) range.remove_prefix(1);
    const auto mapping = parse_range(range);
    if (relative)
      append_relative(mappings, mapping, container);
    else
      mappings.push_back(mapping);
  } while (!text.empty());
  return mappings;
}

MountIdMaps parse_option(std::string_view text, const IdMaps& container) {
  MountIdMaps maps;
  while (!text.empty()) {
    auto part = cut(text, ";");
    const auto kind = cut(part, "=");
    if (kind != "uids" && kind != "gids")
      throw Error::in_field("options",
                            "\"" + std::string(kind) + "\" is neither uids nor gids, which is what idmap= takes");
    auto& mappings = kind == "uids" ? maps.uids : maps.gids;
    if (!mappings.empty()) throw Error::in_field("options", "idmap= has " + std::string(kind) + " twice");
    mappings = parse_ranges(part, kind == "uids" ? container.uids : container.gids);
  }
  // The kernel takes no user namespace with one map (EINVAL).
  if (maps.uids.empty() || maps.gids.empty()) throw Error::in_field("options", "idmap= needs both uids and gids");
  return maps;
}

bool has_own_mappings(const Mount& mount) {
  return !mount.uid_mappings.empty() || !mount.gid_mappings.empty();
}

MountIdMaps own_mappings(const Mount& mount) {
  static constexpr auto together = "missing, and an id-mapped mount needs uidMappings and gidMappings together";
  if (mount.uid_mappings.empty()) throw Error::in_field("uidMappings", together);
  if (mount.gid_mappings.empty()) throw Error::in_field("gidMappings", together);
  return {.uids = mount.uid_mappings, .gids = mount.gid_mappings};
}

MountIdMaps find_maps(const Mount& mount, const MountOptions& options, const IdMaps& container) {
  if (has_own_mappings(mount) && options.id_maps)
    throw Error::in_field("options", "idmap=" + *options.id_maps + " contradicts uidMappings and gidMappings");
  if (has_own_mappings(mount)) return own_mappings(mount);
  if (options.id_maps) return parse_option(*options.id_maps, container);
  if (container.uids.empty())
    throw Error::in_field("options", "idmap needs uidMappings and gidMappings, or a container with a user namespace");
  return {.uids = container.uids, .gids = container.gids};
}

}  // namespace

std::optional<MountIdMaps> mount_id_maps(const Mount& mount, const MountOptions& options, const IdMaps& container) {
  if (options.id_map == MountOptions::IdMap::none && !has_own_mappings(mount)) return std::nullopt;
  auto maps = find_maps(mount, options, container);
  maps.recursive = options.id_map == MountOptions::IdMap::recursive;
  return maps;
}

bool needs_container_ids(const Spec& spec) {
  return std::any_of(spec.mounts.begin(), spec.mounts.end(), [](const Mount& mount) {
    const auto options = parse_mount_options(mount.options);
    if (options.id_map == MountOptions::IdMap::none || has_own_mappings(mount)) return false;
    return !options.id_maps || options.id_maps->find('@') != std::string::npos;
  });
}

}  // namespace oci
