// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <regex.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <optional>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "base/timing.hpp"
#include "container_id.hpp"
#include "events.hpp"
#include "features.hpp"
#include "grammar.hpp"
#include "listing.hpp"
#include "ps.hpp"
#include "sealed_exe.hpp"
#include "spec/decode.hpp"
#include "spec/default_spec.hpp"
#include "spec/names.hpp"
#include "store.hpp"
#include "text.hpp"

namespace oci::cli {
namespace {

CgroupDriver cgroup_driver(const Globals& globals) {
  // The word wins over the flag: conmon adds --systemd-cgroup to whatever Podman chose for one container.
  if (globals.cgroup_manager.empty()) return globals.systemd_cgroup ? CgroupDriver::systemd : CgroupDriver::cgroupfs;
  if (globals.cgroup_manager == "cgroupfs") return CgroupDriver::cgroupfs;
  if (globals.cgroup_manager == "systemd") return CgroupDriver::systemd;
  if (globals.cgroup_manager == "disabled") return CgroupDriver::disabled;
  throw Error("unknown cgroup manager \"" + globals.cgroup_manager + "\": expected cgroupfs, systemd or disabled");
}

/// What create, run and exec need not take apart, because the process ends; unless the time it takes is to be shown.
void leave_at_success(const CommandLine& line, EntryOptions& options) {
  if (!line.globals.timing) options.on_success = leave;
}

/// A container to be made: its name, whether that was made up, and everything that was asked for.
struct Creation {
  std::string id;
  bool is_new_name = false;
  RunOptions options;
};

Creation creation_of(const CommandLine& line) {
  // With --bundle there can be no second one: then it is an id, and a bad one.
  const bool names_bundle = line.run.bundle.empty() && is_bundle(line.arguments.front());
  Creation creation{line.arguments.front(), names_bundle, line.run};
  if (creation.is_new_name) {
    creation.options.bundle = absolute_path(creation.id);
    creation.id = make_id(creation.options.bundle);
  }
  check_id(creation.id);
  if (creation.options.bundle.empty()) creation.options.bundle = absolute_path(".");
  creation.options.cgroup_driver = cgroup_driver(line.globals);
  make_default_root(line.globals);
  return creation;
}

void create(const CommandLine& line) {
  in_context([] { return std::string(program()) + " create failed"; },
             [&] {
               auto creation = creation_of(line);
               creation.options.attachment = Attachment::detached;
               if (!creation.is_new_name) leave_at_success(line, creation.options);
               Container::create(store_of(line.globals), creation.id, creation.options);
               if (creation.is_new_name) print(creation.id + "\n");
             });
}

int run(const CommandLine& line) {
  return in_context([] { return std::string(program()) + " run failed"; },
                    [&] {
                      auto creation = creation_of(line);
                      const bool shows_name =
                          creation.is_new_name && creation.options.attachment == Attachment::detached;
                      if (!shows_name) leave_at_success(line, creation.options);
                      const int status = oci::run(store_of(line.globals), creation.id, creation.options);
                      if (shows_name) print(creation.id + "\n");
                      return status;
                    });
}

int restore(const CommandLine& line) {
  return in_context([] { return std::string(program()) + " restore failed"; },
                    [&] {
                      auto options = line.restore;
                      options.criu = line.criu;
                      options.run = line.run;
                      const auto& id = line.arguments.front();
                      check_id(id);
                      if (options.run.bundle.empty()) options.run.bundle = absolute_path(".");
                      options.run.cgroup_driver = cgroup_driver(line.globals);
                      make_default_root(line.globals);
                      return oci::restore(store_of(line.globals), id, options);
                    });
}

Container open(const CommandLine& line) {
  check_id(line.arguments.front());
  return Container::open(store_of(line.globals), line.arguments.front());
}

int exec(const CommandLine& line) {
  return in_context([] { return "exec failed"; },
                    [&] {
                      auto options = line.exec;
                      options.args.assign(line.arguments.begin() + 1, line.arguments.end());
                      leave_at_success(line, options);
                      return open(line).exec(options);
                    });
}

void checkpoint(const CommandLine& line) {
  auto options = line.checkpoint;
  options.criu = line.criu;
  open(line).checkpoint(options);
}

void show_state(const CommandLine& line) {
  const auto state = open(line).state();
  if (state.status == Status::unknown) throw Error("the state of " + state.id + " cannot be told: " + state.problem);
  print(state_text(state));
}

void show_processes(const CommandLine& line) {
  const bool json = wants_json(line.format);
  const auto pids = open(line).processes();
  if (json) return print(pids_text(pids));
  std::vector<std::string> arguments(line.arguments.begin() + 1, line.arguments.end());
  if (arguments.empty()) arguments.emplace_back("-ef");
  print(matching_lines(run_ps(std::move(arguments)), pids));
}

/// regcomp(3), extended syntax, because C++'s <regex> needs a locale.
class Pattern {
 public:
  explicit Pattern(const std::string& text) {
    if (const int code = ::regcomp(&compiled_, text.c_str(), REG_EXTENDED | REG_NOSUB); code != 0) {
      std::string reason(::regerror(code, &compiled_, nullptr, 0), '\0');
      ::regerror(code, &compiled_, reason.data(), reason.size());
      reason.pop_back();
      throw Error("regular expression \"" + text + "\": " + reason);
    }
  }
  ~Pattern() { ::regfree(&compiled_); }
  Pattern(const Pattern&) = delete;
  Pattern(Pattern&&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  Pattern& operator=(Pattern&&) = delete;

  bool matches(const std::string& text) const { return ::regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0; }

 private:
  regex_t compiled_{};
};

/// Calls `act(store, id)` for the container that is meant, or for each one that --regex matches. One that fails does
/// not keep the others from their turn; the Error then names each of them.
template <class Act>
void for_each_meant(const CommandLine& line, Act act) {
  const auto store = store_of(line.globals);
  if (!line.regex) {
    check_id(line.arguments.front());
    return act(store, line.arguments.front());
  }
  const Pattern pattern(line.arguments.front());
  std::string failures;
  for (const auto& state : list(store)) {
    if (!pattern.matches(state.id)) continue;
    try {
      act(store, state.id);
    } catch (const Error& error) {
      failures.append(failures.empty() ? "" : "; ").append(state.id).append(": ").append(error.what());
    }
  }
  if (!failures.empty()) throw Error(failures);
}

void kill(const CommandLine& line) {
  const auto& arguments = line.arguments;
  const auto signal = arguments.size() > 1 ? find_signal(arguments[1]) : SIGTERM;
  if (!signal) throw Error("unknown signal \"" + arguments[1] + "\"");
  for_each_meant(
      line, [&](const Store& store, const std::string& id) { Container::open(store, id).kill(*signal, line.all); });
}

/// Absent when there is none, or its state makes no sense.
std::optional<Container> try_read(const Store& store, const std::string& id) {
  try {
    auto container = Container::open(store, id);
    if (container.state().status != Status::unknown) return container;
  } catch (const Error&) {
  }
  return std::nullopt;
}

void remove(const CommandLine& line) {
  for_each_meant(line, [&](const Store& store, const std::string& id) {
    if (!line.force) return Container::open(store, id).remove();
    // Only what nobody can make sense of may go without a look at its processes.
    const auto container = try_read(store, id);
    return container ? container->remove(true) : remove_remains(store, id);
  });
}

void show_list(const CommandLine& line) {
  const auto store = store_of(line.globals);
  // A missing default directory means that there never was a container, a missing --root is a typing error.
  if (!line.globals.root.empty())
    in_context([] { return "--root"; }, [&] { sys::openat(working_directory, store.root, O_PATH | O_DIRECTORY); });
  print(list_text(list(store), line.format, line.quiet));
}

void show_events(const CommandLine& line) {
  const auto container = open(line);
  const auto show = [&](const Statistics& statistics) { print(stats_event(container.id(), statistics)); };
  if (line.stats) return show(container.statistics());
  container.watch(line.interval, {.on_oom = [&] { print(oom_event(container.id())); }, .on_statistics = show});
}

/// What `decode` makes of a file, or of standard input where that is "-"; a failure names it behind `what`.
template <class Decode>
auto decoded(const std::string& file, std::string_view what, Decode&& decode) {
  const bool from_input = file == "-";
  const std::string name = from_input ? "standard input" : file;
  return in_context([&] { return std::string(what) + name; },
                    [&] {
                      return decode(from_input ? read_all(FdRef(STDIN_FILENO), name, largest_config)
                                               : read_file(working_directory, name, largest_config));
                    });
}

/// What --resources or the other options ask for.
Resources wanted_resources(const UpdateOptions& options) {
  if (options.file.empty()) {
    Resources resources;
    resources.memory = options.memory;
    resources.cpu = options.cpu;
    resources.pids = options.pids;
    resources.block_io = options.block_io;
    return resources;
  }
  return decoded(options.file, "--resources: ", decode_resources);
}

void update(const CommandLine& line) {
  open(line).update(wanted_resources(line.update), line.update.rdt);
}

void change_mounts(const CommandLine& line) {
  const auto& verb = line.arguments[0];
  const auto& id = line.arguments[1];
  const auto& file = line.arguments[2];
  if (verb != "add" && verb != "remove") throw Error("unknown command \"mounts " + verb + "\": expected add or remove");
  check_id(id);
  const auto container = Container::open(store_of(line.globals), id);
  const auto mounts = decoded(file, "", decode_mounts);
  verb == "add" ? container.add_mounts(mounts) : container.remove_mounts(mounts);
}

bool is_cgroup2() {
  struct statfs status {};
  return ::statfs("/sys/fs/cgroup", &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC;
}

void write_spec(const CommandLine& line) {
  static constexpr mode_t readable = 0666;
  const auto bundle = line.run.bundle.empty() ? std::string(".") : line.run.bundle;
  const auto directory = sys::openat(working_directory, bundle, O_PATH | O_DIRECTORY);
  const auto [file, code] = sys::try_openat(directory, line.spec_file, O_WRONLY | O_CREAT | O_EXCL, readable);
  if (code == EEXIST) throw Error("File " + line.spec_file + " exists. Remove it first");
  if (code != 0) throw Error::system("create " + line.spec_file, code);
  const auto owner = line.rootless ? std::optional<Owner>({::geteuid(), ::getegid()}) : std::nullopt;
  write_all(file, default_spec(is_cgroup2(), owner), line.spec_file);
}

void show_help(const CommandLine& line) {
  print(help_text(line.arguments.empty() ? nullptr : find_command(line.arguments.front())));
}

log::Level lowest_level(const Globals& globals, bool json_file) {
  const auto& word = globals.log_level;
  if (globals.debug || word == "debug") return log::Level::debug;
  if (word == "info") return log::Level::info;
  if (word == "warning") return log::Level::warning;
  if (word == "error") return log::Level::error;
  if (!word.empty()) throw Error("invalid log-level: " + word);
  // Podman decodes the whole file as the one object that says why a command failed.
  return json_file ? log::Level::error : log::Level::warning;
}

Fd open_log_file(std::string target) {
  static constexpr mode_t readable = 0644;
  if (target.starts_with("file:")) target.erase(0, std::string_view("file:").size());
  return sys::openat(working_directory, target, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY, readable);
}

/// "journald:NAME", "syslog:NAME": true when the target is a service.
bool open_log_service(const std::string& target, log::Level lowest) {
  static constexpr std::array services{std::pair{std::string_view("journald:"), log::Service::journal},
                                       std::pair{std::string_view("syslog:"), log::Service::syslog}};
  for (const auto& [prefix, service] : services) {
    if (!target.starts_with(prefix)) continue;
    in_context([&] { return "--log " + target; },
               [&, service = service, name = std::string_view(target).substr(prefix.size())] {
                 log::configure(lowest, service, name);
               });
    return true;
  }
  return false;
}

int perform_verb(const CommandLine& line) {
  switch (line.command->verb) {
    case Verb::checkpoint:
      return checkpoint(line), 0;
    case Verb::create:
      timing::phase("seal");
      seal_executable();
      timing::phase("create");
      return create(line), 0;
    case Verb::remove:
      return remove(line), 0;
    case Verb::events:
      return show_events(line), 0;
    case Verb::exec:
      timing::phase("seal");
      seal_executable();
      timing::phase("exec");
      return exec(line);
    case Verb::features:
      return print(features_text(mechanisms())), 0;
    case Verb::help:
      return show_help(line), 0;
    case Verb::kill:
      return kill(line), 0;
    case Verb::list:
      return show_list(line), 0;
    case Verb::mounts:
      seal_executable();
      return change_mounts(line), 0;
    case Verb::pause:
      return open(line).pause(), 0;
    case Verb::ps:
      return show_processes(line), 0;
    case Verb::restore:
      return restore(line);
    case Verb::resume:
      return open(line).resume(), 0;
    case Verb::run:
      timing::phase("seal");
      seal_executable();
      timing::phase("run");
      return run(line);
    case Verb::spec:
      return write_spec(line), 0;
    case Verb::start:
      return open(line).start(), 0;
    case Verb::state:
      return show_state(line), 0;
    case Verb::update:
      return update(line), 0;
  }
  throw Error("the command has no meaning");  // not reached: parse() only chooses commands of the table
}

/// Says at the command's end, whatever that is, where its time went. The command has done its work by then: what cannot
/// be written is a warning.
class TimingReport {
 public:
  explicit TimingReport(const CommandLine& line) : line_(line) {
    timing::begin();
    timing::mark(line.command->name.data());
  }
  TimingReport(const TimingReport&) = delete;
  TimingReport(TimingReport&&) = delete;
  TimingReport& operator=(const TimingReport&) = delete;
  TimingReport& operator=(TimingReport&&) = delete;
  ~TimingReport() {
    try {
      write();
    } catch (const std::exception& error) {
      log::warning(std::string("--timing: ") + error.what());
    }
  }

 private:
  void write() const {
    static constexpr mode_t readable = 0644;
    const auto seen = timing::record();
    const auto& file = line_.globals.timing_file;
    if (file.empty()) return write_all(FdRef(STDERR_FILENO), timing::table(seen), "standard error");
    write_all(sys::openat(working_directory, file, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY, readable),
              timing::chrome_trace(seen, std::string(program()) + " " + std::string(line_.command->name)), file);
  }

  const CommandLine& line_;
};

}  // namespace

void print(std::string_view text) {
  write_all(FdRef(STDOUT_FILENO), text, "standard output");
}

void leave(int status) {
#ifdef __SANITIZE_ADDRESS__
  std::exit(status);  // leaks are looked for there
#else
  ::_exit(status);
#endif
}

void open_log(const Globals& globals) {
  const auto& format = globals.log_format;
  if (!format.empty() && format != "text" && format != "json") throw Error("invalid log-format: " + format);
  const bool json = format == "json";
  const auto lowest = lowest_level(globals, json && !globals.log.empty());
  if (open_log_service(globals.log, lowest)) return;
  log::configure(lowest, json ? log::Format::json : log::Format::text,
                 globals.log.empty() ? Fd() : open_log_file(globals.log));
}

int perform(const CommandLine& line) {
  std::optional<TimingReport> report;
  if (line.globals.timing) report.emplace(line);
  return perform_verb(line);
}

}  // namespace oci::cli
