// SPDX-License-Identifier: Apache-2.0
// What the process may use, and when it gets it.
#include <linux/sched.h>
#include <sys/personality.h>
#include <sys/syscall.h>

#include <array>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "init/perform_process.hpp"
#include "init/scheduling.hpp"

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

void set_oom_score(const std::string& process, int adjustment, bool may_be_refused) {
  try {
    write_file(working_directory, "/proc/" + process + "/oom_score_adj", std::to_string(adjustment));
  } catch (const Error& error) {
    if (error.code() != EACCES || !may_be_refused) throw;
    log::warning("process.oomScoreAdj: " + std::string(error.what()) +
                 " (lowering it takes CAP_SYS_RESOURCE); it stays the caller's");
  }
}

void perform(const SetOomScore& score, Scene& /*scene*/) {
  // Still the host's /proc: this is a first step, nothing of the container has been entered.
  set_oom_score("self", score.adjustment, score.may_be_refused);
}

int set_scheduler(pid_t process, const SetScheduler& scheduler) noexcept {
  // runtime-spec 1.3 has the flags SCHED_FLAG_UTIL_CLAMP_*, but no members for their values: 0, as for its peers.
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
  return ::syscall(SYS_sched_setattr, process, &attributes, 0) < 0 ? errno : 0;
}

int set_io_priority(pid_t process, const SetIoPriority& priority) noexcept {
  // ioprio_set(2). Not from linux/ioprio.h: since Linux 6.5 a function in there names a parameter `class`.
  static constexpr int ioprio_who_process = 1;
  return ::syscall(SYS_ioprio_set, ioprio_who_process, process, priority.priority) < 0 ? errno : 0;
}

int set_affinity(pid_t process, const std::vector<std::uint64_t>& mask) noexcept {
  static constexpr std::size_t words = 8192 / 64;  // Linux's largest NR_CPUS; bits without a CPU are ignored
  std::array<std::uint64_t, words> everything{};
  everything.fill(~std::uint64_t{0});
  const bool all = mask.empty();
  const auto size = all ? sizeof everything : mask.size() * sizeof(std::uint64_t);
  return ::syscall(SYS_sched_setaffinity, process, size, all ? everything.data() : mask.data()) < 0 ? errno : 0;
}

void perform(const SetScheduler& scheduler, Scene& scene) {
  // Never granted to who has no CAP_SYS_NICE on the host, and the limits have to be in force when it is (Word::schedule
  // is not answered before): it does not go with a cpuset.
  const bool deadline = scheduler.policy == SCHED_DEADLINE;
  const int code = deadline ? EPERM : set_scheduler(this_process, scheduler);
  if (code == EPERM)
    agree(scene, Word::schedule);
  else if (code != 0)
    throw Error::system("sched_setattr", code);
}

void perform(const SetIoPriority& priority, Scene& scene) {
  const int code = set_io_priority(this_process, priority);
  if (code == EPERM)
    agree(scene, Word::schedule);
  else if (code != 0)
    throw Error::system("ioprio_set", code);
}

void perform(const SetAffinity& affinity, Scene& /*scene*/) {
  const int code = set_affinity(this_process, affinity.mask);
  if (code != 0)
    throw Error::system("sched_setaffinity (" + describe({std::in_place_type<SetAffinity>, affinity}) + ")", code);
}

void perform(const SetMemoryPolicy& policy, Scene& /*scene*/) {
  // The kernel reads one bit less than it is told (get_nodes() in mm/mempolicy.c).
  const auto bits = policy.nodes.empty() ? 0UL : policy.nodes.size() * 64 + 1;
  if (::syscall(SYS_set_mempolicy, policy.mode, policy.nodes.data(), bits) < 0)
    throw Error::system("set_mempolicy (" + describe({std::in_place_type<SetMemoryPolicy>, policy}) + ")");
}

void perform(const SetPersonality& personality, Scene& /*scene*/) {
  if (::personality(personality.persona) < 0) throw Error::system("personality");
}

}  // namespace oci::init
