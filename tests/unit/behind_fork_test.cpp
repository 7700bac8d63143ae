// SPDX-License-Identifier: Apache-2.0
// What the process calls behind a late Fork: foreseen, and as it really is; and which filters come before it therefore.
#include "plan/behind_fork.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>

#include "base/syscalls.hpp"
#include "init/run.hpp"
#include "kernel/ignored_signals.hpp"
#include "kernel/seccomp_listener.hpp"
#include "plan/create.hpp"
#include "plan/exec.hpp"
#include "support/catch.hpp"
#include "support/seccomp.hpp"

using namespace oci;

namespace {

/// Asks about every call but the two that tell who is to be asked.
LoadSeccomp ask_about_everything() {
  const sock_filter load{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)};
  const auto is = [](std::uint32_t number, std::uint8_t distance) {
    return sock_filter{BPF_JMP | BPF_JEQ | BPF_K, distance, 0, number};
  };
  return {{load,
           is(SYS_write, 2),
           is(SYS_read, 1),
           {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF},
           {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}},
          SECCOMP_FILTER_FLAG_NEW_LISTENER,
          true};
}

bool is(const seccomp_data& made, const ForeseenCall& foreseen) {
  if (made.nr != foreseen.number) return false;
  for (std::size_t i = 0; i < foreseen.args.size(); ++i)
    if (foreseen.args[i] && *foreseen.args[i] != made.args[i]) return false;
  return true;
}

/// Before a process ends AddressSanitizer looks for its signal stack, to forget what it knows of that memory.
bool is_sanitizers([[maybe_unused]] const seccomp_data& call) {
#ifdef __SANITIZE_ADDRESS__
  return call.nr == SYS_sigaltstack;
#else
  return false;
#endif
}

std::string text_of(const seccomp_data& call) {
  std::string text = "system call " + std::to_string(call.nr) + "(";
  for (const auto argument : call.args) text += std::to_string(argument) + ", ";
  return text + ")";
}

/// Performs `plan` in a child whose calls this process watches; says go to whatever it says. Gives what it called up to
/// execve, or up to its end.
class Watched {
 public:
  explicit Watched(InitPlan plan) {
    auto [ours, theirs] = make_channel();
    init::Progress progress;
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) {
      ours.reset();
      if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        init::run(plan, init::arguments_of(plan), std::move(theirs), progress, ignored_signals());
      ::_exit(1);
    }
    theirs.reset();
    channel_ = std::move(ours);
    const auto first = receive(channel_);
    REQUIRE(first);
    INFO(first->text);
    REQUIRE(first->word == Word::listener);
    listener_ = take_listener(sys::pidfd_open(child_), first->code);
    REQUIRE(send(channel_, {Word::go, 0, 0, {}, {}}));
    while (watch()) continue;
    listener_.reset();
    while (::waitpid(-1, nullptr, 0) > 0) continue;
  }

  const std::vector<seccomp_data>& calls() const { return calls_; }
  bool called(long number) const {
    return std::any_of(calls_.begin(), calls_.end(), [&](const auto& call) { return call.nr == number; });
  }

 private:
  bool watch() {
    std::array<pollfd, 2> ready{{{listener_.get(), POLLIN, 0}, {channel_ ? channel_.get() : -1, POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), 10'000) <= 0) return false;
    if (ready[1].revents != 0) {
      const auto message = receive(channel_);
      if (!message)
        channel_.reset();
      else
        send(channel_, {Word::go, 0, 0, {}, {}});
    }
    if ((ready[0].revents & POLLIN) != 0) answer();
    return (ready[0].revents & POLLHUP) == 0;  // both have ended
  }

  void answer() {
    seccomp_notif asked{};
    if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) return;
    if (!executed_) calls_.push_back(asked.data);
    executed_ = executed_ || asked.data.nr == SYS_execve;
    seccomp_notif_resp go{.id = asked.id, .val = 0, .error = 0, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &go);
  }

  pid_t child_ = -1;
  Fd channel_, listener_;
  bool executed_ = false;
  std::vector<seccomp_data> calls_;
};

void add_ending(InitPlan& plan, const std::string& program) {
  plan.add(FindProgram{program, ""});
  plan.add(ask_about_everything());
  plan.add(Fork{});
  plan.add(NewSession{});
  plan.add(SetLimit{RLIMIT_NPROC, {1000, 1000}, "RLIMIT_NPROC"});
  plan.add(SetScheduler{.nice = 1});
}

