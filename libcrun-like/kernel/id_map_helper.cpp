// SPDX-License-Identifier: Apache-2.0
#include "kernel/id_map_helper.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/command.hpp"
#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "base/text.hpp"
#include "kernel/id_maps.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

bool has_capability(unsigned capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> values{};
  if (::syscall(SYS_capget, &header, values.data()) < 0) throw Error::system("capget");
  return (values.at(CAP_TO_INDEX(capability)).effective & CAP_TO_MASK(capability)) != 0;
}

bool is_privileged_file(const std::string& program) {
  struct statvfs mount {};
  if (::statvfs(program.c_str(), &mount) == 0 && (mount.f_flag & ST_NOSUID) != 0) return false;
  const auto status = sys::try_fstatat(working_directory, program, 0);
  return (status && (status->st_mode & S_ISUID) != 0) ||
         ::getxattr(program.c_str(), "security.capability", nullptr, 0) > 0;
}

std::string ids(const IdRange& range) {
  const auto first = std::to_string(range.first);
  return range.size == 1 ? first : first + "-" + std::to_string(std::uint64_t{range.first} + range.size - 1);
}

/// "newuidmap 4711 0 1000 1 1 100000 65536", its words apart.
std::vector<std::string> words_for(const std::string& name, pid_t pid, const std::vector<IdMapping>& mappings) {
  std::vector<std::string> words{name, std::to_string(pid)};
  for (const auto& mapping : mappings)
    for (const auto id : {mapping.container_id, mapping.host_id, mapping.size}) words.push_back(std::to_string(id));
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

std::string helper_name(std::string_view kind) {
  return "new" + std::string(kind) + "map";
}

/// One of the two maps.
struct Map {
  std::string_view kind;  ///< "uid", "gid"
  const std::vector<IdMapping>& mappings;
  std::uint32_t own_id;
};

void have_written(const Map& map, pid_t pid) {
  const auto helper = find_id_map_helper(map.kind);
  const auto name = helper_name(map.kind);
  if (helper.program.empty())
    throw Error("mapping other ids than the user's own, " + std::to_string(map.own_id) + ": " + helper.obstacle,
                ENOENT);
  static constexpr std::int64_t patience_s = 30;  // it may have to ask a directory service
  const Command command{
      .path = helper.program, .args = words_for(name, pid, map.mappings), .timeout_s = patience_s, .noun = name};
  const auto outcome = run(command);
  if (outcome.succeeded()) return;
  const auto why = helper.obstacle.empty()
                       ? what_is_not_granted(map.kind, map.mappings, map.own_id, own_user(), subordinate_text(map.kind))
                       : helper.obstacle;
  throw Error(joined(command.args) + ": " + describe_failure(command, outcome) + (why.empty() ? "" : "; " + why),
              EPERM);
}

std::string find_in_path(const std::string& name, const char* path) {
  std::string_view rest(path && *path != '\0' ? path : "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
  while (!rest.empty()) {
    const auto directory = cut(rest, ":");
    if (!directory.starts_with('/')) continue;
    auto file = std::string(directory) + "/" + name;
    struct stat status {};
    const bool is_program = ::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode);
    if (is_program && ::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

}  // namespace

MapWriter map_writer(const std::vector<IdMapping>& mappings, std::uint32_t own_id, bool has_capability) {
  const bool only_own = mappings.size() == 1 && mappings.front().size == 1 && mappings.front().host_id == own_id;
  return only_own || has_capability ? MapWriter::runtime : MapWriter::helper;
}

IdMapHelper find_id_map_helper(std::string_view kind, const char* path, bool no_new_privs) {
  const auto name = helper_name(kind);
  IdMapHelper helper{find_in_path(name, path), {}};
  if (helper.program.empty())
    helper.obstacle = name + " is in no directory of $PATH: install uidmap (Debian) or shadow-utils (Fedora)";
  else if (no_new_privs)
    helper.obstacle = "the caller has no_new_privs, with which " + name +
                      " gains no privileges: call the runtime without (NoNewPrivileges=no in a unit)";
  else if (!is_privileged_file(helper.program))
    helper.obstacle = helper.program + " has no privileges, or is on a mount with nosuid: chmod u+s " + helper.program;
  return helper;
}

IdMapHelper find_id_map_helper(std::string_view kind) {
  return find_id_map_helper(kind, std::getenv("PATH"), ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

std::string what_is_not_granted(std::string_view kind, const std::vector<IdMapping>& mappings, std::uint32_t own_id,
                                const UserName& user, std::string_view subordinate) {
  const auto file = "sub" + std::string(kind);
  const auto missing = ungranted(mappings, own_id, subordinate_ids(subordinate, user));
  if (missing.size == 0) return {};
  return "/etc/" + file + " does not give " + ids(missing) + " to " + user.text() + ": " +
         command_to_grant(file, missing, user);
}

std::string subordinate_text(std::string_view kind) {
  try {
    return try_read_file(working_directory, "/etc/sub" + std::string(kind)).value_or("");
  } catch (const Error&) {
    return {};
  }
}

void write_id_maps_unprivileged(pid_t pid, const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids) {
  const auto directory = "/proc/" + std::to_string(pid);
  const Map uid_map{"uid", uids, ::geteuid()};
  const Map gid_map{"gid", gids, ::getegid()};
  at_path([] { return "uidMappings"; },
          [&] {
            if (map_writer(uids, uid_map.own_id, has_capability(CAP_SETUID)) == MapWriter::helper)
              return have_written(uid_map, pid);
            write_file(working_directory, directory + "/uid_map", id_map_text(uids));
          });
  at_path([] { return "gidMappings"; },
          [&] {
            const bool may_map = has_capability(CAP_SETGID);
            if (map_writer(gids, gid_map.own_id, may_map) == MapWriter::helper) return have_written(gid_map, pid);
            // Who writes it without the capability must have given up setgroups(2) first, or membership in a group
            // could be dropped to escape a permission that denies it (user_namespaces(7)).
            if (!may_map) write_file(working_directory, directory + "/setgroups", "deny");
            write_file(working_directory, directory + "/gid_map", id_map_text(gids));
          });
}

}  // namespace oci
