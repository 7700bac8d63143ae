// SPDX-License-Identifier: Apache-2.0
// CRIU as a process of ours: `criu swrk 3` reads requests from a SOCK_SEQPACKET socket and answers there
// (criu.org/RPC).
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.hpp"
#include "kernel/criu_messages.hpp"

namespace oci::criu {

/// The oldest CRIU that does what this runtime asks for: external pid namespaces, cgroup2's freezer, `status-ready`.
inline constexpr unsigned oldest_version = 31500;

/// The program "criu" in $PATH, by its absolute path; entries that are not absolute do not count.
/// @throws Error that says which package has it
std::string find_program();

/// What criu says between request and answer: the name of a moment, a pid with some, and the master of a terminal with
/// "orphan-pts-master". An exception makes criu undo what it has done.
using Notified = std::function<void(const Response& notification, Fd attached)>;

/// A criu process. It has this process's standard streams, and of other descriptors only the inherited ones.
class Session {
 public:
  /// Number of the first inherited descriptor in criu; the others follow.
  static constexpr int first_inherited = 4;

  explicit Session(const std::vector<FdRef>& inherited = {});
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  /// Ends a criu that has nothing in its hands. Another one is waited for: it lets go of what it has stopped.
  ~Session();

  pid_t pid() const noexcept { return pid_; }

  /// @throws Error for one older than `oldest_version`
  unsigned version();
  /// What this kernel and criu can do.
  Features features(const Features& wanted);

  /// The session's last request: dump, pre_dump or restore. @throws what `notified` threw, or Error with criu's own
  /// words, if it has any
  Response perform(const Request& request, const Notified& notified);

 private:
  struct Answer {
    Response response;
    Fd attached;
  };
  void start(const Fd& socket, const std::vector<FdRef>& inherited);
  Answer ask(const Request& request, int timeout_ms);
  void send(const Request& request) const;
  Answer receive(int timeout_ms) const;

  Fd socket_;
  pid_t pid_ = -1;
  bool is_idle_ = true;  ///< waits for a request
};

/// The first lines of a log of criu that tell of an error, without their times: "Error (criu/mount.c:1): …; Error (…".
/// Empty when there is none.
std::string first_errors(FdRef log);

}  // namespace oci::criu
