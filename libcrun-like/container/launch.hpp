// SPDX-License-Identifier: Apache-2.0
// The one door between the two sides: here the container's process is born.
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "base/channel.hpp"
#include "base/handle.hpp"
#include "init/scene.hpp"
#include "plan/plan.hpp"

namespace oci {

/// A child of this process that performs a plan. Unless released it is killed and reaped with the object.
class Child {
 public:
  /// What is to be done at once when it has been born, with the runtime's end of the channel.
  using Aside = std::function<void(const Pidfd& process, FdRef channel)>;
  /// clone3(2). `cgroup`: where it is born, empty for the runtime's own. `aside` must not throw: nobody would end it.
  static Child launch(InitPlan plan, FdRef cgroup, const Aside& aside = nullptr);

  Child(Child&&) noexcept = default;
  Child& operator=(Child&&) = delete;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  const InitPlan& plan() const noexcept { return plan_; }

  /// Gives the seccomp listener of a filter with notifications to its agent; the pid is that of the process in the
  /// container.
  using Deliver = std::function<void(FdRef listener, pid_t process)>;
  /// next() calls it once: before the first meeting behind the filter is answered. What the process has to call until
  /// then next() itself answers; what a sibling from a Fork calls it does not, and delivers right away.
  void deliver_listener_by(Deliver deliver) { deliver_ = std::move(deliver); }

  /// What it says next; nothing when it has become the program (its end of the channel is closed by execve), or has
  /// left the channel on purpose. @throws Error when it failed, or died without a word
  std::optional<Message> next();
  /// What it has said of its end goes before what this side stumbled over for want of it: its cgroup goes with it where
  /// systemd made that. @throws Error if it has failed or died by now; otherwise nothing has changed
  void tell_failure();
  /// Waits until next() has something to read, or `event` has happened (it can be read, as a pidfd by an end): false.
  bool speaks_before(FdRef event) const;
  /// Nothing is said to a process that has ended: next() tells how. @throws Error when it lives and cannot be told
  void answer(Word word, FdRef attached = FdRef(-1)) const;
  void refuse(const Error& error) const;

  /// Whether the Error that next() threw is execve(2)'s: every other step had succeeded.
  bool failed_to_execute() const noexcept { return failed_to_execute_; }

  /// Whether it asks this side for nothing but what answers `word`.
  bool says_only(Word word) const noexcept;
  /// Whether its number may change: whether a Fork lies before it.
  bool will_fork() const noexcept;
  /// The process that lives in the container, as this side counts it. After a Fork it is the sibling.
  pid_t pid() const noexcept;
  /// Its pidfd; follows a Fork. @throws Error
  const Pidfd& pidfd();

  /// Leaves it to itself.
  void release() noexcept;

 private:
  struct Unmap {
    void operator()(init::Progress* page) const noexcept;
  };
  Child(InitPlan plan, Pidfd process, pid_t pid, Fd channel, std::unique_ptr<init::Progress, Unmap> progress);
  void follow_fork();
  bool has_forked() const noexcept { return followed_ || pid() != pid_; }
  void say(const Message& message, FdRef attached) const;
  bool serve_filter(const Message& message);
  void attend_listener();
  void hand_over_listener();
  void verify(const Message& message);
  [[noreturn]] void fail_silently();
  Error failure(const Message& message);

  InitPlan plan_;
  Pidfd process_;
  pid_t pid_;
  Fd channel_;
  Fd listener_;  ///< between the filter's loading and the agent
  Deliver deliver_;
  bool followed_ = false;
  bool has_sent_terminal_ = false;
  bool failed_to_execute_ = false;
  std::unique_ptr<init::Progress, Unmap> progress_;
};

}  // namespace oci
