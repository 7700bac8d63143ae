// SPDX-License-Identifier: Apache-2.0
// What both sides can do to the process: itself, or, where that takes privileges that it does not have, the runtime.
#pragma once
#include "plan/plan.hpp"

namespace oci::init {

constexpr pid_t this_process = 0;

/// `process`: a number, or "self"; by the host's /proc. @throws Error
void set_oom_score(const std::string& process, int adjustment);

/// The errno, or 0.
int set_scheduler(pid_t process, const SetScheduler& scheduler) noexcept;
int set_io_priority(pid_t process, const SetIoPriority& priority) noexcept;

/// All CPUs when `mask` is empty. The kernel cuts any mask down to the CPUs of the process's cpuset, and gives EINVAL
/// when none is left (sched_setaffinity(2)).
int set_affinity(pid_t process, const std::vector<std::uint64_t>& mask) noexcept;

}  // namespace oci::init
