// SPDX-License-Identifier: Apache-2.0
#include "container/launch.hpp"

#include <linux/sched.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "base/environment.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "base/timing.hpp"
#include "container/mount_hints.hpp"
#include "init/run.hpp"
#include "kernel/ignored_signals.hpp"
#include "kernel/seccomp_listener.hpp"
#include "plan/prepared_mount.hpp"

namespace oci {
namespace {

constexpr std::size_t page_size = sizeof(init::Progress);

/// Whether a process at this step has reason to say `word`.
bool may_say(const Action& action, Word word) {
  if (const auto* meet = std::get_if<Meet>(&action)) return meet->word == word;
  if (const auto* filter = std::get_if<LoadSeccomp>(&action)) return word == Word::listener && filter->notifies;
  if (const auto* bind = bind_of(action)) return word == Word::source && bind->opened_by_parent;
  if (const auto* mount = filesystem_of(action))
    return (word == Word::procfs && mount->foreign_processes) || (word == Word::idmap && mount->id_maps);
  if (word == Word::schedule)
    return std::holds_alternative<SetScheduler>(action) || std::holds_alternative<SetIoPriority>(action);
  return word == Word::terminal && std::holds_alternative<OpenTerminal>(action);
}

std::string mounting(const std::string& source, const std::string& target) {
  return "error mounting \"" + source + "\" to rootfs at \"" + target + "\": ";
}

/// runc's words for a mount that failed, which callers look for.
std::string mount_frame(const Action& action) {
  if (const auto* bind = bind_of(action)) return mounting(bind->source, bind->target);
  if (const auto* mount = filesystem_of(action)) return mounting(mount->source, mount->target);
  return {};
}

/// Go spells the kernel's reasons with a small first letter.
void spell_like_go(std::string& text, int code) {
  const char* reason = ::strerrordesc_np(code);
  if (code == 0 || !reason || !text.ends_with(reason)) return;
  auto& first = text[text.size() - std::string_view(reason).size()];
  if (first >= 'A' && first <= 'Z') first = static_cast<char>(first - 'A' + 'a');
}

std::string place(const InitPlan& plan, std::uint32_t step) {
  std::string text = "step " + std::to_string(step + 1) + " of " + std::to_string(plan.steps.size());
  if (step < plan.steps.size()) text += ", " + describe(plan.steps[step].action);
  return text;
}

/// Their names are needed once the process has forgotten the plan.
void time_steps(const InitPlan& plan) {
  std::vector<std::string> names;
  names.reserve(plan.steps.size());
  for (const auto& step : plan.steps) names.push_back(describe(step.action));
  timing::expect_steps(std::move(names));
}

void end(const Pidfd& process) {
  sys::pidfd_send_signal(process, SIGKILL);
  sys::wait_status(process);
}

Error unplanned() {
  return Error("the container's process said what is not in its plan");
}

}  // namespace

void Child::Unmap::operator()(init::Progress* page) const noexcept {
  ::munmap(page, page_size);
}

Child::Child(InitPlan plan, Pidfd process, pid_t pid, Fd channel, std::unique_ptr<init::Progress, Unmap> progress)
    : plan_(std::move(plan)),
      process_(std::move(process)),
      pid_(pid),
      channel_(std::move(channel)),
      progress_(std::move(progress)) {}

Child Child::launch(InitPlan plan, FdRef cgroup, const Aside& aside) {
  if (log::debugging())
    for (std::uint32_t step = 0; step < plan.steps.size(); ++step) log::debug(place(plan, step));
  if (timing::on()) time_steps(plan);
  timing::phase("clone");
  auto [ours, theirs] = make_channel();
  void* page = ::mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw Error::system("map the page shared with the container's process");
  std::unique_ptr<init::Progress, Unmap> progress(new (page) init::Progress);

  int pidfd = -1;
  clone_args args{};
  args.flags = static_cast<std::uint64_t>(static_cast<unsigned>(plan.clone_flags)) | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (cgroup.get() >= 0) {
    // Born in its cgroup: moving a process there afterwards would wait for an RCU grace period.
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(cgroup.get());
  }
  const auto ignored = ignored_signals();
  auto arguments = init::arguments_of(plan);
  withhold_environment();
  const auto pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) throw Error::system("clone3 the container's process");
  if (pid == 0)  // the only door: it does not come back
    init::run(plan, std::move(arguments), std::move(theirs), *progress, ignored);
  Pidfd process(pidfd);
  if (aside) aside(process, ours);
  return {std::move(plan), std::move(process), static_cast<pid_t>(pid), std::move(ours), std::move(progress)};
}

