// SPDX-License-Identifier: Apache-2.0
// Other mounts for a container that lives.
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <array>
#include <utility>

#include "base/held_signals.hpp"
#include "base/syscalls.hpp"
#include "container/entry.hpp"
#include "container/mount_service.hpp"
#include "container/presence.hpp"
#include "container/record.hpp"
#include "kernel/id_maps.hpp"
#include "oci/container.hpp"
#include "plan/host.hpp"
#include "plan/mount_changes.hpp"
#include "plan/mount_id_maps.hpp"
#include "spec/annotations.hpp"
#include "spec/check.hpp"

namespace oci {
namespace {

using Planner = InitPlan (*)(MountChange);

/// What config.json said at create of all but the mounts.
Spec spec_with(const std::vector<Mount>& mounts, const StateDirectory& directory, const Record& record) {
  auto spec = remembered_spec(directory);
  spec.mounts = mounts;
  check(spec.mounts);
  use_container_paths(spec, record.rootfs);
  return spec;
}

struct Namespaces {
  std::vector<OpenNamespace> to_enter;
  Fd pid;  ///< nobody goes there; whoever makes a procfs has to name it
};

bool same(FdRef one, FdRef other) {
  return sys::is_same_file(sys::fstat(one), sys::fstat(other));
}

/// ioctl_nsfs(2). No descriptor where that is none of this process's business: an outer or a foreign one.
Fd related(FdRef space, unsigned long question) {
  return Fd(::ioctl(space.get(), question));
}

/// Whoever runs as an ordinary user in the container can still make a user namespace of his own, and a mount namespace
/// below it, in which he may change every flag of what is mounted there, read-only too: flags are locked in copies only
/// (mount_namespaces(7)). So the first process has to be in a user namespace that was made from the runtime's, or in
/// that one itself, and its mount namespace has to belong to it.
void check_owner(FdRef mounts, FdRef user) {
  const auto own = sys::openat(working_directory, "/proc/self/ns/user", O_RDONLY);
  const auto parent = user.get() >= 0 ? related(user, NS_GET_PARENT) : Fd();
  const auto owner = related(mounts, NS_GET_USERNS);
  const bool is_ours = user.get() < 0 || (parent && same(parent, own));
  if (!is_ours || !owner || !same(owner, user.get() >= 0 ? user : FdRef(own)))
    throw Error("the container's first process has left its user or mount namespace, or these were not made for it",
                EPERM);
}

FdRef find(const Namespaces& namespaces, int type) {
  for (const auto& entry : namespaces.to_enter)
    if (entry.type == type) return entry.fd;
  return FdRef(-1);
}

/// A process that ends has no namespaces any more some time before its pidfd says so.
Fd open_namespace(const std::string& name, const Pidfd& first) {
  static constexpr int patience_ms = 2000;
  auto [space, code] = sys::try_openat(working_directory, name, O_RDONLY);
  if ((code == ENOENT || code == ESRCH) && sys::has_ended(first, patience_ms))
    throw Error("container not running", ESRCH);
  if (code != 0) throw Error::system("open " + name + " (O_RDONLY)", code);
  return std::move(space);
}

/// Where the number may be another process's by now, so may be the namespaces.
Namespaces namespaces_of(const Record& record, const Pidfd& first) {
  struct Entry {
    int type;
    const char* name;
  };
  static constexpr std::array entries{Entry{CLONE_NEWUSER, "user"}, Entry{CLONE_NEWNS, "mnt"},
                                      Entry{CLONE_NEWNET, "net"}, Entry{CLONE_NEWIPC, "ipc"},
                                      Entry{CLONE_NEWCGROUP, "cgroup"}};
  const std::string directory = "/proc/" + std::to_string(record.pid) + "/ns/";
  Namespaces found;
  for (const auto& [type, name] : entries)
    if ((record.namespaces & type) != 0)
      found.to_enter.push_back({open_namespace(directory + name, first), type, directory + name});
  if ((record.namespaces & CLONE_NEWPID) != 0) found.pid = open_namespace(directory + "pid", first);
  if (sys::has_ended(first, 0)) throw Error("container not running", ESRCH);
  check_owner(find(found, CLONE_NEWNS), find(found, CLONE_NEWUSER));
  return found;
}

Child launch(const Spec& spec, const Record& record, Namespaces& namespaces, Planner planner) {
  const auto wanted = extensions(record.annotations);
  auto mounts = mount_host(Host::probe(), spec, (record.namespaces & CLONE_NEWUSER) != 0, namespaces.pid);
  mounts.bundle = record.bundle;
  mounts.container_runs = true;
  mounts.context_option = wanted.context_option;
  if (needs_container_ids(spec)) mounts.container_ids = container_id_maps(spec.linux);
  // Born where the runtime is: the container's cgroup may be frozen.
  return Child::launch(planner({.spec = spec,
                                .host = mounts,
                                .namespaces = std::move(namespaces.to_enter),
                                .keeps_groups = wanted.keeps_groups}),
                       FdRef(-1));
}

/// The process walks the container's paths, and what serves these may keep it waiting: as long as the container lives.
void serve(Child& child, const Pidfd& first) {
  MountService service;
  for (;;) {
    if (!child.speaks_before(first)) throw Error("container not running", ESRCH);
    const auto message = child.next();
    if (!message) throw Error("the process that changes the mounts left without a word");
    if (message->word == Word::ready) return child.answer(Word::go);
    service.serve(child, *message, {});
  }
}

void change_mounts(const StateDirectory& directory, const std::vector<Mount>& mounts, Planner planner) {
  directory.lock();
  const auto record = existing(directory);
  const auto first = first_process(record);
  if (!first) throw Error("container not running", ESRCH);
  if ((record.namespaces & CLONE_NEWNS) == 0)
    throw Error("the container has no mount namespace of its own: its mounts are the host's", ENOTSUP);
  if (status_while_alive(directory, record) == Status::created) check_may_enter_created(record, "change the mounts of");
  const auto spec = spec_with(mounts, directory, record);
  prepare_entry({}, false);
  auto namespaces = namespaces_of(record, *first);
  directory.unlock();  // the container can make this take as long as it likes, and nothing else may wait for that
  // What would end the runtime waits until its process has ended (hence declared before it): killed with it, that one
  // would leave half of the mounts.
  const HeldSignals held{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
  auto child = launch(spec, record, namespaces, planner);
  serve(child, *first);
}

}  // namespace

void Container::add_mounts(const std::vector<Mount>& mounts) const {
  change_mounts(StateDirectory::open(store_, id_), mounts, plan_added_mounts);
}

void Container::remove_mounts(const std::vector<Mount>& mounts) const {
  change_mounts(StateDirectory::open(store_, id_), mounts, plan_removed_mounts);
}

}  // namespace oci
