// SPDX-License-Identifier: Apache-2.0
#include "container/schedule.hpp"

#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.hpp"
#include "init/scheduling.hpp"
#include "oci/error.hpp"
#include "spec/number_list.hpp"

namespace oci {
namespace {

/// What this thread runs on now.
BitMask current_affinity() {
  BitMask mask(16);
  long bytes = 0;
  // sched_getaffinity(2): EINVAL while the mask is smaller than the kernel's.
  while ((bytes = ::syscall(SYS_sched_getaffinity, init::this_process, mask.size() * sizeof mask[0], mask.data())) <
         0) {
    static constexpr std::size_t most_words = 1024;
    if (errno != EINVAL || mask.size() >= most_words) throw Error::system("sched_getaffinity");
    mask.resize(mask.size() * 2);
  }
  mask.resize(static_cast<std::size_t>(bytes) / sizeof mask[0]);
  return mask;
}

int schedule(pid_t process, const SetScheduler& scheduler) {
  const int code = init::set_scheduler(process, scheduler);
  // sched_setattr(2): SCHED_DEADLINE needs all CPUs of the system.
  if (code == EPERM && scheduler.in_cpuset && scheduler.policy == SCHED_DEADLINE)
    throw Error("process scheduler can't be used together with AllowedCPUs (linux.resources.cpu.cpus)", code);
  return code;
}

}  // namespace

void serve_schedule(const Child& child, const Message& message) {
  const auto& action = child.plan().steps.at(message.step).action;
  try {
    const auto* scheduler = std::get_if<SetScheduler>(&action);
    const int code = scheduler ? schedule(child.pid(), *scheduler)
                               : init::set_io_priority(child.pid(), std::get<SetIoPriority>(action));
    if (code != 0) throw Error::system(scheduler ? "sched_setattr" : "ioprio_set", code);
    child.answer(Word::go);
  } catch (const Error& error) {
    child.refuse(error);
  }
}

InitialAffinity::InitialAffinity(const std::optional<CpuAffinity>& affinity) {
  if (!affinity || affinity->initial.empty()) return;
  wanted_ = parse_number_list(affinity->initial);
  auto before = current_affinity();
  const int code = init::set_affinity(init::this_process, wanted_);
  foreign_ = code == EINVAL;
  if (code == 0)
    before_ = std::move(before);
  else if (!foreign_)
    throw Error::system("process.execCPUAffinity.initial: sched_setaffinity", code);
  log::debug("process.execCPUAffinity.initial: " + number_list(wanted_) +
             (foreign_ ? ", which are none of the runtime's CPUs" : ""));
}

InitialAffinity::~InitialAffinity() {
  if (!before_.empty()) init::set_affinity(init::this_process, before_);
}

void InitialAffinity::move(pid_t process) const {
  if (!foreign_) return;
  const int code = init::set_affinity(process, wanted_);
  if (code != 0)
    throw Error::system("process.execCPUAffinity.initial: sched_setaffinity (CPUs " + number_list(wanted_) + ")", code);
}

}  // namespace oci
