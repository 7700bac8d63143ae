// SPDX-License-Identifier: Apache-2.0
#include "plan/namespaces.hpp"

#include <linux/magic.h>
#include <sched.h>

#include "base/syscalls.hpp"
#include "oci/error.hpp"
#include "spec/names.hpp"

namespace oci {
namespace {

std::string time_offsets(const Linux& linux) {
  std::string text;
  for (const auto& [clock, offset] : linux.time_offsets)
    text += clock + " " + std::to_string(offset.secs) + " " + std::to_string(offset.nanosecs) + "\n";
  return text;
}

}  // namespace

NamespacePlan plan_namespaces(const Linux& linux) {
  int made = 0;
  int joined = 0;
  for (const auto& entry : linux.namespaces) (entry.path.empty() ? made : joined) |= name_of(entry.type).flag;

  NamespacePlan plan;
  plan.types = made | joined;
  plan.new_user = (made & CLONE_NEWUSER) != 0;
  plan.user = plan.new_user || (joined & CLONE_NEWUSER) != 0;

  // A cgroup namespace shows as its root the cgroup of whoever makes it (cgroup_namespaces(7)), and clone3 takes its
  // copy before it moves the child into the new cgroup. A time namespace takes offsets only until its first process
  // (time_namespaces(7)).
  int afterwards = made & (CLONE_NEWCGROUP | CLONE_NEWTIME);
  // What belongs to a joined user namespace must be made inside it.
  if ((joined & CLONE_NEWUSER) != 0) afterwards = made;
  // Once in a pid namespace as its first process it can no longer be born again.
  if ((afterwards & CLONE_NEWTIME) != 0) afterwards |= made & CLONE_NEWPID;
  plan.unshare_flags = afterwards;
  plan.clone_flags = made & ~afterwards;

  if ((afterwards & CLONE_NEWPID) != 0)
    plan.birth = Birth::early;
  else if ((joined & CLONE_NEWPID) != 0 || (afterwards & CLONE_NEWTIME) != 0)
    plan.birth = Birth::late;
  return plan;
}

std::vector<OpenNamespace> open_namespaces(const Linux& linux) {
  std::vector<OpenNamespace> result;
  for (std::size_t i = 0; i < linux.namespaces.size(); ++i) {
    const auto& entry = linux.namespaces[i];
    if (entry.path.empty()) continue;
    in_context([&] { return "linux.namespaces[" + std::to_string(i) + "].path"; },
               [&] {
                 // Not to wait for a FIFO's writer.
                 auto file = sys::openat(working_directory, entry.path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
                 if (sys::filesystem_magic(file) != NSFS_MAGIC) throw Error(entry.path + " is no namespace", EINVAL);
                 result.push_back({std::move(file), name_of(entry.type).flag, entry.path});
               });
  }
  return result;
}

bool is_own_namespace(const Namespace& entry) {
  const auto own =
      sys::try_fstatat(working_directory, "/proc/self/ns/" + std::string(name_of(entry.type).proc_name), 0);
  const auto other = sys::try_fstatat(working_directory, entry.path, 0);
  return own && other && sys::is_same_file(*own, *other);
}

FdRef add_namespaces(InitPlan& plan, const Linux& linux, const NamespacePlan& namespaces) {
  static constexpr auto field = "linux.namespaces";
  plan.clone_flags = namespaces.clone_flags;
  auto joined = open_namespaces(linux);
  FdRef pid_namespace(-1);
  for (const auto& entry : joined)
    if (entry.type == CLONE_NEWPID) pid_namespace = entry.fd;
  if (namespaces.new_user) plan.add(Meet{Word::adopt}, field);  // only the runtime may write the id maps
  if (!joined.empty()) plan.add(JoinNamespaces{std::move(joined), !linux.time_offsets.empty()}, field);
  if (namespaces.unshare_flags != 0) plan.add(Unshare{namespaces.unshare_flags}, field);
  // Before BecomeRoot, which takes the right to open one's own files in the host's /proc away.
  if (!linux.time_offsets.empty()) plan.add(SetTimeOffsets{time_offsets(linux)}, "linux.timeOffsets");
  if (namespaces.user) plan.add(BecomeRoot{namespaces.keeps_groups}, field);
  if (namespaces.birth == Birth::early) plan.add(Fork{}, field);
  return pid_namespace;
}

}  // namespace oci
