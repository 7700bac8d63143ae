// SPDX-License-Identifier: Apache-2.0
#include "container/creation.hpp"

#include <sched.h>
#include <sys/resource.h>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "base/timing.hpp"
#include "container/adoption.hpp"
#include "container/bundle_config.hpp"
#include "container/filter.hpp"
#include "container/hooks.hpp"
#include "container/host_view.hpp"
#include "container/notify.hpp"
#include "container/presence.hpp"
#include "container/record.hpp"
#include "container/rootless.hpp"
#include "container/schedule.hpp"
#include "kernel/cgroup_apply.hpp"
#include "kernel/id_maps.hpp"
#include "kernel/terminal.hpp"
#include "plan/create.hpp"
#include "plan/hooks.hpp"
#include "plan/mount_id_maps.hpp"
#include "plan/mounts.hpp"
#include "plan/namespaces.hpp"
#include "spec/names.hpp"

namespace oci {

Creation::Creation(const Store& store, const std::string& id, const CreateOptions& options, Starter starter)
    : options_(options),
      id_(id),
      starter_(starter),
      host_(Host::probe()),
      inheritance_(prepare_entry(options, true)),
      state_((read_config(), StateDirectory::make(store, id))) {
  cgroup_ = make_cgroup_manager(options.cgroup_driver, id, spec_);
}

Creation::~Creation() {
  if (!kept_) take_back();
}

void Creation::take_back() noexcept {
  try {
    child_.reset();  // killed and reaped, so that its cgroup can go
    if (network_devices_) network_devices_->give_back();
    if (wrote_pid_file_) ::unlink(options_.pid_file.c_str());
    if (cgroup_) cgroup_->remove();  // with whatever the child left in there, so that nothing is in its class either
    resctrl_.reset();
    clear_host_view(state_);
  } catch (const Error& error) {
    log::warning(error.what());
    state_.keep();  // `delete --force` finds by it what is left
  }
  // runtime.md, "Lifecycle": a failure of create goes on at step 12, and 13 are the poststop hooks.
  if (ran_hooks_) run_poststop_hooks(record_);
}

void Creation::read_config() {
  timing::phase("config");
  auto config = read_bundle_config(options_);
  config_text_ = std::move(config.text);
  spec_ = std::move(config.spec);
  if (host_.euid != 0) adapt_to_caller(spec_, host_);
}

void Creation::stand() {
  const auto during_init = [] { return std::string("error during container init"); };
  timing::phase("state directory");
  record_ = {.id = id_,
             .created = now_rfc3339(Precision::nanoseconds),
             .bundle = options_.bundle,
             .rootfs = find_rootfs(spec_, options_.bundle),
             .cgroup = cgroup_->path(),
             .cgroup_driver = options_.cgroup_driver,
             .namespaces = plan_namespaces(spec_.linux).types,
             .in_user_namespace = spec_.linux.find(NamespaceType::user) != nullptr,
             .no_new_keyring = options_.no_new_keyring,
             .annotations = spec_.annotations,
             .poststart = spec_.hooks.poststart,
             .poststop = spec_.hooks.poststop};
  use_container_paths(spec_, record_.rootfs);
  auto notify = offer_notify_socket(spec_, state_);
  is_handed_over_ = !notify.empty() || !options_.pid_file.empty() || !options_.pidfd_socket.empty() ||
                    !extensions(spec_.annotations).pidfd_receiver.empty();
  for (auto& entry : notify) inheritance_.extra_env.push_back(std::move(entry));
  state_.remember("bundle", record_.bundle);
  if (!record_.cgroup.empty()) state_.remember("cgroup", record_.cgroup);
  if (mounts_in_host_view(spec_)) remember_host_view(state_, record_.rootfs);
  in_context([] { return std::string("unable to start container process"); },
             [&] {
               cgroup_->begin();
               enter_resctrl();
               launch();
               try {
                 set_up_from_outside();
                 // It is at its mounts, and nobody has to wait for this. A Fork would give it another number.
                 written_ahead_ = !child_->will_fork() && write_ahead();
               } catch (const Error&) {
                 in_context(during_init, [&] { child_->tell_failure(); });
                 throw;
               }
               if (may_go_at_once()) let_go();
               in_context(during_init, [&] { serve(); });
               save();
               if (starter_ == Starter::later_command) let_go();
             });
}

void Creation::enter_resctrl() {
  const auto& rdt = spec_.linux.intel_rdt;
  if (!rdt) return;
  const auto group = plan_resctrl_group(find_resctrl(), *rdt, id_);
  if (group.made) state_.remember("resctrl", group.path);
  if (group.made_monitoring) state_.remember("resctrl_monitoring", group.monitoring_path);
  resctrl_.emplace(group, *rdt);
  record_.resctrl = group;
}

void Creation::launch() {
  timing::phase("cgroup");
  prepare_cgroup();
  timing::phase("plan");
  delegated_.emplace(spec_, cgroup_->path());
  CreatePlan request{.spec = spec_,
                     .host = host_,
                     .id = id_,
                     .bundle = record_.bundle,
                     .rootfs = record_.rootfs,
                     .cgroup = record_.cgroup,
                     .no_pivot = options_.no_pivot,
                     .no_new_keyring = options_.no_new_keyring,
                     .preserve_fds = inheritance_.preserve_fds,
                     .extra_env = inheritance_.extra_env};
  HookOutput hook_output;  // open until the process has its own copy
  if (!spec_.hooks.create_container.empty()) hook_output = open_hook_output(spec_.annotations);
  request.hook_output = hook_output.output;
  request.hook_errors = hook_output.errors;
  if (needs_container_ids(spec_)) request.container_ids = container_id_maps(spec_.linux);
  auto filter = container_filter(spec_.linux, spec_.annotations, state_.seccomp_cache());
  if (filter) request.seccomp = std::move(filter->step);
  if (record_.resctrl) request.resctrl_tasks = open_resctrl_tasks(*record_.resctrl);
  if (starter_ == Starter::later_command) request.start_fifo = state_.make_start_fifo();
  auto plan = plan_create(std::move(request));
  give_birth(std::move(plan));
  if (filter && filter->agent)
    child_->deliver_listener_by([this, agent = std::move(*filter->agent)](FdRef listener, pid_t process) {
      send_listener(agent, listener, state_of(record_, "creating"), process);
    });
}

void Creation::give_birth(InitPlan plan) {
  try {
    network_.emplace(plan);
    child_.emplace(Child::launch(std::move(plan), FdRef(birthplace_),
                                 [this](const Pidfd& process, FdRef channel) { network_->take(process, channel); }));
  } catch (const Error& error) {
    const auto cgroup = birthplace_ < 0 ? std::nullopt : Cgroup::try_open(record_.cgroup);
    auto why = cgroup ? why_no_entry(*cgroup, error.code()) : std::string();
    if (why.empty() && host_.euid != 0) why = why_no_user_namespace(error.code());
    if (why.empty()) throw;
    throw Error(std::string(error.what()) + ": " + why, error.code());
  }
}

void Creation::prepare_cgroup() {
  birthplace_ = cgroup_->prepare().get();
  if (cgroup_->path().empty()) warn_of_shared_pids(spec_, host_);
  record_.unit = cgroup_->unit();
  if (!record_.unit.empty()) state_.remember("unit", to_text(record_.unit));
  if (!record_.cgroup.empty()) return;
  record_.cgroup = cgroup_->path();
  if (!record_.cgroup.empty()) state_.remember("cgroup", record_.cgroup);
}

/// What only this side may or need do, while the child is at its mounts.
void Creation::set_up_from_outside() {
  in_context([] { return std::string("error during container init"); }, [&] { network_->check(); });
  timing::phase("limits and device program");
  cgroup_->adopt(child_->pid());
  in_context([] { return std::string("unable to apply cgroup configuration"); },
             [&] { cgroup_->apply(spec_.linux.resources); });
}

void Creation::serve() {
  timing::phase("serve");
  for (;;) {
    auto message = child_->next();
    if (!message) throw Error("the container's process left without a word");
    // The cgroup namespace is there by now, and its root is the container's cgroup.
    if (message->word == Word::ready || message->word == Word::start) return delegated_->enter(child_->pid());
    serve(std::move(*message));
  }
}

void Creation::serve(Message message) {
  switch (message.word) {
    case Word::adopt:
      adopt(child_->pid(), spec_);
      return child_->answer(Word::go);
    case Word::network:
      network_devices_.emplace(child_->pidfd());
      network_devices_->move(spec_.linux.net_devices);
      return child_->answer(Word::go);
    case Word::hooks: {
      ran_hooks_ = true;
      const auto state = state_json(state_of(record_, "creating"), child_->pid());
      run_hooks(spec_.hooks.prestart, "prestart", state, record_.bundle, record_.annotations);
      run_hooks(spec_.hooks.create_runtime, "createRuntime", state, record_.bundle, record_.annotations);
      return child_->answer(Word::go);
    }
    case Word::schedule:
      return serve_schedule(*child_, message);
    case Word::source:
    case Word::idmap:
    case Word::procfs:
      return mounts_.serve(*child_, message, cgroup_->path());
    case Word::terminal:
      hand_over_terminal(options_, message.fd, message.text);
      if (options_.console_socket.empty()) terminal_ = std::move(message.fd);
      return;
    default:
      throw Error("the container's process said what it should not");
  }
}

/// Who the process is, and everything that is kept of the container but its name, state.json. False when the process
/// has ended, of which serve() tells more.
bool Creation::write_ahead() {
  timing::phase("record");
  record_.pid = child_->pid();
  record_.cgroup = cgroup_->path();
  const auto started = start_time_of(record_.pid);
  if (!started) return false;
  record_.start_time = *started;
  state_.remember("process", std::to_string(record_.pid) + ":" + std::to_string(record_.start_time));
  static constexpr mode_t private_file = 0600;
  write_all(sys::openat(state_.fd(), "config.json", O_WRONLY | O_CREAT | O_EXCL, private_file), config_text_,
            state_.path("config.json"));
  state_.prepare(record_);
  return true;
}

void Creation::save() {
  timing::phase("save");
  const auto& process = child_->pidfd();  // first: it makes sure that the number behind a Fork is a child's
  if (!written_ahead_ && !write_ahead()) throw Error("the container's process has ended");
  hand_over_pidfd(options_, process, "standard");
  if (const auto receiver = extensions(spec_.annotations).pidfd_receiver; !receiver.empty())
    in_context([] { return std::string("annotation run.oci.pidfd_receiver"); },
               [&] { send_descriptor(receiver, process, "standard"); });
  state_.publish();
  wrote_pid_file_ = write_pid_file(options_.pid_file, record_.pid);
}

/// Whether the process need not wait when it comes to its start: limits and device rules are in force by then, and all
/// that is left for this side is a rename(2). Whatever else may fail comes before the program runs; and should that
/// fail, there has to be a way to end all that the program has begun.
bool Creation::may_go_at_once() const noexcept {
  const bool is_tied_to_it = !record_.cgroup.empty() || (child_->plan().clone_flags & CLONE_NEWPID) != 0;
  return starter_ == Starter::this_process && written_ahead_ && is_tied_to_it && !is_handed_over_ &&
         !delegated_->is_wanted() && child_->says_only(Word::start);
}

void Creation::let_go() {
  child_->answer(Word::go);
  let_go_ = true;
}

bool Creation::start() {
  timing::phase("start");
  if (!let_go_) let_go();
  try {
    while (child_->next()) continue;
  } catch (Error& error) {
    // Everything stood: it is the program that says so, as after `create`, when nobody listens any more.
    if (child_->failed_to_execute()) return log::last_words(error.what()), false;
    error.within("unable to start container process");
    throw;
  }
  run_hooks(record_.poststart, "poststart", state_json(state_of(record_, "running"), record_.pid), record_.bundle,
            record_.annotations);
  return true;
}

void Creation::keep() noexcept {
  kept_ = true;
  if (resctrl_) resctrl_->keep();
  state_.keep();
  child_->release();
}

}  // namespace oci
