// SPDX-License-Identifier: Apache-2.0
// What the runtime does to the scheduling of a process that is not its own.
#pragma once
#include "container/launch.hpp"
#include "oci/spec.hpp"

namespace oci {

/// Answers Word::schedule: sets the scheduler or the I/O priority that the message's step asks for. In a user
/// namespace, or with the container's capabilities, the process could not; this side has the host's CAP_SYS_NICE.
void serve_schedule(const Child& child, const Message& message);

/// config.md, "execCPUAffinity": `initial` are the CPUs of the runtime "before the transition to container's cgroup".
/// clone3(2) is that transition, so this thread has them as long as this object exists. A container's exclusive CPUs
/// may be none of the runtime's, which is then refused (runc issue 5036): a process on them could be kept from running
/// by a real-time one, so it does not have to move away itself, but is moved.
class InitialAffinity {
 public:
  explicit InitialAffinity(const std::optional<CpuAffinity>& affinity);
  ~InitialAffinity();
  InitialAffinity(const InitialAffinity&) = delete;
  InitialAffinity& operator=(const InitialAffinity&) = delete;

  /// Whether the process has to wait (Meet adopt) until `move` has set what this thread could not have.
  bool is_foreign() const noexcept { return foreign_; }
  void move(pid_t process) const;

 private:
  std::vector<std::uint64_t> wanted_;
  std::vector<std::uint64_t> before_;
  bool foreign_ = false;
};

}  // namespace oci