Child::~Child() {
  if (!process_) return;
  listener_.reset();  // else it could not even end: notified calls fail once nobody listens
  try {
    follow_fork();
    end(process_);
    // It may have forked before the signal came: now that it is dead it cannot any more.
    if (const pid_t sibling = pid(); sibling != pid_) end(sys::pidfd_open(sibling));
  } catch (const Error& error) {
    log::warning(error.what());
  }
}

std::optional<Message> Child::next() {
  for (;;) {
    if (listener_) attend_listener();
    auto message = receive(channel_);
    if (!message) {
      // Closed: by execve, or by death. Of a sibling it cannot be told which; its exit status will.
      const bool executed = progress_->step.load() + 1 == plan_.steps.size() || has_forked();
      if (!executed) fail_silently();
      return std::nullopt;
    }
    verify(*message);
    if (message->word == Word::failure) throw failure(*message);
    if (!serve_filter(*message)) return message;
  }
}

void Child::tell_failure() {
  pollfd said{channel_.get(), POLLIN, 0};
  while (::poll(&said, 1, 0) > 0)
    if (!next()) return;
}

bool Child::speaks_before(FdRef event) const {
  std::array<pollfd, 2> ready{{{channel_.get(), POLLIN, 0}, {event.get(), POLLIN, 0}}};
  while (::poll(ready.data(), ready.size(), -1) < 0)
    if (errno != EINTR) throw Error::system("wait for the process that was launched");
  return ready[0].revents != 0;
}

/// True when the message was about the filter, and has been answered.
bool Child::serve_filter(const Message& message) {
  if (std::holds_alternative<LoadSeccomp>(plan_.steps[message.step].action)) {
    if (listener_ || !deliver_) throw unplanned();
    listener_ = take_listener(pidfd(), message.code);
    answer(Word::go);
    return true;
  }
  if (listener_ && std::holds_alternative<Meet>(plan_.steps[message.step].action)) hand_over_listener();
  if (message.word != Word::listener) return false;
  answer(Word::go);
  return true;
}

/// Until there is a message. What the process calls under its filter is the runtime's own code, and none of the agent's
/// business; a notification of its own making could otherwise keep it from ever getting to the agent.
void Child::attend_listener() {
  while (listener_) {
    std::array<pollfd, 2> ready{{{channel_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), -1) < 0) {
      if (errno == EINTR) continue;
      throw Error::system("wait for the container's process");
    }
    if ((ready[1].revents & POLLIN) == 0) return;
    // The clone that brings a sibling forth has been answered when there is one: the two cannot be confused.
    if (has_forked())
      hand_over_listener();
    else
      let_call_continue(listener_);
  }
}

void Child::hand_over_listener() {
  deliver_(listener_, pid());
  listener_.reset();
  deliver_ = nullptr;
}

/// What follows a Fork may be under the eyes, and in the hands, of others: it is not asked to do what its plan does not
/// say, and nothing that lies behind it.
void Child::verify(const Message& message) {
  std::size_t first = 0;
  if (has_forked())
    while (!std::holds_alternative<Fork>(plan_.steps.at(first++).action)) continue;
  // A terminal may have been sent before the Fork and be read behind it: nobody waits for an answer to it.
  const bool in_plan = message.step < plan_.steps.size() && (message.step >= first || message.word == Word::terminal);
  // A second one could only come from who has seized the process, for whoever waits at the other end.
  const bool is_repeated = message.word == Word::terminal && std::exchange(has_sent_terminal_, true);
  if (is_repeated || !in_plan ||
      (message.word != Word::failure && !may_say(plan_.steps[message.step].action, message.word)))
    throw unplanned();
}

