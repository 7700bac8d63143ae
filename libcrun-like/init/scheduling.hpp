// SPDX-License-Identifier: Apache-2.0
// What both sides can do to the process: itself, or, where that takes privileges that it does not have, the runtime.
#pragma once
#include "plan/plan.hpp"

namespace oci::init {

constexpr pid_t this_process = 0;

/// `process`: a number, or "self"; by the host's /proc. Where it may be refused, being refused it is a warning:
/// lowering it takes CAP_SYS_RESOURCE (proc(5)), nothing else depends on it, and crun goes on, too. @throws Error
void set_oom_score(const std::string& process, int adjustment, bool may_be_refused);

/// The errno, or 0.
int set_scheduler(pid_t process, const SetScheduler& scheduler) noexcept;
int set_io_priority(pid_t process, const SetIoPriority& priority) noexcept;

/// All CPUs when `mask` is empty. The kernel cuts any mask down to the CPUs of the process's cpuset, and gives EINVAL
/// when none is left (sched_setaffinity(2)).
int set_affinity(pid_t process, const std::vector<std::uint64_t>& mask) noexcept;

}  // namespace oci::init
