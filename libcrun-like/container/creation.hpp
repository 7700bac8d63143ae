// SPDX-License-Identifier: Apache-2.0
// Everything between a bundle and a process that waits for start; `create` leaves it there, `run` carries on.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "container/entry.hpp"
#include "container/launch.hpp"
#include "container/mount_service.hpp"
#include "container/network_work.hpp"
#include "container/state.hpp"
#include "kernel/cgroup_delegation.hpp"
#include "kernel/cgroup_manager.hpp"
#include "kernel/network_devices.hpp"
#include "oci/container.hpp"
#include "oci/spec.hpp"
#include "plan/host.hpp"

namespace oci {

/// Who says when the program starts.
enum class Starter : std::uint8_t {
  later_command,  ///< `start`, through the fifo
  this_process,   ///< start(), through the channel
};

/// A container in the making. Until keep() is called its destructor takes everything back: process, cgroup, state, pid
/// file.
class Creation {
 public:
  Creation(const Store& store, const std::string& id, const CreateOptions& options, Starter starter);
  Creation(const Creation&) = delete;
  Creation& operator=(const Creation&) = delete;
  ~Creation();

  /// Brings the process to the point where it waits, writes state.json and the pid file.
  void stand();

  /// Lets the program run (Starter::this_process): returns once it does. Then the poststart hooks.
  /// False when execve(2) failed, which has been said on the container's standard error.
  bool start();

  /// From now on the container is remembered.
  void keep() noexcept;

  const Record& record() const noexcept { return record_; }
  StateDirectory& state() noexcept { return state_; }
  const Pidfd& process() { return child_->pidfd(); }
  Fd take_terminal() noexcept { return std::move(terminal_); }

 private:
  void read_config();
  void enter_resctrl();
  void prepare_cgroup();
  void launch();
  void give_birth(InitPlan plan);
  void set_up_from_outside();
  void serve();
  void serve(Message message);
  bool write_ahead();
  bool may_go_at_once() const noexcept;
  void let_go();
  void save();
  void take_back() noexcept;

  const CreateOptions& options_;
  const std::string id_;
  const Starter starter_;
  std::string config_text_;
  Spec spec_;
  Host host_;
  Inheritance inheritance_;
  StateDirectory state_;
  std::unique_ptr<CgroupManager> cgroup_;
  int birthplace_ = -1;  ///< of cgroup_
  std::optional<DelegatedCgroup> delegated_;
  Record record_;
  std::optional<ResctrlMaking> resctrl_;
  std::optional<Child> child_;
  MountService mounts_;
  std::optional<NetworkCare> network_;
  std::optional<NetworkDevices> network_devices_;
  Fd terminal_;
  bool is_handed_over_ = false;  ///< others are told of the process before its program runs
  bool written_ahead_ = false;
  bool let_go_ = false;  ///< the program may run
  bool wrote_pid_file_ = false;
  bool ran_hooks_ = false;
  bool kept_ = false;
};

}  // namespace oci
