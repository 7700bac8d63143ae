// SPDX-License-Identifier: Apache-2.0
// The command line: what a call asks for, the tables that say which options there are, and the one grammar that reads
// them.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "oci/container.hpp"

namespace oci::cli {

enum class Verb : std::uint8_t {
  checkpoint,
  create,
  remove,
  events,
  exec,
  features,
  help,
  kill,
  list,
  mounts,
  pause,
  ps,
  restore,
  resume,
  run,
  spec,
  start,
  state,
  update
};

struct CommandLine;

/// One row of a command's table. Without a name for its value it is a flag, which is set to "true" or to what follows
/// "=".
struct Option {
  std::string_view name;     ///< after "--" or "-"
  std::string_view letters;  ///< short forms, the first one is shown
  std::string_view value;    ///< what the help calls the value
  std::string_view help;
  void (*set)(CommandLine&, std::string_view);  ///< @throws Error when the value makes no sense

  constexpr bool is_flag() const noexcept { return value.empty(); }
};

/// How many arguments a command takes besides its options.
struct Count {
  std::size_t least = 0;
  std::size_t most = 0;
};
inline constexpr std::size_t any_number = SIZE_MAX;

/// Where options may stand.
enum class Order : std::uint8_t {
  anywhere,
  before_arguments,  ///< what follows the first argument belongs to somebody else: exec's program, ps(1)
};

struct Command {
  Verb verb;
  std::string_view name;
  std::string_view arguments;  ///< as the help shows them
  std::string_view summary;    ///< one line
  std::string_view description;
  std::span<const Option> options;
  std::span<const Option> more_options;  ///< shared with other commands
  Count count;
  Order order = Order::anywhere;
  int failure_status = 1;
};

/// Options of every command.
struct Globals {
  std::string root;  ///< absolute; empty: the default
  std::string log;
  std::string log_format;
  std::string log_level;
  std::string cgroup_manager;
  bool systemd_cgroup = false;
  bool debug = false;
  bool timing = false;
  std::string timing_file;  ///< absolute; empty: standard error
};

/// `update`, before it is known whether a file says it all.
struct UpdateOptions {
  std::string file;  ///< of linux.resources; "-" is standard input; everything below but `rdt` is then ignored
  MemoryLimits memory;
  CpuLimits cpu;
  PidsLimits pids;
  BlockIoLimits block_io;
  IntelRdt rdt;
};

/// A call, taken apart.
struct CommandLine {
  const Command* command = nullptr;
  std::vector<std::string> arguments;  ///< neither options nor the command
  bool help = false;
  bool usage = false;
  bool version = false;
  Globals globals;
  RunOptions run;
  ExecOptions exec;
  UpdateOptions update;
  std::chrono::nanoseconds interval = std::chrono::seconds(5);
  CriuOptions criu;
  CheckpointOptions checkpoint;
  RestoreOptions restore;
  std::string format;
  std::string spec_file = "config.json";
  bool force = false;
  bool regex = false;
  bool all = false;
  bool quiet = false;
  bool rootless = false;
  bool stats = false;

  CommandLine() {
    run.attachment = Attachment::foreground;
    exec.attachment = Attachment::foreground;
  }
};

/// A call that cannot be understood.
struct Mistake {
  std::string message;
  int status = 1;
  bool show_help = true;
};

/// Reads the arguments behind argv[0] into `line`, which keeps everything that was read before a mistake.
std::optional<Mistake> parse(CommandLine& line, std::span<const char* const> arguments);

/// Go's ParseBool, and crun's "no" and "yes".
std::optional<bool> truth(std::string_view word) noexcept;

void assign(bool& member, std::string_view text);
void assign(std::optional<bool>& member, std::string_view text);
void assign(Attachment& member, std::string_view text);  ///< true: detached
void assign(unsigned& member, std::string_view text);
void assign(std::optional<int>& member, std::string_view text);  ///< a descriptor's number; -1: none
void assign(std::string& member, std::string_view text);
void assign(std::vector<std::string>& member, std::string_view text);    ///< adds one
void assign(std::vector<std::uint32_t>& member, std::string_view text);  ///< adds one
void assign(std::optional<UserChange>& member, std::string_view text);   ///< UID[:GID]
void assign(std::optional<std::int64_t>& member, std::string_view text);
void assign(std::optional<std::uint64_t>& member, std::string_view text);
void assign(std::optional<std::uint16_t>& member, std::string_view text);
void assign(std::chrono::nanoseconds& member, std::string_view text);  ///< Go's durations, more than 0
void assign_size(std::optional<std::int64_t>& member, std::string_view text);

template <auto... Members>
constexpr Option flag(std::string_view name, std::string_view letters, std::string_view help) {
  return {
      name, letters, {}, help, [](CommandLine& line, std::string_view text) { assign((line.*....*Members), text); }};
}

template <auto... Members>
constexpr Option value(std::string_view name, std::string_view letters, std::string_view shown, std::string_view help) {
  return {name, letters, shown, help,
          [](CommandLine& line, std::string_view text) { assign((line.*....*Members), text); }};
}

/// A number of bytes, with or without a unit; -1 is no limit.
template <auto... Members>
constexpr Option size(std::string_view name, std::string_view letters, std::string_view shown, std::string_view help) {
  return {name, letters, shown, help,
          [](CommandLine& line, std::string_view text) { assign_size((line.*....*Members), text); }};
}

/// A value that means a file: relative to the caller's working directory, whatever directory is entered later.
template <auto... Members>
constexpr Option path(std::string_view name, std::string_view letters, std::string_view shown, std::string_view help) {
  return {name, letters, shown, help, [](CommandLine& line, std::string_view text) {
            (line.*....*Members) = text.empty() ? std::string() : absolute_path(std::string(text));
          }};
}

}  // namespace oci::cli
