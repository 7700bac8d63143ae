// SPDX-License-Identifier: Apache-2.0
// A container out of the images of a checkpoint (CRIU).
#include <linux/keyctl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <optional>

#include "base/clock.hpp"
#include "base/decode.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "base/text.hpp"
#include "container/attend.hpp"
#include "container/bundle_config.hpp"
#include "container/criu_options.hpp"
#include "container/entry.hpp"
#include "container/hooks.hpp"
#include "container/presence.hpp"
#include "container/record.hpp"
#include "container/restore_root.hpp"
#include "kernel/cgroup_manager.hpp"
#include "oci/container.hpp"
#include "plan/hooks.hpp"
#include "spec/names.hpp"

namespace oci {
namespace {

constexpr auto log_name = "restore.log";

/// Which of its standard streams the checkpointed process shared with others through a pipe: this process's own take
/// their places.
std::vector<criu::InheritedFd> inherited_pipes(FdRef images) {
  std::vector<std::string> names;
  in_context([] { return "descriptors.json"; },
             [&] {
               static constexpr std::size_t longest = std::size_t{64} * 1024;
               const auto file = sys::openat(images, "descriptors.json", flags_of_regular);
               const auto text = read_regular(file, "it", longest);
               const auto document = json::Document::parse(text);
               json::decode(document.root(), names);
             });
  std::vector<criu::InheritedFd> pipes;
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO && static_cast<std::size_t>(stream) < names.size(); ++stream)
    if (auto& name = names[static_cast<std::size_t>(stream)]; name.starts_with("pipe:["))
      pipes.push_back({std::move(name), stream});
  return pipes;
}

/// "0::/user.slice" or "4:memory:/": where a process is, in every hierarchy.
std::vector<criu::CgroupRoot> cgroups_of(pid_t pid) {
  std::vector<criu::CgroupRoot> roots;
  const auto text = read_file(working_directory, "/proc/" + std::to_string(pid) + "/cgroup");
  for (std::string_view rest = text; !rest.empty();) {
    const auto line = cut(rest, "\n");
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == line.npos) continue;
    roots.push_back({std::string(line.substr(first + 1, second - first - 1)), std::string(line.substr(second + 1))});
  }
  return roots;
}

/// CRIU leaves restored processes in the session keyring that it has itself; the caller's keys are none of the
/// container's business.
void leave_session_keyring(const std::string& id) {
  const auto name = "_ses." + id;
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.c_str()) < 0 && errno != ENOSYS && errno != EDQUOT &&
      errno != EPERM)
    throw Error::system("join the session keyring " + name);
}

/// The namespaces of `pid` that are not this process's.
int foreign_namespaces(pid_t pid) {
  int found = 0;
  for (const auto& row : namespace_names()) {
    const std::string file = "/ns/" + std::string(row.proc_name);
    const auto own = sys::try_fstatat(working_directory, "/proc/self" + file, 0);
    const auto other = sys::try_fstatat(working_directory, "/proc/" + std::to_string(pid) + file, 0);
    if (own && other && own->st_ino != other->st_ino) found |= row.flag;
  }
  return found;
}

/// What CRIU knows nothing of, and this command does not do yet.
void refuse_what_is_missing(const Spec& spec) {
  if (spec.linux.intel_rdt) throw Error("linux.intelRdt is not implemented for restore yet");
  if (!spec.linux.net_devices.empty()) throw Error("linux.netDevices is not implemented for restore yet");
}

std::string name_of_terminal(FdRef master) {
  unsigned number = 0;
  return ::ioctl(master.get(), TIOCGPTN, &number) == 0 ? "/dev/pts/" + std::to_string(number) : "terminal";
}

