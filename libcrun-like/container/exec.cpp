// SPDX-License-Identifier: Apache-2.0
// One more process in a container.
#include <sched.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "base/timing.hpp"
#include "container/attend.hpp"
#include "container/entry.hpp"
#include "container/exec_cgroup.hpp"
#include "container/filter.hpp"
#include "container/launch.hpp"
#include "container/presence.hpp"
#include "container/record.hpp"
#include "container/rootless.hpp"
#include "container/schedule.hpp"
#include "oci/container.hpp"
#include "plan/exec.hpp"
#include "spec/annotations.hpp"
#include "spec/check.hpp"
#include "spec/decode.hpp"

namespace oci {
namespace {

void add_capabilities(Process& process, const std::vector<std::string>& names) {
  if (names.empty()) return;
  if (!process.capabilities) process.capabilities.emplace();
  auto& sets = *process.capabilities;
  // Never inheritable ones, and ambient ones only where config.json has inheritable ones already (CVE-2022-29162).
  for (auto* set : {&sets.bounding, &sets.effective, &sets.permitted})
    set->insert(set->end(), names.begin(), names.end());
  if (!sets.inheritable.empty()) sets.ambient.insert(sets.ambient.end(), names.begin(), names.end());
}

/// The configured process, as the options change it.
Process changed(Process process, const ExecOptions& options) {
  process.args = options.args;
  process.terminal = options.terminal;
  if (!options.cwd.empty()) process.cwd = options.cwd;
  process.env.insert(process.env.end(), options.env.begin(), options.env.end());
  if (options.user) {
    process.user.uid = options.user->uid;
    process.user.gid = options.user->gid.value_or(process.user.gid);
  }
  auto& groups = process.user.additional_gids;
  groups.insert(groups.end(), options.additional_gids.begin(), options.additional_gids.end());
  add_capabilities(process, options.capabilities);
  if (!options.selinux_label.empty()) process.selinux_label = options.selinux_label;
  if (!options.apparmor_profile.empty()) process.apparmor_profile = options.apparmor_profile;
  if (options.no_new_privileges) process.no_new_privileges = *options.no_new_privileges;
  return process;
}

/// A process.json counts as it is; only what belongs to the container rather than to the process is taken over from
/// config.json.
Process completed(Process process, const Process& configured) {
  if (!process.capabilities) process.capabilities = configured.capabilities;
  if (process.rlimits.empty()) process.rlimits = configured.rlimits;
  if (process.apparmor_profile.empty()) process.apparmor_profile = configured.apparmor_profile;
  if (process.selinux_label.empty()) process.selinux_label = configured.selinux_label;
  if (!process.scheduler) process.scheduler = configured.scheduler;
  if (!process.io_priority) process.io_priority = configured.io_priority;
  if (!process.exec_cpu_affinity) process.exec_cpu_affinity = configured.exec_cpu_affinity;
  if (!process.oom_score_adj) process.oom_score_adj = configured.oom_score_adj;
  if (!process.user.umask) process.user.umask = configured.user.umask;
  return process;
}

/// A config.json, and what it says.
struct Config {
  std::string text;
  Spec spec;
};

std::string text_of(FdRef opened, const std::string& file) {
  return in_context([&] { return file; }, [&] { return read_regular(opened, "it", largest_config); });
}

Spec spec_in(const std::string& text, const std::string& file) {
  return in_context([&] { return file; }, [&] { return decode_spec(text); });
}

/// What was configured at create.
Config snapshot_in(const StateDirectory& directory) {
  const std::string file = "config.json";
  auto text = text_of(sys::openat(directory.fd(), file, flags_of_regular), file);
  auto spec = spec_in(text, file);
  return {std::move(text), std::move(spec)};
}

/// As runc does: what was changed in the bundle since create counts for new processes. Without a bundle the copy
/// serves.
Process configured_process(const Record& record, const Config& snapshot) {
  const auto file = record.bundle + "/config.json";
  const auto opened = sys::try_openat(working_directory, file, flags_of_regular);
  const int code = opened.code;
  if (code == ENOENT || code == ENOTDIR || code == EACCES || code == ELOOP) return *snapshot.spec.process;
  if (code != 0) throw Error::system("open " + file + " (" + sys::open_flags_in_words(flags_of_regular) + ")", code);
  const auto text = text_of(opened.fd, file);
  if (text == snapshot.text) return *snapshot.spec.process;
  auto spec = spec_in(text, file);
  if (spec.process) return std::move(*spec.process);
  return *snapshot.spec.process;
}

Process process_for(const ExecOptions& options, const Record& record, const Config& snapshot) {
  Process process;
  if (!options.process_file.empty()) {
    process =
        in_context([&] { return options.process_file; },
                   [&] { return decode_process(read_file(working_directory, options.process_file, largest_config)); });
    process = completed(std::move(process), *snapshot.spec.process);
  } else {
    process = changed(configured_process(record, snapshot), options);
  }
  at_path([] { return std::string("process"); }, [&] { check(process); });
  return process;
}

/// Keeps what exec needs together while it happens.
class Entrance {
 public:
  Entrance(const StateDirectory& directory, const ExecOptions& options, Record record, Pidfd first)
      : options_(options),
        record_(std::move(record)),
        first_(std::move(first)),
        snapshot_(snapshot_in(directory)),
        process_(process_for(options, record_, snapshot_)),
        filter_(container_filter(snapshot_.spec.linux, record_.annotations, directory.seccomp_cache())),
        inheritance_((check_terminal(options, process_.terminal), prepare_entry(options, false))) {
    if (host_.euid != 0 && (record_.namespaces & CLONE_NEWUSER) != 0)
      host_.may_set_groups = may_set_groups_beside(record_.pid);
  }

