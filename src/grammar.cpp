// SPDX-License-Identifier: Apache-2.0
#include "grammar.hpp"

#include <algorithm>
#include <array>

namespace oci::cli {
namespace {

/// For options that runc or crun once needed and whose right effect is none.
void change_nothing(CommandLine& /*line*/, std::string_view /*text*/) {}

void set_rootless(CommandLine& /*line*/, std::string_view text) {
  // What the caller may do is found out where it matters; the word is only checked, so that a typing error is noticed.
  if (text != "auto" && text != "AUTO" && text != "Auto" && !truth(text)) throw Error("expected true, false or auto");
}

void set_root(CommandLine& line, std::string_view text) {
  line.globals.root = absolute_path(std::string(text));
  if (line.globals.root == "/") throw Error("Option --root argument should not be set to /");
}

/// A flag with a value of its own: "--timing=FILE". A file whose name is a truth value is "./yes".
void set_timing(CommandLine& line, std::string_view text) {
  const auto known = truth(text);
  line.globals.timing = known.value_or(true);
  line.globals.timing_file = known ? std::string() : absolute_path(std::string(text));
}

constexpr std::array global_table{
    value<&CommandLine::globals, &Globals::cgroup_manager>(
        "cgroup-manager", "", "NAME", "who makes cgroups: cgroupfs (default), systemd, or disabled"),
    Option{"criu", "", "PATH", "accepted for old callers, without effect", change_nothing},
    flag<&CommandLine::globals, &Globals::debug>("debug", "", "log what is done, step by step"),
    flag<&CommandLine::help>("help", "h?", "show help"),
    value<&CommandLine::globals, &Globals::log>("log", "", "FILE",
                                                "append log messages to FILE instead of standard error"),
    value<&CommandLine::globals, &Globals::log_format>("log-format", "", "FORMAT", "text (default) or json"),
    value<&CommandLine::globals, &Globals::log_level>("log-level", "", "LEVEL",
                                                      "log nothing below LEVEL: error, warning, info, or debug"),
    Option{"root", "", "DIR", "where containers are remembered (default: /run/runtime, or $XDG_RUNTIME_DIR/runtime)",
           set_root},
    Option{"rootless", "", "VALUE", "true, false, or auto; accepted for old callers, the runtime finds out itself",
           set_rootless},
    flag<&CommandLine::globals, &Globals::systemd_cgroup>("systemd-cgroup", "", "the same as --cgroup-manager systemd"),
    Option{"timing", "", "",
           "show on standard error where the time went; --timing=FILE: write it for trace viewers (Chrome trace JSON)",
           set_timing},
    flag<&CommandLine::usage>("usage", "", "show how the command is called"),
    flag<&CommandLine::version>("version", "vV", "show the version"),
};

// For checkpoint and restore.
constexpr std::array criu_table{
    flag<&CommandLine::criu, &CriuOptions::auto_dedup>("auto-dedup", "", "drop pages from images that hold them twice"),
    value<&CommandLine::criu, &CriuOptions::empty_namespaces>(
        "empty-ns", "", "TYPE", "leave what is in this namespace alone; only network, where it is always so"),
    flag<&CommandLine::criu, &CriuOptions::external_sockets>("ext-unix-sk", "",
                                                             "allow connections to unix sockets outside"),
    flag<&CommandLine::criu, &CriuOptions::file_locks>("file-locks", "", "allow file locks"),
    path<&CommandLine::criu, &CriuOptions::image_path>("image-path", "", "DIR",
                                                       "the directory of the images (default: checkpoint)"),
    flag<&CommandLine::criu, &CriuOptions::lazy_pages>("lazy-pages", "", "hand memory over later, when it is needed"),
    value<&CommandLine::criu, &CriuOptions::manage_cgroups_mode>(
        "manage-cgroups-mode", "", "MODE", "what becomes of cgroups: soft (default), full, strict, ignore"),
    value<&CommandLine::criu, &CriuOptions::network_lock>(
        "network-lock", "", "METHOD", "how connections are held meanwhile: iptables, nftables, skip"),
    value<&CommandLine::criu, &CriuOptions::parent_path>(
        "parent-path", "", "DIR", "the images of an earlier pre-dump, relative to those of this one"),
    flag<&CommandLine::criu, &CriuOptions::shell_job>("shell-job", "", "allow a terminal that is the caller's"),
    flag<&CommandLine::criu, &CriuOptions::tcp_established>("tcp-established", "", "allow open TCP connections"),
    path<&CommandLine::criu, &CriuOptions::work_path>("work-path", "", "DIR",
                                                      "the directory of logs (default: that of the images)"),
};

constexpr std::array checkpoint_table{
    flag<&CommandLine::checkpoint, &CheckpointOptions::leave_running>("leave-running", "",
                                                                      "let the container go on afterwards"),
    flag<&CommandLine::checkpoint, &CheckpointOptions::link_remap>("link-remap", "",
                                                                   "link deleted files that are open back in"),
    value<&CommandLine::checkpoint, &CheckpointOptions::page_server>("page-server", "", "ADDRESS:PORT",
                                                                     "send memory to, or with --lazy-pages from, here"),
    flag<&CommandLine::checkpoint, &CheckpointOptions::pre_dump>("pre-dump", "",
                                                                 "write memory only, and let the container go on"),
    value<&CommandLine::checkpoint, &CheckpointOptions::status_fd>(
        "status-fd", "", "N", "write a zero byte to this descriptor when --lazy-pages is ready"),
    flag<&CommandLine::checkpoint, &CheckpointOptions::tcp_skip_in_flight>("tcp-skip-in-flight", "",
                                                                           "skip connections that are being made"),
};

constexpr std::array restore_table{
    path<&CommandLine::run, &RunOptions::bundle>("bundle", "b", "DIR", "the bundle (default: the working directory)"),
    path<&CommandLine::run, &RunOptions::console_socket>("console-socket", "", "SOCKET",
                                                         "send the terminal's controlling side to this unix socket"),
    flag<&CommandLine::run, &RunOptions::attachment>("detach", "d", "return as soon as the container runs"),
    value<&CommandLine::restore, &RestoreOptions::lsm_mount_context>("lsm-mount-context", "", "CONTEXT",
                                                                     "the SELinux context of mounts"),
    value<&CommandLine::restore, &RestoreOptions::lsm_profile>(
        "lsm-profile", "", "TYPE:NAME", "the profile of processes: apparmor:NAME, selinux:LABEL"),
    flag<&CommandLine::run, &RunOptions::no_pivot>("no-pivot", "",
                                                   "accepted for old callers, with a warning: CRIU changes the root"),
    flag<&CommandLine::run, &RunOptions::no_subreaper>("no-subreaper", "", "leave orphaned processes to the caller"),
    path<&CommandLine::run, &RunOptions::pid_file>("pid-file", "", "FILE", "write the process id to FILE"),
    flag<&CommandLine::restore, &RestoreOptions::tcp_close>("tcp-close", "", "restore TCP connections as closed ones"),
};

constexpr std::array create_table{
    path<&CommandLine::run, &RunOptions::bundle>("bundle", "b", "DIR", "the bundle (default: the working directory)"),
    path<&CommandLine::run, &RunOptions::config_file>("config", "f", "FILE",
                                                      "use FILE instead of the bundle's config.json"),
    path<&CommandLine::run, &RunOptions::console_socket>("console-socket", "", "SOCKET",
                                                         "send the terminal's controlling side to this unix socket"),
    flag<&CommandLine::run, &RunOptions::no_new_keyring>("no-new-keyring", "",
                                                         "keep the caller's session keyring instead of making one"),
    flag<&CommandLine::run, &RunOptions::no_pivot>("no-pivot", "",
                                                   "do not use pivot_root(2), which an initramfs refuses; less safe"),
    path<&CommandLine::run, &RunOptions::pid_file>("pid-file", "", "FILE", "write the process id to FILE"),
    path<&CommandLine::run, &RunOptions::pidfd_socket>("pidfd-socket", "", "SOCKET",
                                                       "send a pidfd of the process to this unix socket"),
    value<&CommandLine::run, &RunOptions::preserve_fds>(
        "preserve-fds", "", "N", "pass N more descriptors on, from 3 (behind those of $LISTEN_FDS)"),
};

constexpr std::array create_only_table{
    Option{"no-subreaper", "", "", "accepted for old callers: create leaves no process behind that could be one",
           [](CommandLine& /*line*/, std::string_view text) {
             bool unused = false;
             assign(unused, text);
           }},
};

constexpr std::array run_only_table{
    flag<&CommandLine::run, &RunOptions::attachment>("detach", "d", "return as soon as the container runs"),
    flag<&CommandLine::run, &RunOptions::keep>("keep", "", "do not delete the container when its process has ended"),
    flag<&CommandLine::run, &RunOptions::no_subreaper>("no-subreaper", "", "leave orphaned processes to the caller"),
};

constexpr std::array events_table{
    value<&CommandLine::interval>("interval", "", "DURATION", "show statistics every 5s (default), 100ms, 1m30s, …"),
    flag<&CommandLine::stats>("stats", "", "show statistics once, and end"),
};

constexpr std::array exec_table{
    value<&CommandLine::exec, &ExecOptions::additional_gids>("additional-gids", "g", "GID", "add a group (repeatable)"),
    value<&CommandLine::exec, &ExecOptions::apparmor_profile>("apparmor", "", "PROFILE", "set the AppArmor profile"),
    value<&CommandLine::exec, &ExecOptions::capabilities>("cap", "c", "CAP", "add a capability (repeatable)"),
    value<&CommandLine::exec, &ExecOptions::cgroup>(
        "cgroup", "", "PATH", "run in this existing cgroup below the container's: [CONTROLLER:]PATH"),
    path<&CommandLine::exec, &ExecOptions::console_socket>("console-socket", "", "SOCKET",
                                                           "send the terminal's controlling side to this unix socket"),
    value<&CommandLine::exec, &ExecOptions::cwd>("cwd", "", "DIR", "the working directory in the container"),
    flag<&CommandLine::exec, &ExecOptions::attachment>("detach", "d", "return as soon as the process runs"),
    value<&CommandLine::exec, &ExecOptions::env>("env", "e", "NAME=VALUE", "add an environment variable (repeatable)"),
    flag<&CommandLine::exec, &ExecOptions::ignore_paused>("ignore-paused", "", "allow it in a paused container"),
    flag<&CommandLine::exec, &ExecOptions::no_new_privileges>(
        "no-new-privs", "", "forbid the process to gain privileges, or with =false allow it"),
    path<&CommandLine::exec, &ExecOptions::pid_file>("pid-file", "", "FILE", "write the process id to FILE"),
    path<&CommandLine::exec, &ExecOptions::pidfd_socket>("pidfd-socket", "", "SOCKET",
                                                         "send a pidfd of the process to this unix socket"),
    value<&CommandLine::exec, &ExecOptions::preserve_fds>("preserve-fds", "", "N",
                                                          "pass N more descriptors on, from 3"),
    path<&CommandLine::exec, &ExecOptions::process_file>(
        "process", "p", "FILE", "take the whole process from this JSON file; command and other settings do not count"),
    value<&CommandLine::exec, &ExecOptions::selinux_label>("process-label", "", "LABEL", "set the SELinux label"),
    flag<&CommandLine::exec, &ExecOptions::terminal>("tty", "t", "give the process a terminal"),
    value<&CommandLine::exec, &ExecOptions::user>("user", "u", "UID[:GID]", "run as this user, by number"),
};

constexpr std::array delete_table{
    flag<&CommandLine::force>("force", "f", "kill the container if it still runs; do nothing if there is none"),
    flag<&CommandLine::regex>("regex", "r", "the argument is a regular expression; delete every container it matches"),
};

constexpr std::array kill_table{
    flag<&CommandLine::all>("all", "a", "signal every process of the container"),
    flag<&CommandLine::regex>("regex", "r", "the argument is a regular expression; signal every container it matches"),
};

constexpr std::array list_table{
    value<&CommandLine::format>("format", "f", "FORMAT", "table (default) or json"),
    flag<&CommandLine::quiet>("quiet", "q", "show only the ids"),
};

constexpr std::array ps_table{
    value<&CommandLine::format>("format", "f", "FORMAT", "table (default) or json"),
};

constexpr std::array spec_table{
    path<&CommandLine::run, &RunOptions::bundle>("bundle", "b", "DIR", "the bundle (default: the working directory)"),
    value<&CommandLine::spec_file>("file", "f", "FILE", "write this file in the bundle (default: config.json)"),
    flag<&CommandLine::rootless>("rootless", "", "for a container that an ordinary user can run"),
};

constexpr std::array update_table{
    value<&CommandLine::update, &UpdateOptions::block_io, &BlockIoLimits::weight>("blkio-weight", "", "N",
                                                                                  "the share of disk time, 10 to 1000"),
    value<&CommandLine::update, &UpdateOptions::cpu, &CpuLimits::burst>(
        "cpu-burst", "", "N", "microseconds that a period may add out of what earlier ones did not use"),
    value<&CommandLine::update, &UpdateOptions::cpu, &CpuLimits::idle>(
        "cpu-idle", "", "N", "1: run only when nobody else wants the CPU; 0: do not"),
    value<&CommandLine::update, &UpdateOptions::cpu, &CpuLimits::period>("cpu-period", "", "N",
                                                                         "the period of --cpu-quota in microseconds"),
    value<&CommandLine::update, &UpdateOptions::cpu, &CpuLimits::quota>(
        "cpu-quota", "", "N", "microseconds of CPU time in each period; -1: no limit"),
    value<&CommandLine::update, &UpdateOptions::cpu, &CpuLimits::realtime_period>(
        "cpu-rt-period", "", "N", "has no effect on cgroup v2, with a warning"),
    value<&CommandLine::update, &UpdateOptions::cpu, &CpuLimits::realtime_runtime>(
        "cpu-rt-runtime", "", "N", "has no effect on cgroup v2, with a warning"),
    value<&CommandLine::update, &UpdateOptions::cpu, &CpuLimits::shares>("cpu-share", "", "N",
                                                                         "the share of CPU time, 2 to 262144"),
    value<&CommandLine::update, &UpdateOptions::cpu, &CpuLimits::cpus>("cpuset-cpus", "", "LIST",
                                                                       "the CPUs to run on: 0-2,5"),
    value<&CommandLine::update, &UpdateOptions::cpu, &CpuLimits::mems>("cpuset-mems", "", "LIST",
                                                                       "the memory nodes to use"),
    size<&CommandLine::update, &UpdateOptions::memory, &MemoryLimits::kernel>(
        "kernel-memory", "", "BYTES", "has no effect on cgroup v2, with a warning"),
    size<&CommandLine::update, &UpdateOptions::memory, &MemoryLimits::kernel_tcp>(
        "kernel-memory-tcp", "", "BYTES", "has no effect on cgroup v2, with a warning"),
    value<&CommandLine::update, &UpdateOptions::rdt, &IntelRdt::l3_cache_schema>(
        "l3-cache-schema", "", "SCHEMA", "the L3 cache allocation of a container with intelRdt"),
    value<&CommandLine::update, &UpdateOptions::rdt, &IntelRdt::mem_bw_schema>(
        "mem-bw-schema", "", "SCHEMA", "the memory bandwidth of a container with intelRdt"),
    size<&CommandLine::update, &UpdateOptions::memory, &MemoryLimits::limit>(
        "memory", "", "BYTES", "the limit of memory: 50M, 1.5g, …; -1: no limit, of swap neither"),
    size<&CommandLine::update, &UpdateOptions::memory, &MemoryLimits::reservation>(
        "memory-reservation", "", "BYTES", "memory that is not taken away while there is other; -1: all of it"),
    size<&CommandLine::update, &UpdateOptions::memory, &MemoryLimits::swap>(
        "memory-swap", "", "BYTES", "the limit of memory and swap together; -1: no limit of swap"),
    value<&CommandLine::update, &UpdateOptions::pids, &PidsLimits::limit>("pids-limit", "", "N",
                                                                          "how many processes; -1: no limit"),
    Option{"resources", "r", "FILE", "take linux.resources from this JSON file (-: standard input) and nothing else",
           [](CommandLine& line, std::string_view text) {
             line.update.file = text == "-" ? std::string(text) : absolute_path(std::string(text));
           }},
};

// In the order of the alphabet, as the help shows them.
constexpr std::array command_table{
    Command{.verb = Verb::checkpoint,
            .name = "checkpoint",
            .arguments = "<container-id>",
            .summary = "write a running container into files",
            .description = "CRIU writes the processes into images, from which restore makes them again. The container\n"
                           "is deleted unless it is to go on.",
            .options = checkpoint_table,
            .more_options = criu_table,
            .count = {1, 1}},
    Command{.verb = Verb::create,
            .name = "create",
            .arguments = "<container-id>",
            .summary = "create a container",
            .description = "Makes the container that the bundle's config.json describes; its program waits for start.\n"
                           "A <container-id> with a slash in it, or \".\", is a bundle: an id is made up and printed.",
            .options = create_table,
            .more_options = create_only_table,
            .count = {1, 1}},
    Command{.verb = Verb::remove,
            .name = "delete",
            .arguments = "<container-id>",
            .summary = "delete a container that has stopped",
            .description = "Removes everything the container still holds. One that was never started is killed first.",
            .options = delete_table,
            .more_options = {},
            .count = {1, 1}},
    Command{.verb = Verb::events,
            .name = "events",
            .arguments = "<container-id>",
            .summary = "show what a container uses, and when it runs out of memory",
            .description = "Prints JSON objects, one a line, until the container has ended.",
            .options = events_table,
            .more_options = {},
            .count = {1, 1}},
    Command{.verb = Verb::exec,
            .name = "exec",
            .arguments = "<container-id> <command> [argument...] || --process FILE <container-id>",
            .summary = "run another process in a container",
            .description = "Returns the exit status of the process, or 255 when it could not be run.",
            .options = exec_table,
            .more_options = {},
            .count = {1, any_number},
            .order = Order::before_arguments,
            .failure_status = 255},
    Command{.verb = Verb::features,
            .name = "features",
            .arguments = "",
            .summary = "show what this runtime can do",
            .description = "Prints a JSON object as defined by features.md of the runtime specification.",
            .options = {},
            .more_options = {},
            .count = {0, 0}},
    Command{.verb = Verb::help,
            .name = "help",
            .arguments = "[command]",
            .summary = "show this list, or the help of one command",
            .description = "",
            .options = {},
            .more_options = {},
            .count = {0, 1}},
    Command{.verb = Verb::kill,
            .name = "kill",
            .arguments = "<container-id> [signal]",
            .summary = "send a signal (default: TERM) to a container's first process",
            .description = "The signal is a number or a name, with or without SIG, in any case: 9, kill, SIGRTMIN+1.",
            .options = kill_table,
            .more_options = {},
            .count = {1, 2},
            .order = Order::before_arguments},
    Command{.verb = Verb::list,
            .name = "list",
            .arguments = "",
            .summary = "show the containers below the root directory",
            .description = "",
            .options = list_table,
            .more_options = {},
            .count = {0, 0}},
    Command{.verb = Verb::mounts,
            .name = "mounts",
            .arguments = "add|remove <container-id> <file>",
            .summary = "add mounts to a container, or remove them",
            .description =
                "FILE (-: standard input) is a JSON array of mounts as config.json has them. When one of them\n"
                "cannot be added, none is. Of mounts to be removed only the destination counts.",
            .options = {},
            .more_options = {},
            .count = {3, 3}},
    Command{.verb = Verb::pause,
            .name = "pause",
            .arguments = "<container-id>",
            .summary = "stop all processes of a container until resume",
            .description = "",
            .options = {},
            .more_options = {},
            .count = {1, 1}},
    Command{.verb = Verb::ps,
            .name = "ps",
            .arguments = "<container-id> [ps options]",
            .summary = "show the processes of a container",
            .description =
                "Runs ps(1) with the given options (default: -ef) and keeps the lines of the container's processes.",
            .options = ps_table,
            .more_options = {},
            .count = {1, any_number},
            .order = Order::before_arguments},
    Command{.verb = Verb::restore,
            .name = "restore",
            .arguments = "<container-id>",
            .summary = "make a container again out of the files of a checkpoint",
            .description = "The bundle is the one the checkpointed container was made from, or one like it.\n"
                           "Returns the exit status of the container's program, as run does.",
            .options = restore_table,
            .more_options = criu_table,
            .count = {1, 1}},
    Command{.verb = Verb::resume,
            .name = "resume",
            .arguments = "<container-id>",
            .summary = "let the processes of a paused container go on",
            .description = "",
            .options = {},
            .more_options = {},
            .count = {1, 1}},
    Command{.verb = Verb::run,
            .name = "run",
            .arguments = "<container-id>",
            .summary = "create a container, start it, and delete it when it has ended",
            .description = "Returns the exit status of the container's program.\n"
                           "A <container-id> with a slash in it, or \".\", is a bundle: an id is made up.",
            .options = create_table,
            .more_options = run_only_table,
            .count = {1, 1}},
    Command{.verb = Verb::spec,
            .name = "spec",
            .arguments = "",
            .summary = "write a config.json to begin with",
            .description = "It describes a container that runs sh in the bundle's directory \"rootfs\".",
            .options = spec_table,
            .more_options = {},
            .count = {0, 0}},
    Command{.verb = Verb::start,
            .name = "start",
            .arguments = "<container-id>",
            .summary = "let the program of a created container run",
            .description = "",
            .options = {},
            .more_options = {},
            .count = {1, 1}},
    Command{.verb = Verb::state,
            .name = "state",
            .arguments = "<container-id>",
            .summary = "show the state of a container",
            .description = "Prints a JSON object as defined by runtime.md of the runtime specification.",
            .options = {},
            .more_options = {},
            .count = {1, 1}},
    Command{.verb = Verb::update,
            .name = "update",
            .arguments = "<container-id>",
            .summary = "change the limits of a container",
            .description = "What is not named stays as it is. When one of the changes fails, none is made.\n"
                           "BYTES may have a unit: k, m, g, t, p, each with or without \"b\" or \"ib\".",
            .options = update_table,
            .more_options = {},
            .count = {1, 1}},
};

}  // namespace

std::span<const Command> commands() noexcept {
  return command_table;
}

const Command* find_command(std::string_view name) noexcept {
  if (name == "h") name = "help";
  const auto* row =
      std::find_if(command_table.begin(), command_table.end(), [&](const auto& c) { return c.name == name; });
  return row == command_table.end() ? nullptr : row;
}

std::span<const Option> global_options() noexcept {
  return global_table;
}

}  // namespace oci::cli
