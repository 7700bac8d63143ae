// SPDX-License-Identifier: Apache-2.0
#include "container/presence.hpp"

#include <sched.h>
#include <unistd.h>

#include <charconv>
#include <csignal>

#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "base/timing.hpp"
#include "container/hooks.hpp"
#include "container/host_view.hpp"
#include "container/record.hpp"
#include "oci/error.hpp"
#include "plan/hooks.hpp"

namespace oci {
namespace {

constexpr int patience_ms = 10'000;

}  // namespace

Record existing(const StateDirectory& directory) {
  auto record = directory.load();
  if (!record && directory.recall("bundle").empty())
    throw Error("container does not exist", ENOENT);  // deleted meanwhile
  if (!record) throw Error("container is still being created");
  return std::move(*record);
}

std::optional<Pidfd> first_process(const Record& record) {
  auto process = sys::try_pidfd_open(record.pid);
  // Opened before the comparison: what is compared is what is held.
  if (!process || start_time_of(record.pid) != record.start_time) return std::nullopt;
  return process;
}

std::optional<Cgroup> cgroup_of(const Record& record) {
  if (record.cgroup.empty()) return std::nullopt;
  return Cgroup::try_open(record.cgroup);
}

Cgroup cgroup_to_freeze(const Record& record) {
  auto cgroup = cgroup_of(record);
  if (!cgroup) throw Error("the container has no cgroup, and only a cgroup can be frozen");
  return std::move(*cgroup);
}

Status status_of(const StateDirectory& directory, const Record& record) {
  if (start_time_of(record.pid) != record.start_time) return Status::stopped;
  return status_while_alive(directory, record);
}

Status status_while_alive(const StateDirectory& directory, const Record& record) {
  if (!record.cgroup.empty() && Cgroup::is_frozen(record.cgroup)) return Status::paused;
  return directory.awaits_start() ? Status::created : Status::running;
}

void check_may_enter_created(const Record& record, const std::string& deed) {
  if (::geteuid() == 0 || (record.namespaces & CLONE_NEWUSER) == 0) return;
  throw Error("cannot " + deed +
                  " a container that waits for start: only root may enter it, as nobody else may look into "
                  "its process (CVE-2016-9962); runtime start " +
                  record.id,
              EPERM);
}

void end_processes(const std::optional<Cgroup>& cgroup, const std::optional<Pidfd>& process) {
  if (cgroup) cgroup->kill();
  if (!process) return;
  sys::pidfd_send_signal(*process, SIGKILL);
  if (!sys::has_ended(*process, patience_ms)) throw Error("container init still running");
}

void end_remembered_process(const StateDirectory& directory) {
  const auto known = directory.recall("process");
  Record record;
  const auto colon = known.find(':');
  if (colon == known.npos) return;
  std::from_chars(known.data(), known.data() + colon, record.pid);
  std::from_chars(known.data() + colon + 1, known.data() + known.size(), record.start_time);
  if (record.pid > 0) end_processes(std::nullopt, first_process(record));
}

void forget_unit(const SystemdUnit& unit) {
  try {
    remove_unit(unit);
  } catch (const Error& error) {
    log::warning(std::string(error.what()) + "; its cgroup is gone");
  }
}

void run_poststop_hooks(const Record& record) {
  // runtime.md, "Lifecycle", 13: a failing poststop hook is a warning, and the others run all the same.
  const auto state = state_json(state_of(record, "stopped"), 0);
  for (const auto& failure : run_every_hook(record.poststop, "poststop", state, record.bundle, record.annotations))
    log::warning(failure);
}

void remove_container(StateDirectory& directory, const Record& record, bool force) {
  timing::phase("remove");
  const auto cgroup = cgroup_of(record);
  const auto process = first_process(record);
  const bool own_pids = (record.namespaces & CLONE_NEWPID) != 0;
  if (force || process || !own_pids) end_processes(cgroup, process);
  if (cgroup) cgroup->remove();
  if (record.resctrl) remove_resctrl_group(*record.resctrl);
  clear_host_view(directory);
  forget_unit(record.unit);
  directory.remove();
  run_poststop_hooks(record);
}

void remove_after_run(StateDirectory& directory, const Record& record) {
  try {
    directory.lock();
    remove_container(directory, record, false);
  } catch (const Error& error) {
    if (error.code() != ENOENT) log::warning(error.what());  // else somebody else has deleted it
  }
}

}  // namespace oci