void check_foreseen(InitPlan plan, long last) {
  std::vector<const Action*> steps;
  auto step = std::find_if(plan.steps.begin(), plan.steps.end(),
                           [](const Step& s) { return std::holds_alternative<Fork>(s.action); });
  while (++step != plan.steps.end()) steps.push_back(&step->action);
  const auto foreseen = calls_behind_fork(steps);
  REQUIRE(foreseen);

  const Watched watched(std::move(plan));
  for (const auto& call : watched.calls()) {
    INFO(text_of(call));
    const bool closes_listener = call.nr == SYS_close;  // of the test's own filter
    CHECK((closes_listener || is_sanitizers(call) ||
           std::any_of(foreseen->begin(), foreseen->end(), [&](const auto& expected) { return is(call, expected); })));
  }
  CHECK(watched.called(SYS_clone));
  CHECK(watched.called(SYS_setsid));
  CHECK(watched.called(last));
}

/// Its place among the steps of a plan.
template <class T>
std::ptrdiff_t place(const InitPlan& plan) {
  const auto found = std::find_if(plan.steps.begin(), plan.steps.end(),
                                  [](const Step& step) { return std::holds_alternative<T>(step.action); });
  return found == plan.steps.end() ? -1 : found - plan.steps.begin();
}

LoadSeccomp loaded(const Seccomp& profile) {
  auto program = seccomp_program(profile, "");
  return {std::move(program.filter), program.flags, program.notifies};
}

Process program() {
  Process process;
  process.args = {"program"};
  process.cwd = "/";
  process.no_new_privileges = true;
  return process;
}

InitPlan exec_with(LoadSeccomp filter, const Process& process = program()) {
  return plan_exec({.process = process,
                    .linux = {},
                    .host = {},
                    .id = "c",
                    .first_process = FdRef(-1),
                    .namespaces = CLONE_NEWPID | CLONE_NEWNS,
                    .seccomp = std::move(filter)});
}

/// In a pid namespace that others live in already.
InitPlan create_with(LoadSeccomp filter, Hooks hooks = {}) {
  Spec spec;
  spec.process = program();
  spec.hooks = std::move(hooks);
  spec.linux.namespaces = {{NamespaceType::mount, ""}, {NamespaceType::pid, "/proc/self/ns/pid"}};
  return plan_create({.spec = spec,
                      .host = {},
                      .id = "c",
                      .bundle = "/bundle",
                      .rootfs = "/bundle/rootfs",
                      .cgroup = "",
                      .seccomp = std::move(filter),
                      .start_fifo = sys::openat(working_directory, "/dev/null", O_RDWR)});
}

bool comes_before_fork(const InitPlan& plan) {
  REQUIRE(place<LoadSeccomp>(plan) >= 0);
  REQUIRE(place<Fork>(plan) >= 0);
  return place<LoadSeccomp>(plan) < place<Fork>(plan);
}

}  // namespace

TEST_CASE("everything that is called behind a Fork was foreseen: as exec ends") {
  InitPlan plan;
  add_ending(plan, "/bin/true");
  plan.add(Execute{{"true"}, {}});
  check_foreseen(std::move(plan), SYS_execve);
}

TEST_CASE("everything that is called behind a Fork was foreseen: as create ends") {
  InitPlan plan;
  add_ending(plan, "/bin/true");
  plan.add(Meet{Word::ready});
  plan.add(AwaitStart{sys::openat(working_directory, "/dev/zero", O_RDONLY)});
  plan.add(Execute{{"true"}, {}});
  check_foreseen(std::move(plan), SYS_execve);
}

TEST_CASE("everything that is called behind a Fork was foreseen: when the program cannot be executed") {
  InitPlan plan;
  add_ending(plan, "/bin/true");
  plan.add(Meet{Word::start});
  // execve(2): E2BIG, and a text that malloc(3) has no room for yet.
  plan.add(Execute{{std::string(std::size_t{40} << 20U, 'x')}, {}});
  check_foreseen(std::move(plan), SYS_exit_group);
}

