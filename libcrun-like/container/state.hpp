// SPDX-License-Identifier: Apache-2.0
// What is remembered of a container between two commands: one directory in the store.
//
//   <root>/<id>/            made first: the lock against a second create (mkdir is atomic)
//               bundle      a link to the bundle        } before the first side effect, so that `delete --force` finds
//               cgroup      a link to the cgroup        } what a create that was killed has left behind; a cgroup that
//                                                       } systemd makes is known, with its unit, only thereafter
//               unit        the unit and its bus, as a link that leads nowhere
//               resctrl     a link to the resctrl group     } that create makes
//               resctrl_monitoring  one to the monitoring group   }
//               process     "PID:START TIME", as a link that leads nowhere: the process, should state.json get lost
//               state.json  once the process stands; the keys that other tools read are runc's
//               config.json as it was at create: exec works from it when the bundle is gone
//               devices     a link that leads nowhere: update has set other device rules than config.json has
//               exec.fifo   as long as the process waits for start
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/handle.hpp"
#include "kernel/resctrl.hpp"
#include "kernel/systemd.hpp"
#include "oci/container.hpp"
#include "oci/spec.hpp"

namespace oci {

/// state.json.
struct Record {
  std::string id;
  pid_t pid = 0;
  std::uint64_t start_time = 0;  ///< proc_pid_stat(5), field 22: tells a process from a later one with its number
  std::string created;           ///< RFC 3339, UTC, nanoseconds
  std::string bundle;
  std::string rootfs;
  std::string cgroup;  ///< absolute directory; empty: none
  CgroupDriver cgroup_driver = CgroupDriver::cgroupfs;
  SystemdUnit unit{};  ///< no name: systemd made none
  int namespaces = 0;  ///< CLONE_NEW… of those that differ from the runtime's
  bool in_user_namespace = false;
  bool no_new_keyring = false;
  std::map<std::string, std::string> annotations;
  std::vector<Hook> poststart, poststop;
  std::optional<ResctrlGroup> resctrl{};
};

/// The start time of a living process, nothing when there is none or it is a zombie.
std::optional<std::uint64_t> start_time_of(pid_t pid);

/// A container's directory. Unless kept, one that was made here goes away with everything in it.
class StateDirectory {
 public:
  /// @throws Error "container with given ID already exists"
  static StateDirectory make(const Store& store, const std::string& id);
  /// @throws Error "container does not exist"
  static StateDirectory open(const Store& store, const std::string& id);

  StateDirectory(StateDirectory&& other) noexcept;
  StateDirectory& operator=(StateDirectory&&) = delete;
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;
  ~StateDirectory();

  const Fd& fd() const noexcept { return dir_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }

  /// Keeps others that change this container out until the directory is closed (flock(2)). state and list do not ask
  /// for it.
  void lock() const;

  void unlock() const;

  void remember(const std::string& name, const std::string& target) const;  ///< as a symbolic link
  std::string recall(const std::string& name) const;                        ///< empty when there is no such link

  void prepare(const Record& record) const;  ///< writes state.json, by another name
  void publish() const;                      ///< gives it its own: from now on it is a container
  /// Nothing while the container is being made, or was left so. @throws Error when state.json is damaged
  std::optional<Record> load() const;

  Fd make_start_fifo() const;  ///< open for reading and writing
  bool awaits_start() const;

  /// Where the store keeps compiled seccomp profiles, for all its containers.
  std::string seccomp_cache() const;

  void keep() noexcept { made_here_ = false; }
  /// The directory and what the runtime put into it.
  void remove();

 private:
  StateDirectory(Fd dir, std::string path, bool made_here);
  Fd dir_;
  std::string path_;
  bool made_here_;
};

/// Names of all containers, sorted.
std::vector<std::string> ids_in(const Store& store);

}  // namespace oci
