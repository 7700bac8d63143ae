// SPDX-License-Identifier: Apache-2.0
#include "container/exec_cgroup.hpp"

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "base/text.hpp"
#include "container/presence.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/cgroup_apply.hpp"
#include "spec/annotations.hpp"

namespace oci {
namespace {

/// A path of directories below a cgroup; nothing that leads out of it.
void check_sub_cgroup(const std::string& sub) {
  const auto clean = clean_path("/" + sub);
  if (("/" + sub).find("/..") != std::string::npos || clean.empty())
    throw Error(sub + " is not a sub cgroup path: bad sub cgroup path");
}

/// Where the first process is now, as an absolute directory; empty when that cannot be told.
std::string current_cgroup_of(pid_t pid) {
  const auto text = try_read_file(working_directory, "/proc/" + std::to_string(pid) + "/cgroup");
  if (!text) return {};
  std::string_view rest(*text);
  while (!rest.empty()) {
    const auto line = cut(rest, "\n");
    if (line.starts_with("0::")) return CgroupHost::probe().mount + std::string(line.substr(3));
  }
  return {};
}

/// The same of a process that is still there once it has been read: not of another with its number.
std::string current_cgroup_of(const Record& record) {
  auto path = current_cgroup_of(record.pid);
  if (!first_process(record)) throw Error("cannot exec in a stopped container");
  return path;
}

using PlanMaker = std::function<InitPlan()>;

Child launch_below(const std::string& path, const PlanMaker& make_plan) {
  const auto directory = sys::openat(working_directory, path, O_PATH | O_DIRECTORY);
  auto plan = make_plan();
  try {
    return Child::launch(std::move(plan), directory);
  } catch (const Error& error) {
    const bool denied = error.code() == EACCES || error.code() == EPERM;
    const auto cgroup = denied ? Cgroup::try_open(path) : std::nullopt;
    if (!cgroup) throw;
    throw Error(std::string(error.what()) + ": " + why_no_entry(*cgroup, error.code()), error.code());
  }
}

}  // namespace

Child launch_in_cgroup(const Record& record, const std::string& sub, const PlanMaker& make_plan) {
  check_sub_cgroup(sub);
  if (record.cgroup.empty()) {
    if (!sub.empty()) throw Error("--cgroup: the container has no cgroup");
    return Child::launch(make_plan(), FdRef(-1));
  }
  const bool asked = !sub.empty();
  // What the container manages itself may be a subtree in which processes have no place above.
  if (!asked && !extensions(record.annotations).delegated_cgroup.empty())
    return launch_below(current_cgroup_of(record), make_plan);
  const auto path = asked ? clean_path(record.cgroup + "/" + sub) : record.cgroup;
  try {
    return launch_below(path, make_plan);
  } catch (const Error& error) {
    // EBUSY: controllers are enabled for its children, so it must not hold processes itself (cgroups(7)).
    const bool elsewhere = error.code() == EBUSY || error.code() == ENOENT || error.code() == ENODEV;
    // runc's words, which its test suite looks for; it has a number there, which ours gets only in its cgroup.
    if (asked) throw Error("adding pid of a new process to cgroups: " + std::string(error.what()), error.code());
    if (!elsewhere) throw;
  }
  return launch_below(current_cgroup_of(record), make_plan);
}

}  // namespace oci