  Child enter() const {
    const InitialAffinity initial(process_.exec_cpu_affinity);
    auto child = launch_in_cgroup(record_, options_.cgroup, [&] { return plan(initial.is_foreign()); });
    initial.move(child.pid());
    if (filter_ && filter_->agent)
      child.deliver_listener_by([this](FdRef listener, pid_t process) {
        send_listener(*filter_->agent, listener, state_of(record_, "running"), process, record_.pid);
      });
    return child;
  }

 private:
  InitPlan plan(bool awaits_affinity) const {
    timing::phase("plan");
    ExecPlan request{.process = process_,
                     .linux = snapshot_.spec.linux,
                     .host = host_,
                     .id = record_.id,
                     .first_process = first_,
                     .namespaces = record_.namespaces,
                     .terminal_is_copied = options_.attachment == Attachment::foreground,
                     .awaits_affinity = awaits_affinity,
                     .no_new_keyring = record_.no_new_keyring,
                     .keeps_groups = extensions(record_.annotations).keeps_groups,
                     .preserve_fds = inheritance_.preserve_fds};
    if ((record_.namespaces & CLONE_NEWNS) == 0) request.root = root_of_first();
    if (filter_) request.seccomp = filter_->step;
    if (record_.resctrl) request.resctrl_tasks = open_resctrl_tasks(*record_.resctrl);
    return plan_exec(std::move(request));
  }

  /// Where the number may be another process's by now, the root is another one, too.
  Fd root_of_first() const {
    auto root = sys::openat(working_directory, "/proc/" + std::to_string(record_.pid) + "/root", O_PATH | O_DIRECTORY);
    if (sys::has_ended(first_, 0)) throw Error("cannot exec in a stopped container");
    return root;
  }

  const ExecOptions& options_;
  Record record_;
  Pidfd first_;
  Config snapshot_;
  Process process_;
  std::optional<ContainerFilter> filter_;
  Inheritance inheritance_;
  Host host_ = Host::probe();
};

}  // namespace

int Container::exec(const ExecOptions& options) const {
  timing::phase("config");
  const auto directory = StateDirectory::open(store_, id_);
  auto record = existing(directory);
  auto first = first_process(record);
  if (!first) throw Error("cannot exec in a stopped container");
  const auto now = status_while_alive(directory, record);
  if (now == Status::paused && !options.ignore_paused)
    throw Error("cannot exec in a paused container (use --ignore-paused to override)");
  if (now == Status::created) check_may_enter_created(record, "exec in");
  const Entrance entrance(directory, options, std::move(record), std::move(*first));

  std::optional<Attendance> attendance;
  if (options.attachment == Attachment::foreground) attendance.emplace();
  auto child = entrance.enter();
  timing::phase("serve");
  while (auto message = child.next()) {
    if (message->word == Word::start || message->word == Word::adopt)
      child.answer(Word::go);
    else if (message->word == Word::schedule)
      serve_schedule(child, *message);
    else if (message->word != Word::terminal)
      throw Error("the container's process said what it should not");
    else if (attendance)
      attendance->connect(std::move(message->fd));
    else
      hand_over_terminal(options, message->fd, message->text);
  }
  hand_over_pidfd(options, child.pidfd(), "setns");
  write_pid_file(options.pid_file, child.pid());
  int status = 0;
  if (attendance) status = attendance->attend(child.pidfd());
  child.release();
  attendance.reset();  // gives the terminal back
  return succeed(options, status);
}

}  // namespace oci
