// SPDX-License-Identifier: Apache-2.0
// What can be done to a container that stands.
#include "oci/container.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "container/creation.hpp"
#include "container/entry.hpp"
#include "container/hooks.hpp"
#include "container/host_view.hpp"
#include "container/notify.hpp"
#include "container/presence.hpp"
#include "container/record.hpp"
#include "kernel/cgroup.hpp"
#include "plan/hooks.hpp"

namespace oci {
namespace {

State current_state(const StateDirectory& directory, const std::string& id) {
  State state;
  state.id = id;
  state.owner = sys::fstat(directory.fd()).st_uid;
  const auto record = directory.load();
  if (!record) {
    state.status = Status::creating;
    state.bundle = directory.recall("bundle");
    if (state.bundle.empty()) throw Error("container does not exist", ENOENT);
    return state;
  }
  state.status = status_of(directory, *record);
  state.pid = state.status == Status::stopped ? 0 : record->pid;
  state.bundle = record->bundle;
  state.rootfs = record->rootfs;
  state.created = record->created;
  state.annotations = record->annotations;
  return state;
}

/// Absent when there is no such container, or not any more.
std::optional<StateDirectory> try_lock(const Store& store, const std::string& id) {
  try {
    auto directory = StateDirectory::open(store, id);
    directory.lock();
    return directory;
  } catch (const Error& error) {
    if (error.code() == ENOENT) return std::nullopt;
    throw;
  }
}

/// Waits until the process that was told to start has become the program or has ended.
void await_program(FdRef fifo, const Pidfd& process) {
  for (;;) {
    // A pipe without readers polls as POLLERR for its writer: execve has closed the process's end.
    std::array<pollfd, 2> waiting{{{fifo.get(), 0, 0}, {process.get(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) {
      if (errno == EINTR) continue;
      throw Error::system("wait for the program to start");
    }
    return;
  }
}

[[noreturn]] void refuse_to_start(Status status) {
  switch (status) {
    case Status::stopped:
      throw Error("cannot start a container that has stopped");
    case Status::running:
      throw Error("cannot start an already running container");
    default:
      throw Error(std::string("cannot start a container in the ") + to_string(status) + " state");
  }
}

void run_poststart_hooks(const Record& record, const std::optional<Cgroup>& cgroup,
                         const std::optional<Pidfd>& process) {
  try {
    run_hooks(record.poststart, "poststart", state_json(state_of(record, "running"), record.pid), record.bundle,
              record.annotations);
  } catch (const Error&) {
    // runtime.md, "Lifecycle", 9: a failing poststart hook stops the container.
    end_processes(cgroup, process);
    throw;
  }
}

}  // namespace

const char* to_string(Status status) noexcept {
  static constexpr std::array names{"creating", "created", "running", "paused", "stopped", "unknown"};
  return names.at(static_cast<std::size_t>(status));
}

Container Container::create(const Store& store, const std::string& id, const CreateOptions& options) {
  Creation creation(store, id, options, Starter::later_command);
  creation.stand();
  creation.keep();
  succeed(options, 0);
  return {store, id};
}

Container Container::open(const Store& store, const std::string& id) {
  check_id(id);
  // Whatever else is wrong with it, its use tells, which opens the directory.
  if (::access((store.root + "/" + id).c_str(), F_OK) < 0 && errno == ENOENT)
    throw Error("container does not exist", ENOENT);
  return {store, id};
}

State Container::state() const {
  return current_state(StateDirectory::open(store_, id_), id_);
}

void Container::start() const {
  const auto directory = StateDirectory::open(store_, id_);
  directory.lock();
  const auto record = existing(directory);
  const auto process = first_process(record);
  const auto status = process ? status_while_alive(directory, record) : Status::stopped;
  if (status != Status::created) refuse_to_start(status);
  auto fifo = sys::try_openat(directory.fd(), "exec.fifo", O_WRONLY | O_NONBLOCK);
  if (fifo.code == ENXIO) refuse_to_start(Status::stopped);
  if (fifo.code != 0) throw Error::system("open " + directory.path("exec.fifo") + " (O_WRONLY|O_NONBLOCK)", fifo.code);
  auto notify = NotifySocket::bind(directory);
  write_all(fifo.fd, "0", "exec.fifo");
  sys::unlinkat(directory.fd(), "exec.fifo");
  if (record.poststart.empty() && !notify) return;
  directory.unlock();  // a hook may take its time, and delete must not wait for it
  if (!record.poststart.empty()) {
    await_program(fifo.fd, *process);
    run_poststart_hooks(record, cgroup_of(record), process);
  }
  if (notify) notify->wait(*process, record.pid);
}

void Container::kill(int signal, bool all) const {
  const auto record = existing(StateDirectory::open(store_, id_));
  const auto process = first_process(record);
  // Without a pid namespace of its own nothing ends the other processes when the first one does.
  const bool shares_pids = (record.namespaces & CLONE_NEWPID) == 0;
  const auto cgroup = cgroup_of(record);
  if (cgroup && (all || (signal == SIGKILL && shares_pids))) {
    if (!process && !all && cgroup->processes().empty()) throw Error("container not running", ESRCH);
    if (signal == SIGKILL) return cgroup->kill();
    return cgroup->signal(signal);
  }
  if (!process || !sys::pidfd_send_signal(*process, signal)) {
    // As with a cgroup that nobody is in any more: all that there were have got it. runc's suite wants `kill --all` of
    // a stopped container to succeed.
    if (all) return;
    throw Error("container not running", ESRCH);
  }
}

void Container::pause() const {
  const auto directory = StateDirectory::open(store_, id_);
  directory.lock();
  const auto record = existing(directory);
  const auto status = status_of(directory, record);
  if (status != Status::running && status != Status::created) throw Error("container not running");
  cgroup_to_freeze(record).freeze();
}

void Container::resume() const {
  const auto directory = StateDirectory::open(store_, id_);
  directory.lock();
  const auto record = existing(directory);
  if (status_of(directory, record) != Status::paused) throw Error("container not paused");
  cgroup_to_freeze(record).thaw();
}

std::vector<pid_t> Container::processes() const {
  const auto record = existing(StateDirectory::open(store_, id_));
  if (const auto cgroup = cgroup_of(record)) return cgroup->processes();
  return first_process(record) ? std::vector<pid_t>{record.pid} : std::vector<pid_t>{};
}

void Container::remove(bool force) const {
  auto directory = try_lock(store_, id_);
  if (!directory) {
    if (force) return;
    throw Error("container does not exist", ENOENT);
  }
  std::optional<Record> record;
  try {
    record = directory->load();
  } catch (const Error& error) {
    if (!force) throw;
    log::warning(error.what());
  }
  if (!record) {
    if (!force)
      throw Error("container " + id_ + " has not been created completely; delete --force removes what there is");
    return remove_remains(store_, id_);
  }
  const auto status = status_of(*directory, *record);
  if (!force && status != Status::stopped && status != Status::created)
    throw Error("cannot delete container " + id_ + " that is not stopped: " + to_string(status));
  remove_container(*directory, *record, force);
}

std::vector<State> list(const Store& store) {
  std::vector<State> states;
  for (const auto& id : ids_in(store)) {
    try {
      states.push_back(current_state(StateDirectory::open(store, id), id));
    } catch (const Error& error) {
      if (error.code() == ENOENT) continue;  // deleted since the directory was read, or never made completely
      State damaged;
      damaged.id = id;
      damaged.problem = error.what();
      states.push_back(std::move(damaged));
    }
  }
  return states;
}

void remove_remains(const Store& store, const std::string& id) {
  std::optional<StateDirectory> directory;
  try {
    directory.emplace(StateDirectory::open(store, id));
  } catch (const Error& error) {
    if (error.code() == ENOENT) return;
    throw;
  }
  end_remembered_process(*directory);
  if (const auto path = directory->recall("cgroup"); !path.empty())
    if (const auto cgroup = Cgroup::try_open(path)) {
      cgroup->kill();
      cgroup->remove();
    }
  const auto resctrl = directory->recall("resctrl");
  const auto monitoring = directory->recall("resctrl_monitoring");
  remove_resctrl_group({resctrl, monitoring, !resctrl.empty(), !monitoring.empty()});
  clear_host_view(*directory);
  forget_unit(unit_from_text(directory->recall("unit")));
  directory->remove();
}

}  // namespace oci