/// A container on its way back. Until keep() is called its destructor takes everything back: processes, cgroup, state,
/// pid file.
class Restoration {
 public:
  Restoration(const Store& store, const std::string& id, const RestoreOptions& options)
      : options_(options),
        config_(read_bundle_config(options.run)),
        directories_(open_criu_directories(options.criu, false, log_name)),
        state_(StateDirectory::make(store, id)) {
    refuse_what_is_missing(config_.spec);
    prepare_entry(options.run, false);
    cgroup_ = make_cgroup_manager(options.run.cgroup_driver, id, config_.spec);
    record_ = {.id = id,
               .created = now_rfc3339(Precision::nanoseconds),
               .bundle = options.run.bundle,
               .rootfs = find_rootfs(config_.spec, options.run.bundle),
               .cgroup = cgroup_->path(),
               .cgroup_driver = options.run.cgroup_driver,
               .in_user_namespace = config_.spec.linux.find(NamespaceType::user) != nullptr,
               .no_new_keyring = options.run.no_new_keyring,
               .annotations = config_.spec.annotations,
               .poststart = config_.spec.hooks.poststart,
               .poststop = config_.spec.hooks.poststop};
    state_.remember("bundle", record_.bundle);
    if (!record_.cgroup.empty()) state_.remember("cgroup", record_.cgroup);
  }
  Restoration(const Restoration&) = delete;
  Restoration& operator=(const Restoration&) = delete;
  ~Restoration() {
    if (!kept_) take_back();
  }

  /// The processes run when this returns.
  void restore();

  const Record& record() const noexcept { return record_; }
  const Pidfd& process() const noexcept { return process_; }
  StateDirectory& state() noexcept { return state_; }
  Fd take_terminal() noexcept { return std::move(terminal_); }

  void keep() noexcept {
    kept_ = true;
    state_.keep();
  }

 private:
  criu::Options request_options() const;
  void enter_namespaces(criu::Options& out, std::vector<Fd>& opened) const;
  void place_in_cgroup(pid_t pid, criu::Options& out);
  void notice(const criu::Response& notification, Fd attached);
  void run_host_hooks(pid_t pid);
  void take_terminal(Fd master);
  void save(pid_t pid);
  void take_back() noexcept;

  const RestoreOptions& options_;
  BundleConfig config_;
  CriuDirectories directories_;
  StateDirectory state_;
  std::unique_ptr<CgroupManager> cgroup_;
  Record record_;
  Pidfd process_;
  Fd terminal_;
  bool wrote_pid_file_ = false;
  bool ran_hooks_ = false;
  bool kept_ = false;
};

void Restoration::restore() {
  const auto null = record_.in_user_namespace ? NullDevice::as_it_is : NullDevice::read_only;
  RestoreRoot root(state_, record_.rootfs, null);
  // CRIU mounts what it needs for itself in its working directory, which has to be one of the same namespace.
  directories_ = open_criu_directories(options_.criu, false, log_name);
  auto request = request_options();
  std::vector<Fd> namespaces;
  enter_namespaces(request, namespaces);
  request.root = root.path();
  request.external = mounts_brought_in(config_.spec, root.prepare(config_.spec, record_.bundle));
  if (!options_.run.no_new_keyring) leave_session_keyring(record_.id);
  criu::Session session({namespaces.begin(), namespaces.end()});
  root.leave();  // what follows, hooks above all, is at home in the caller's namespace
  session.version();
  place_in_cgroup(session.pid(), request);
  perform_logged(session, {.kind = criu::Kind::restore, .options = std::move(request)}, directories_,
                 [&](const criu::Response& notification, Fd attached) { notice(notification, std::move(attached)); });
  if (!process_) throw Error("criu restored no process");
  remove_restore_root(state_);
}

criu::Options Restoration::request_options() const {
  auto out = criu_options(options_.criu, directories_, record_.annotations);
  out.tcp_close = options_.tcp_close;
  out.lsm_profile = options_.lsm_profile;
  out.lsm_mount_context = options_.lsm_mount_context;
  out.evasive_devices = true;
  out.restore_as_sibling = true;
  out.inherited = inherited_pipes(directories_.images);
  return out;
}

