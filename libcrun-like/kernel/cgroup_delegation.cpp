// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup_delegation.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "base/files.hpp"
#include "base/text.hpp"
#include "kernel/id_maps.hpp"
#include "oci/error.hpp"
#include "spec/annotations.hpp"

namespace oci {
namespace {

std::string annotation() {
  return "annotation run.oci.delegate-cgroup";
}

}  // namespace

std::optional<uid_t> uid_outside(const Spec& spec) {
  if (!spec.process) return std::nullopt;
  const auto uid = spec.process->user.uid;
  if (!spec.linux.find(NamespaceType::user)) return uid;
  const auto* mapping = mapping_of(spec.linux.uid_mappings, uid);
  return mapping ? std::optional(mapping->host_id + (uid - mapping->container_id)) : std::nullopt;
}

void delegate(const Cgroup& cgroup, uid_t uid) {
  if (uid == ::geteuid()) return;
  static constexpr auto same_group = static_cast<gid_t>(-1);
  const auto give = [&](const std::string& file, int flags) {
    if (::fchownat(cgroup.directory().get(), file.c_str(), uid, same_group, flags) < 0 && errno != ENOENT)
      throw Error::system("chown " + cgroup.path() + "/" + file + " to " + std::to_string(uid));
  };
  give("", AT_EMPTY_PATH);
  std::string files = try_read_file(working_directory, "/sys/kernel/cgroup/delegate")
                          .value_or("cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n");
  for (std::string_view rest = files; !rest.empty();) {
    const auto line = cut(rest, "\n");
    if (line.find('/') == std::string_view::npos && !line.empty()) give(std::string(line), 0);
  }
}

DelegatedCgroup::DelegatedCgroup(const Spec& spec, std::string cgroup)
    : cgroup_(std::move(cgroup)),
      below_(extensions(spec.annotations).delegated_cgroup),
      owner_(below_.empty() ? std::nullopt : uid_outside(spec)) {
  if (below_.empty()) return;
  if (cgroup_.empty()) throw Error(annotation() + ": the container has no cgroup");
  if (CgroupHost::probe().hybrid)
    throw Error(annotation() + ": cgroup v1, which this host has beside cgroup2, cannot be delegated", ENOTSUP);
}

void DelegatedCgroup::enter(pid_t process) const {
  if (below_.empty()) return;
  in_context(annotation, [&] {
    static constexpr mode_t mode = 0755;
    for (std::size_t end = 0; end != std::string::npos;) {
      end = below_.find('/', end + 1);
      const auto path = cgroup_ + below_.substr(0, end);
      if (::mkdir(path.c_str(), mode) < 0 && errno != EEXIST) throw Error::system("mkdir " + path);
      const auto made = Cgroup::open(path);
      if (owner_) delegate(made, *owner_);
      if (end == std::string::npos) write_file(made.directory(), "cgroup.procs", std::to_string(process));
    }
  });
}

}  // namespace oci
