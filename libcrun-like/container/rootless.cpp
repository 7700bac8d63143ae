// SPDX-License-Identifier: Apache-2.0
#include "container/rootless.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/files.hpp"
#include "base/log.hpp"
#include "kernel/id_map_helper.hpp"
#include "kernel/id_maps.hpp"
#include "kernel/subordinate_ids.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

/// A map, or the one line that makes it longer.
std::vector<IdMapping> own_map(std::string_view kind, std::uint32_t own_id, std::string& limitation) {
  const auto helper = find_id_map_helper(kind);
  const auto text = subordinate_text(kind);
  const auto user = own_user();
  auto ranges = subordinate_ids(text, user);
  const auto file = "sub" + std::string(kind);
  std::string why = helper.obstacle;
  if (ranges.empty())
    why = "/etc/" + file + " has no ids for " + user.text() + ": " + command_to_grant(file, free_ids(text), user);
  if (why.empty()) return default_id_map(own_id, ranges);
  limitation.append(limitation.empty() ? "" : "; ").append(why);
  return default_id_map(own_id, {});
}

/// devpts(5) makes terminals belong to a group that has to be mapped; where it is not, they belong to the container's
/// own.
void drop_unmapped_terminal_group(Mount& mount, const std::vector<IdMapping>& gids) {
  static constexpr std::string_view key = "gid=";
  std::erase_if(mount.options, [&](const std::string& option) {
    if (!option.starts_with(key)) return false;
    std::uint32_t gid = 0;
    const auto [end, error] = std::from_chars(option.data() + key.size(), option.data() + option.size(), gid);
    return error == std::errc{} && *end == '\0' && !mapping_of(gids, gid);
  });
}

void check_mapped(std::string_view field, std::uint32_t id, const std::vector<IdMapping>& map,
                  const std::string& limitation) {
  if (mapping_of(map, id)) return;
  throw Error(std::string(field) + ": " + std::to_string(id) + " is none of the ids that this user's containers have" +
                  (limitation.empty() ? "" : ": " + limitation),
              EINVAL);
}

void check_user(const User& user, const OwnIds& ids) {
  check_mapped("process.user.uid", user.uid, ids.uids, ids.limitation);
  check_mapped("process.user.gid", user.gid, ids.gids, ids.limitation);
  for (const auto gid : user.additional_gids)
    check_mapped("process.user.additionalGids", gid, ids.gids, ids.limitation);
}

OwnIds find_own_ids() {
  OwnIds ids;
  ids.uids = own_map("uid", ::geteuid(), ids.limitation);
  ids.gids = own_map("gid", ::getegid(), ids.limitation);
  return ids;
}

bool has(const Host& host, unsigned capability) {
  return (host.capabilities >> capability & 1U) != 0;
}

}  // namespace

void add_user_namespace(Spec& spec, const OwnIds& ids) {
  check_user(spec.process->user, ids);
  spec.linux.namespaces.push_back({NamespaceType::user, {}});
  spec.linux.uid_mappings = ids.uids;
  spec.linux.gid_mappings = ids.gids;
  for (auto& mount : spec.mounts)
    if (mount.type == "devpts") drop_unmapped_terminal_group(mount, ids.gids);
}

void adapt_to_caller(Spec& spec, Host& host) {
  // Whoever has this capability can make all namespaces himself.
  if (!spec.linux.find(NamespaceType::user) && !has(host, CAP_SYS_ADMIN)) {
    const auto ids = find_own_ids();
    add_user_namespace(spec, ids);
    if (!ids.limitation.empty()) log::warning("the container has no ids but its root's: " + ids.limitation);
  }
  const auto* user = spec.linux.find(NamespaceType::user);
  // With neither maps to write nor a namespace to enter, in front of which the process hides itself
  // (init/namespaces.cpp), nothing is in the way of doing it as early as for root.
  if (!user && ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) throw Error::system("prctl PR_SET_DUMPABLE");
  const bool makes_one = user && user->path.empty();
  // Whoever writes the map himself, without the capability, has to forbid setgroups(2) first.
  if (makes_one && !has(host, CAP_SETGID) &&
      map_writer(spec.linux.gid_mappings, ::getegid(), false) == MapWriter::runtime)
    host.may_set_groups = false;
}

void warn_of_shared_pids(const Spec& spec, const Host& host) {
  const bool privileged = host.euid == 0 && !host.in_user_namespace;
  const auto* pids = spec.linux.find(NamespaceType::pid);
  if (privileged || (pids && pids->path.empty())) return;
  // runc's words, which its test suite looks for.
  log::warning(
      "Creating a rootless container with no cgroup and no private pid namespace. Such configuration is strongly "
      "discouraged, as it is impossible to properly kill all container's processes.");
}

std::string why_no_user_namespace(const UserNamespaceSwitches& switches) {
  if (switches.clone.starts_with('0'))
    return "this kernel makes user namespaces for root only: sysctl -w kernel.unprivileged_userns_clone=1";
  if (switches.most.starts_with('0')) return "no user namespaces are allowed: sysctl -w user.max_user_namespaces=15000";
  if (switches.apparmor.starts_with('1'))
    return "AppArmor restricts user namespaces: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or a profile "
           "for the runtime with the rule userns";
  return {};
}

std::string why_no_user_namespace(int code) {
  if (code != EPERM && code != EACCES && code != ENOSPC && code != EUSERS) return {};
  const auto content = [](const char* name) {
    return try_read_file(working_directory, std::string("/proc/sys/") + name).value_or("");
  };
  return why_no_user_namespace({.clone = content("kernel/unprivileged_userns_clone"),
                                .most = content("user/max_user_namespaces"),
                                .apparmor = content("kernel/apparmor_restrict_unprivileged_userns")});
}

bool may_set_groups_beside(pid_t pid) {
  const auto text = try_read_file(working_directory, "/proc/" + std::to_string(pid) + "/setgroups");
  return !text || !text->starts_with("deny");
}

}  // namespace oci