void Restoration::enter_namespaces(criu::Options& out, std::vector<Fd>& opened) const {
  for (const auto& shared : config_.spec.linux.namespaces) {
    if (shared.path.empty()) continue;
    const auto& name = name_of(shared.type);
    if (shared.type == NamespaceType::cgroup || shared.type == NamespaceType::mount)
      throw Error("linux.namespaces: CRIU cannot restore into an existing " + std::string(name.name) + " namespace");
    if (!stays_outside(shared.type)) {
      out.joined.push_back({std::string(name.proc_name), shared.path});
      continue;
    }
    auto [file, code] = sys::try_openat(working_directory, shared.path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (code != 0) throw Error::system("Requested " + std::string(name.name) + " namespace " + shared.path, code);
    out.inherited.push_back(
        {external_namespace_key(shared.type), criu::Session::first_inherited + static_cast<int>(opened.size())});
    opened.push_back(std::move(file));
  }
}

/// What criu restores is born where criu is.
void Restoration::place_in_cgroup(pid_t pid, criu::Options& out) {
  if (const auto& directory = cgroup_->prepare()) write_file(directory, "cgroup.procs", std::to_string(pid));
  cgroup_->adopt(pid);
  in_context([] { return "unable to apply cgroup configuration"; },
             [&] { cgroup_->apply(config_.spec.linux.resources); });
  if (record_.cgroup.empty() && !cgroup_->path().empty()) state_.remember("cgroup", cgroup_->path());
  record_.cgroup = cgroup_->path();
  record_.unit = cgroup_->unit();
  if (!record_.unit.empty()) state_.remember("unit", to_text(record_.unit));
  out.cgroup_roots = cgroups_of(pid);
}

void Restoration::notice(const criu::Response& notification, Fd attached) {
  const auto& script = notification.script;
  if (script == "setup-namespaces") run_host_hooks(notification.pid);
  if (script == "orphan-pts-master") take_terminal(std::move(attached));
  if (script == "post-restore") save(notification.pid);
}

void Restoration::run_host_hooks(pid_t pid) {
  const auto& hooks = config_.spec.hooks;
  if (hooks.prestart.empty() && hooks.create_runtime.empty()) return;
  ran_hooks_ = true;
  const auto state = state_json(state_of(record_, "creating"), pid);
  run_hooks(hooks.prestart, "prestart", state, record_.bundle, record_.annotations);
  run_hooks(hooks.create_runtime, "createRuntime", state, record_.bundle, record_.annotations);
}

void Restoration::take_terminal(Fd master) {
  if (!master) throw Error("criu sent no terminal");
  const bool stays = options_.run.attachment == Attachment::foreground;
  if (options_.run.console_socket.empty() && !stays)
    throw Error("the checkpoint has a terminal, and there is no --console-socket to send it to");
  hand_over_terminal(options_.run, master, name_of_terminal(master));
  if (options_.run.console_socket.empty()) terminal_ = std::move(master);
}

/// The processes are there, but do not run yet.
void Restoration::save(pid_t pid) {
  process_ = sys::pidfd_open(pid);
  record_.pid = pid;
  record_.namespaces = foreign_namespaces(pid);
  const auto started = start_time_of(pid);
  if (!started) throw Error("the restored process has ended");
  record_.start_time = *started;
  state_.remember("process", std::to_string(pid) + ":" + std::to_string(record_.start_time));
  replace_file(state_.fd(), "config.json", config_.text, 0600);
  state_.prepare(record_);
  state_.publish();
  wrote_pid_file_ = write_pid_file(options_.run.pid_file, pid);
}

void Restoration::take_back() noexcept {
  try {
    if (process_ && sys::pidfd_send_signal(process_, SIGKILL)) sys::wait_status(process_);
    if (wrote_pid_file_) ::unlink(options_.run.pid_file.c_str());
    if (cgroup_) cgroup_->remove();
  } catch (const Error& error) {
    log::warning(error.what());
    state_.keep();  // `delete --force` finds by it what is left
  }
  if (ran_hooks_) run_poststop_hooks(record_);
}

}  // namespace

int restore(const Store& store, const std::string& id, const RestoreOptions& options) {
  require_root("restore");
  if (options.run.no_pivot) log::warning("--no-pivot has no effect: CRIU changes the root itself");
  const bool stays = options.run.attachment == Attachment::foreground;
  Restoration restoration(store, id, options);
  std::optional<Attendance> attendance;
  if (stays) attendance.emplace(options.run.no_subreaper ? Orphans::left : Orphans::reaped);
  restoration.restore();
  if (auto terminal = restoration.take_terminal(); stays && terminal) attendance->connect(std::move(terminal));
  if (!stays) {
    restoration.keep();
    return 0;
  }
  const int status = attendance->attend(restoration.process());
  restoration.keep();
  remove_after_run(restoration.state(), restoration.record());
  return status;
}

}  // namespace oci
