// SPDX-License-Identifier: Apache-2.0
// What the process may use, and when it gets it.
#include <linux/ioprio.h>
#include <sys/personality.h>
#include <sys/syscall.h>

#include <array>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "init/perform_process.hpp"

namespace oci::init {
namespace {

/// sched_setattr(2); <linux/sched/types.h> cannot be included next to glibc's headers.
struct SchedulingAttributes {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime, deadline, period;
  std::uint32_t util_min, util_max;
};

}  // namespace

void perform(const SetLimit& limit, Scene& /*scene*/) {
  if (::setrlimit(static_cast<__rlimit_resource_t>(limit.resource), &limit.limit) < 0)
    throw Error::system("setrlimit " + limit.name + " (soft " + std::to_string(limit.limit.rlim_cur) + ", hard " +
                        std::to_string(limit.limit.rlim_max) + ")");
}

void perform(const SetOomScore& score, Scene& /*scene*/) {
  // Still the host's /proc: this is a first step, nothing of the container has been entered.
  write_file(working_directory, "/proc/self/oom_score_adj", std::to_string(score.adjustment));
}

void perform(const SetScheduler& scheduler, Scene& /*scene*/) {
  const SchedulingAttributes attributes{.size = sizeof attributes,
                                        .policy = scheduler.policy,
                                        .flags = scheduler.flags,
                                        .nice = scheduler.nice,
                                        .priority = scheduler.priority,
                                        .runtime = scheduler.runtime,
                                        .deadline = scheduler.deadline,
                                        .period = scheduler.period,
                                        .util_min = 0,
                                        .util_max = 0};
  if (::syscall(SYS_sched_setattr, 0, &attributes, 0) < 0) throw Error::system("sched_setattr");
}

void perform(const SetIoPriority& priority, Scene& /*scene*/) {
  if (::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, priority.priority) < 0) throw Error::system("ioprio_set");
}

void perform(const SetAffinity& affinity, Scene& /*scene*/) {
  // The kernel cuts a mask down to the CPUs of the cpuset, and ignores bits of CPUs that there are not.
  static constexpr std::size_t words = 8192 / 64;  // Linux's largest NR_CPUS
  std::array<std::uint64_t, words> everything;
  everything.fill(~std::uint64_t{0});
  const bool all = affinity.mask.empty();
  const auto size = all ? sizeof everything : affinity.mask.size() * sizeof(std::uint64_t);
  if (::syscall(SYS_sched_setaffinity, 0, size, all ? everything.data() : affinity.mask.data()) < 0)
    throw Error::system("sched_setaffinity");
}

void perform(const SetPersonality& personality, Scene& /*scene*/) {
  if (::personality(personality.persona) < 0) throw Error::system("personality");
}

}  // namespace oci::init