Error Child::failure(const Message& message) {
  const auto& step = plan_.steps.at(message.step);
  failed_to_execute_ = std::holds_alternative<Execute>(step.action);
  if (failed_to_execute_) return Error(message.text, message.code);
  std::string text = step.field.empty() ? message.text : step.field + ": " + message.text;
  const auto frame = mount_frame(step.action);
  if (!frame.empty()) spell_like_go(text, message.code);
  return Error(frame + text + mount_hint(step.action, message.code), message.code);
}

void Child::fail_silently() {
  // Who closes his end ends, or has executed. Should that not be so, nobody shall wait for it for ever.
  static constexpr int patience_ms = 2000;
  const auto step = progress_->step.load();
  follow_fork();
  bool ended = sys::has_ended(process_, patience_ms);
  if (pid() != pid_) {  // it has forked since: what has ended is not the one that would go on
    follow_fork();
    ended = false;
  }
  if (!ended) sys::pidfd_send_signal(process_, SIGKILL);
  const int status = sys::wait_status(process_);
  process_.reset();
  if (!ended) throw Error("the container's process closed its channel in " + place(plan_, step) + ", and lived on");
  static constexpr int killed_by_signal = 128;
  const std::string end = status > killed_by_signal
                              ? "was killed by signal " + std::to_string(status - killed_by_signal)
                              : "ended with status " + std::to_string(status);
  throw Error("the container's process " + end + " in " + place(plan_, step) +
              (status == killed_by_signal + SIGKILL ? " (memory limit too low, or the container deleted?)" : ""));
}

void Child::answer(Word word, FdRef attached) const {
  say({word, 0, 0, {}, {}}, attached);
}

void Child::refuse(const Error& error) const {
  say({Word::failure, 0, error.code(), error.what(), {}}, FdRef(-1));
}

void Child::say(const Message& message, FdRef attached) const {
  if (send(channel_, message, attached)) return;
  const int code = errno;
  // It has ended: its last word, or its status, says why.
  if (code == EPIPE || code == ECONNRESET) return log::debug("the container's process has gone before an answer");
  throw Error::system("answer the container's process", code);
}

bool Child::says_only(Word word) const noexcept {
  return std::ranges::all_of(plan_.steps, [word](const Step& step) {
    for (auto other = Word::adopt; other < Word::failure; other = static_cast<Word>(static_cast<int>(other) + 1))
      if (other != word && may_say(step.action, other)) return false;
    return true;
  });
}

bool Child::will_fork() const noexcept {
  return std::ranges::any_of(plan_.steps, [](const Step& step) { return std::holds_alternative<Fork>(step.action); });
}

pid_t Child::pid() const noexcept {
  const auto forked = followed_ ? 0 : progress_->pid.load();
  return forked != 0 ? forked : pid_;
}

void Child::follow_fork() {
  const pid_t now = pid();
  if (now == pid_) return;
  // The sibling is a child of this process (CLONE_PARENT) that nobody has reaped, so its number is still its own.
  auto sibling = sys::pidfd_open(now);
  siginfo_t nothing{};
  if (::waitid(P_PIDFD, static_cast<id_t>(sibling.get()), &nothing, WEXITED | WNOHANG | WNOWAIT) < 0)
    throw Error::system("the container's process " + std::to_string(now) + " is no child of this one");
  // Held before anything can fail: else nobody would end it.
  const auto first = std::exchange(process_, std::move(sibling));
  followed_ = true;
  pid_ = now;
  sys::wait_status(first);
}

const Pidfd& Child::pidfd() {
  follow_fork();
  return process_;
}

void Child::release() noexcept {
  process_.reset();
}

}  // namespace oci
