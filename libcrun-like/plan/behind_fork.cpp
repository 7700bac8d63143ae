// SPDX-License-Identifier: Apache-2.0
#include "plan/behind_fork.hpp"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <csignal>

namespace oci {
namespace {

using Calls = std::vector<ForeseenCall>;
constexpr std::nullopt_t unknown = std::nullopt;

/// How glibc performs poll(3) where the kernel has no such call any more.
#ifdef SYS_poll
const ForeseenCall poll_once{SYS_poll, {unknown, 1, 0}};
#else
const ForeseenCall poll_once{SYS_ppoll, {unknown, 1}};
#endif

/// Of every step: what malloc(3) calls, and what tells the runtime of a failure (init/run.cpp, report()).
Calls calls_of_any_step() {
  static constexpr auto memory = std::uint64_t{MAP_PRIVATE | MAP_ANONYMOUS};
  return {
      {SYS_brk, {}},
      {SYS_mmap, {unknown, unknown, std::uint64_t{PROT_READ | PROT_WRITE}, memory}},
      {SYS_munmap, {}},
      {SYS_mremap, {}},
      {SYS_sendmsg, {unknown, unknown, std::uint64_t{MSG_NOSIGNAL}}},
      {SYS_write, {}},
      {SYS_exit_group, {}},
  };
}

/// init/namespaces.cpp
Calls calls_of(const Fork& /*step*/) {
  return {
      {SYS_madvise, {unknown, unknown, std::uint64_t{MADV_DONTFORK}}},
      {SYS_clone, {std::uint64_t{CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD}, 0, unknown, 0, 0}},
      {SYS_exit_group, {0}},
      {SYS_prctl, {PR_SET_PDEATHSIG, SIGKILL}},
      poll_once,
  };
}

/// init/terminal.cpp
Calls calls_of(const NewSession& /*step*/) {
  return {{SYS_setsid, {}}, {SYS_ioctl, {0, TIOCSCTTY, 0}}};
}

/// init/limits.cpp
Calls calls_of(const SetLimit& step) {
  return {{SYS_prlimit64, {0, static_cast<std::uint64_t>(step.resource), unknown, 0}}};
}

/// init/limits.cpp; a scheduler that only the runtime may set is asked for (init/meet.cpp, ask())
Calls calls_of(const SetScheduler& /*step*/) {
  return {{SYS_sched_setattr, {0, unknown, 0}}, {SYS_recvmsg, {unknown, unknown, std::uint64_t{MSG_CMSG_CLOEXEC}}}};
}

/// init/meet.cpp
Calls calls_of(const Meet& /*step*/) {
  return {{SYS_prctl, {PR_SET_PDEATHSIG, 0}},
          {SYS_getpid, {}},
          {SYS_rt_sigaction, {}},
          {SYS_write, {}},
          {SYS_read, {}},
          {SYS_close, {}}};
}
Calls calls_of(const AwaitStart& /*step*/) {
  return {{SYS_read, {unknown, unknown, 1}}};
}

/// init/program.cpp
Calls calls_of(const Execute& /*step*/) {
  return {{SYS_prctl, {PR_SET_PDEATHSIG, 0}}, {SYS_execve, {}}};
}

template <class... Known>
std::optional<Calls> calls_of_known(const Action& action) {
  std::optional<Calls> calls;
  const auto look = [&](const auto* step) {
    if (step) calls = calls_of(*step);
  };
  (look(std::get_if<Known>(&action)), ...);
  return calls;
}

}  // namespace

std::optional<std::vector<ForeseenCall>> calls_behind_fork(const std::vector<const Action*>& steps) {
  auto all = calls_of_any_step();
  const auto add = [&](const Calls& more) { all.insert(all.end(), more.begin(), more.end()); };
  add(calls_of(Fork{}));
  for (const auto* step : steps) {
    const auto calls = calls_of_known<NewSession, SetLimit, SetScheduler, Meet, AwaitStart, Execute>(*step);
    if (!calls) return std::nullopt;
    add(*calls);
  }
  return all;
}

void load_filter_before_fork(InitPlan& plan) {
  const auto is = [](auto type) {
    return [](const Step& step) { return std::holds_alternative<decltype(type)>(step.action); };
  };
  auto& steps = plan.steps;
  const auto behind = std::find_if(steps.rbegin(), steps.rend(), is(Fork{})).base();
  const auto load = std::find_if(behind, steps.end(), is(LoadSeccomp{}));
  if (behind == steps.begin() || load == steps.end()) return;
  const auto& filter = std::get<LoadSeccomp>(load->action);
  if (filter.notifies) return;

  std::vector<const Action*> rest;
  for (auto step = behind; step != steps.end(); ++step)
    if (step != load) rest.push_back(&step->action);
  const auto calls = calls_behind_fork(rest);
  const auto passes = [&](const ForeseenCall& call) { return lets_through(filter.filter, call); };
  if (calls && std::all_of(calls->begin(), calls->end(), passes)) std::rotate(behind - 1, load, load + 1);
}

}  // namespace oci