TEST_CASE("a filter that allows what follows is in force when the process becomes visible") {
  const auto exec = exec_with(loaded(test::real_profile()));
  CHECK(comes_before_fork(exec));
  CHECK(place<NoNewPrivileges>(exec) < place<LoadSeccomp>(exec));
  CHECK(place<FindProgram>(exec) < place<LoadSeccomp>(exec));
  CHECK(place<LoadSeccomp>(exec) + 1 == place<Fork>(exec));
  const auto create = create_with(loaded(test::real_profile()));
  CHECK(comes_before_fork(create));
  CHECK(place<Fork>(create) < place<AwaitStart>(create));
}

TEST_CASE("a list of allowed calls, with a clone that makes no namespaces, is enough") {
  // Docker's default profile has these among others, and this mask, where a container has no CAP_SYS_ADMIN.
  static constexpr std::uint64_t namespaces =
      CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
  auto profile =
      test::deny({test::rule({"brk", "close", "execve", "exit_group", "getpid", "ioctl", "madvise", "mmap", "mremap",
                              "munmap", "poll", "prctl", "read", "rt_sigaction", "sendmsg", "setsid", "write"},
                             "SCMP_ACT_ALLOW"),
                  test::rule({"clone"}, "SCMP_ACT_ALLOW", {{0, namespaces, 0, "SCMP_CMP_MASKED_EQ"}})});
  CHECK(comes_before_fork(exec_with(loaded(profile))));
  CHECK(comes_before_fork(create_with(loaded(profile))));
  profile.syscalls.front().names.erase(profile.syscalls.front().names.begin());
  CHECK_FALSE(comes_before_fork(exec_with(loaded(profile))));
}

TEST_CASE("a filter that forbids one of the calls comes as late as it can") {
  for (const auto* name : {"clone", "madvise", "prctl", "setsid", "execve", "poll", "mmap", "exit_group"}) {
    INFO(name);
    const auto profile = test::allow({test::rule({name}, "SCMP_ACT_ERRNO")});
    CHECK_FALSE(comes_before_fork(exec_with(loaded(profile))));
  }
  const auto profile = test::allow({test::rule({"read"}, "SCMP_ACT_ERRNO")});
  CHECK_FALSE(comes_before_fork(create_with(loaded(profile))));
  CHECK(comes_before_fork(exec_with(loaded(profile))));  // which has nobody to listen to
}

TEST_CASE("a filter that looks at arguments is judged by those that are known") {
  const auto forbidding = [](std::uint64_t flag) {
    return loaded(test::allow({test::rule({"clone"}, "SCMP_ACT_ERRNO", {{0, flag, flag, "SCMP_CMP_MASKED_EQ"}})}));
  };
  CHECK(comes_before_fork(exec_with(forbidding(CLONE_NEWUSER))));
  CHECK_FALSE(comes_before_fork(exec_with(forbidding(CLONE_PARENT))));
  const auto small = test::allow({test::rule({"mmap"}, "SCMP_ACT_ERRNO", {{1, 4096, 0, "SCMP_CMP_GT"}})});
  CHECK_FALSE(comes_before_fork(exec_with(loaded(small))));
}

TEST_CASE("a filter that notifies, or comes with hooks that start, comes as late as it can") {
  auto profile = test::allow({test::rule({"mkdir"}, "SCMP_ACT_NOTIFY")});
  profile.listener_path = "/agent";
  auto notifying = loaded(profile);
  REQUIRE(notifying.notifies);
  CHECK_FALSE(comes_before_fork(exec_with(std::move(notifying))));
  Hooks hooks;
  hooks.start_container.emplace_back().path = "/hook";
  CHECK_FALSE(comes_before_fork(create_with(loaded(test::real_profile()), std::move(hooks))));
}

TEST_CASE("a scheduler that is set behind the Fork counts, too") {
  auto process = program();
  process.scheduler = Scheduler{"SCHED_DEADLINE", 0, 0, {}, 0, 0, 0};
  const auto profile = test::allow({test::rule({"sched_setattr"}, "SCMP_ACT_ERRNO")});
  CHECK_FALSE(comes_before_fork(exec_with(loaded(profile), process)));
  CHECK(comes_before_fork(exec_with(loaded(profile))));
  CHECK(comes_before_fork(exec_with(loaded(test::real_profile()), process)));
}
