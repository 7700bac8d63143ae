// SPDX-License-Identifier: Apache-2.0
#include "spec/check.hpp"

#include <linux/mempolicy.h>

#include <array>
#include <charconv>
#include <set>

#include "oci/error.hpp"
#include "spec/annotations.hpp"
#include "spec/names.hpp"
#include "spec/number_list.hpp"
#include "spec/sysctl.hpp"

namespace oci {
namespace {

/// Runs `body` for each element, errors growing "[i]".
template <class List, class Body>
void each(const List& list, Body&& body) {
  std::size_t index = 0;
  for (const auto& element : list) {
    at_path([&] { return "[" + std::to_string(index) + "]"; }, [&] { body(element); });
    ++index;
  }
}

template <class Body>
void member(std::string_view name, Body&& body) {
  at_path([&] { return std::string(name); }, std::forward<Body>(body));
}

[[noreturn]] void reject(std::string message) {
  throw Error(std::move(message));
}

void check_absolute(const std::string& path, std::string_view name) {
  if (path.empty() || path.front() != '/') reject(std::string(name) + ": \"" + path + "\" is not an absolute path");
}

/// "1.3.0", "1.0.2-dev": https://semver.org. A newer minor version is welcome: unknown members are skipped.
void check_version(const std::string& version) {
  if (version.empty()) reject("missing or empty; expected a version such as \"1.3.0\"");
  std::array<unsigned, 3> numbers{};
  const char* at = version.data();
  const char* const end = version.data() + version.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto [stopped, code] = std::from_chars(at, end, numbers[i]);
    const bool last = i + 1 == numbers.size();
    const bool separated =
        last ? stopped == end || *stopped == '-' || *stopped == '+' : stopped != end && *stopped == '.';
    if (code != std::errc{} || !separated) reject("\"" + version + R"(" is not a version such as "1.3.0")");
    at = stopped + 1;
  }
  if (numbers[0] != 1) reject("\"" + version + "\" is not supported; this runtime knows 1.0.0 to 1.3.0");
}

void check_environment(const std::vector<std::string>& env) {
  each(env, [](const std::string& entry) {
    const auto equals = entry.find('=');
    if (equals == entry.npos) reject("\"" + entry + R"(" has no "=")");
    if (equals == 0) reject("\"" + entry + R"(" has no name before "=")");
  });
}

void check_rlimits(const std::vector<Rlimit>& rlimits) {
  std::set<std::string_view> seen;
  each(rlimits, [&](const Rlimit& rlimit) {
    if (!find_rlimit(rlimit.type)) reject("type: unknown rlimit \"" + rlimit.type + "\"");
    // config.md: "If rlimits contains duplicated entries with same type, the runtime MUST generate an error."
    if (!seen.insert(rlimit.type).second) reject("type: " + rlimit.type + " is given twice");
    if (rlimit.soft > rlimit.hard) reject("soft: " + std::to_string(rlimit.soft) + " is above hard");
  });
}

void check_scheduler(const Scheduler& scheduler) {
  const auto policy = find_scheduler_policy(scheduler.policy);
  if (!policy) reject("policy: unknown scheduling policy \"" + scheduler.policy + "\"");
  const bool fair = scheduler.policy == "SCHED_OTHER" || scheduler.policy == "SCHED_BATCH";
  const bool real_time = scheduler.policy == "SCHED_FIFO" || scheduler.policy == "SCHED_RR";
  const auto in_range = [](int value, int least, int most) { return value >= least && value <= most; };
  if (fair && !in_range(scheduler.nice, -20, 19)) reject("nice: not in -20..19");
  if (scheduler.priority != 0 && !real_time) reject("priority: only SCHED_FIFO and SCHED_RR have one");
  if (real_time && !in_range(scheduler.priority, 1, 99)) reject("priority: not in 1..99");
  if (scheduler.policy != "SCHED_DEADLINE" && (scheduler.runtime | scheduler.deadline | scheduler.period) != 0)
    reject("runtime, deadline, period: only SCHED_DEADLINE has them");
  member("flags", [&] {
    each(scheduler.flags, [](const std::string& flag) {
      if (!find_scheduler_flag(flag)) reject("unknown flag \"" + flag + "\"");
    });
  });
}

void check_io_priority(const IoPriority& priority) {
  static constexpr int levels = 8;
  if (!find_io_class(priority.io_class)) reject("class: unknown I/O class \"" + priority.io_class + "\"");
  if (priority.priority < 0 || priority.priority >= levels) reject("priority: not in 0..7");
}

void check_exec_affinity(const CpuAffinity& affinity) {
  member("initial", [&] { parse_number_list(affinity.initial); });
  member("final", [&] { parse_number_list(affinity.final); });
}

constexpr std::uint32_t no_id = 0xFFFFFFFF;  // setresuid(2), chown(2): -1 leaves an id unchanged

void check_user(const User& user) {
  if (user.uid == no_id) reject("uid: 4294967295 is not a user id");
  if (user.gid == no_id) reject("gid: 4294967295 is not a group id");
  member("additionalGids", [&] {
    each(user.additional_gids, [](std::uint32_t gid) {
      if (gid == no_id) reject("4294967295 is not a group id");
    });
  });
  static constexpr std::uint32_t permission_bits = 0777;
  if (user.umask && (*user.umask & ~permission_bits) != 0) reject("umask: not in 0..511 (octal 0777)");
}

/// The kernel's struct winsize has 16 bits for each: what is cut off would be another size.
void check_console_size(const ConsoleSize& size) {
  const auto side = [](std::string_view name, std::uint32_t cells) {
    if (cells > UINT16_MAX)
      reject(std::string(name) + ": " + std::to_string(cells) + " is more than 65535, a terminal's most");
  };
  side("height", size.height);
  side("width", size.width);
}

/// A security module reads one label from one write(2).
void check_label(const std::string& label) {
  if (label.find('\n') != label.npos) reject("\"" + label + "\" is not one line");
}

void check_hook(const Hook& hook) {
  check_absolute(hook.path, "path");
  if (hook.timeout && *hook.timeout <= 0) reject("timeout: " + std::to_string(*hook.timeout) + " is not above 0");
  if (hook.env) member("env", [&] { check_environment(*hook.env); });
}

void check_hooks(const Hooks& hooks) {
  const auto list = [](std::string_view name, const std::vector<Hook>& entries) {
    member(name, [&] { each(entries, check_hook); });
  };
  list("prestart", hooks.prestart);
  list("createRuntime", hooks.create_runtime);
  list("createContainer", hooks.create_container);
  list("startContainer", hooks.start_container);
  list("poststart", hooks.poststart);
  list("poststop", hooks.poststop);
}

void check_ranges(const std::vector<IdMapping>& mappings) {
  // user_namespaces(7): uid_map takes at most 340 lines.
  static constexpr std::size_t most_mappings = 340;
  if (mappings.size() > most_mappings) reject("more than 340 mappings, the most that the kernel takes");
  each(mappings, [](const IdMapping& mapping) {
    if (mapping.size == 0) reject("size: 0 ids");
  });
}

void check_mount(const Mount& mount) {
  if (mount.destination.empty()) reject("destination: empty");
  member("uidMappings", [&] { check_ranges(mount.uid_mappings); });
  member("gidMappings", [&] { check_ranges(mount.gid_mappings); });
}

void check_mappings(const Linux& linux) {
  const auto* user = linux.find(NamespaceType::user);
  const bool mapped = !linux.uid_mappings.empty() || !linux.gid_mappings.empty();
  if (mapped && !user) reject("uidMappings, gidMappings: there is no user namespace in namespaces to map ids in");
  if (user && user->path.empty() && linux.uid_mappings.empty())
    reject("uidMappings: missing, and the new user namespace needs them");
  if (user && user->path.empty() && linux.gid_mappings.empty())
    reject("gidMappings: missing, and the new user namespace needs them");
  member("uidMappings", [&] { check_ranges(linux.uid_mappings); });
  member("gidMappings", [&] { check_ranges(linux.gid_mappings); });
}

void check_namespaces(const Linux& linux) {
  std::set<NamespaceType> seen;
  each(linux.namespaces, [&](const Namespace& entry) {
    if (!seen.insert(entry.type).second) reject("type: " + std::string(name_of(entry.type).name) + " is given twice");
    if (!entry.path.empty()) check_absolute(entry.path, "path");
  });
}

void check_time_offsets(const Linux& linux) {
  if (linux.time_offsets.empty()) return;
  const auto* time = linux.find(NamespaceType::time);
  if (!time) reject("there is no time namespace in namespaces to offset");
  if (!time->path.empty()) reject("the time namespace is joined, its offsets are fixed");
  for (const auto& [clock, offset] : linux.time_offsets) {
    if (clock != "monotonic" && clock != "boottime")
      reject("unknown clock \"" + clock + "\"; expected monotonic or boottime");
    static constexpr std::uint32_t second = 1'000'000'000;
    if (offset.nanosecs >= second) reject(clock + ".nanosecs: a second or more");
  }
}

/// A hook is forked by the process that it belongs to, and sched(7) forbids just that.
void check_deadline_hooks(const Spec& spec) {
  const auto& scheduler = spec.process->scheduler;
  if (spec.hooks.start_container.empty() || !scheduler || scheduler->policy != "SCHED_DEADLINE") return;
  for (const auto& flag : scheduler->flags)
    if (flag == "SCHED_FLAG_RESET_ON_FORK") return;
  reject("startContainer: a SCHED_DEADLINE process cannot fork without SCHED_FLAG_RESET_ON_FORK");
}

/// Only settings that a namespace of the container's own keeps apart from the host's.
void check_sysctl(const Linux& linux, const std::string& name) {
  const auto type = sysctl_namespace(sysctl_file(name));
  if (!linux.find(type)) reject("needs a " + std::string(name_of(type).name) + " namespace of the container's own");
}

void check_devices(const std::vector<Device>& devices) {
  each(devices, [](const Device& device) {
    if (device.type != "c" && device.type != "b" && device.type != "u" && device.type != "p")
      reject("type: \"" + device.type + "\" is none of c, b, u, p");
    check_absolute(device.path, "path");
    static constexpr std::int64_t largest_number = 0xFFFFFFFF;
    if (device.type != "p" &&
        (device.major < 0 || device.minor < 0 || device.major > largest_number || device.minor > largest_number))
      reject("major, minor: not a device number");
    if (device.uid == no_id) reject("uid: 4294967295 is not a user id");
    if (device.gid == no_id) reject("gid: 4294967295 is not a group id");
  });
}

unsigned count_nodes(const std::string& nodes) {
  try {
    return count(parse_number_list(nodes));
  } catch (const Error& error) {
    reject("invalid memory policy nodes \"" + nodes + "\": " + error.what());
  }
}

/// set_mempolicy(2). MPOL_PREFERRED alone may have nodes or not.
void check_memory_policy(const MemoryPolicy& policy) {
  const auto mode = find_memory_policy_mode(policy.mode);
  if (!mode) reject("invalid memory policy mode \"" + policy.mode + "\"");
  for (const auto& flag : policy.flags)
    if (!find_memory_policy_flag(flag)) reject("invalid memory policy flag \"" + flag + "\"");
  const auto nodes = count_nodes(policy.nodes);
  const bool without_nodes = *mode == MPOL_DEFAULT || *mode == MPOL_LOCAL;
  if (without_nodes && nodes != 0) reject("memory policy mode requires 0 nodes but got " + std::to_string(nodes));
  if (!without_nodes && *mode != MPOL_PREFERRED && nodes == 0)
    reject("memory policy mode requires at least 1 node but got 0");
}

/// The kernel's rules for names of network devices (dev_valid_name): what breaks them would fail half-way.
void check_device_name(const std::string& name, bool may_be_template) {
  static constexpr std::size_t longest = 15;  // IFNAMSIZ, with the NUL
  static constexpr std::string_view forbidden = "/: \t\n\v\f\r";
  const auto refuse = [&](std::string_view why) {
    reject("\"" + name + "\" is no name for a device: " + std::string(why));
  };
  if (name.empty()) refuse("it is empty");
  if (name.size() > longest) refuse("more than 15 bytes");
  if (name == "." || name == "..") refuse("it is a directory's");
  if (name.find_first_of(forbidden) != name.npos || name.find('\0') != name.npos)
    refuse("there is a slash, a colon, white space or a NUL in it");
  const auto percent = name.find('%');
  if (percent == name.npos) return;
  if (!may_be_template) refuse("there is a \"%\" in it");
  if (name.compare(percent, 2, "%d") != 0 || name.find('%', percent + 1) != name.npos)
    refuse(R"("%" is for one "%d", where the kernel shall put a number)");
}

void check_net_devices(const Linux& linux) {
  std::set<std::string_view> taken;
  const auto check = [&](const std::string& host_name, const NetDevice& device) {
    if (!linux.find(NamespaceType::network)) reject("needs a network namespace of the container's own");
    check_device_name(host_name, false);
    if (!device.name.empty()) member("name", [&] { check_device_name(device.name, true); });
    const std::string_view name = device.name.empty() ? host_name : device.name;
    if (name.find('%') == name.npos && !taken.insert(name).second)
      reject("name: another device is to be called \"" + std::string(name) + "\", too");
  };
  for (const auto& entry : linux.net_devices) member(entry.first, [&] { check(entry.first, entry.second); });
}

void check_intel_rdt(const IntelRdt& rdt) {
  if (!rdt.clos_id.empty() && rdt.clos_id != "/" && !is_resctrl_name(rdt.clos_id))
    reject("closID: \"" + rdt.clos_id + "\" cannot be the name of a class of service");
  member("schemata", [&] {
    each(rdt.schemata, [](const std::string& line) {
      if (line.empty() || line.find('\n') != line.npos) reject("\"" + line + "\" is not one line");
    });
  });
}

void check_linux(const Linux& linux) {
  member("namespaces", [&] { check_namespaces(linux); });
  check_mappings(linux);
  member("timeOffsets", [&] { check_time_offsets(linux); });
  member("sysctl", [&] {
    for (const auto& entry : linux.sysctl) member(entry.first, [&] { check_sysctl(linux, entry.first); });
  });
  member("devices", [&] { check_devices(linux.devices); });
  member("netDevices", [&] { check_net_devices(linux); });
  member("maskedPaths",
         [&] { each(linux.masked_paths, [](const std::string& path) { check_absolute(path, "path"); }); });
  member("readonlyPaths",
         [&] { each(linux.readonly_paths, [](const std::string& path) { check_absolute(path, "path"); }); });
  if (linux.personality) {
    const auto& domain = linux.personality->domain;
    if (domain != "LINUX" && domain != "LINUX32")
      reject("personality.domain: \"" + domain + "\" is neither LINUX nor LINUX32");
    if (!linux.personality->flags.empty()) reject("personality.flags: runtime-spec 1.3 defines none");
  }
  // mount(8): a context stands in quotation marks, because commas separate options.
  if (linux.mount_label.find_first_of("\"\n") != linux.mount_label.npos)
    reject("mountLabel: \"" + linux.mount_label + "\" has a quotation mark or the end of a line in it");
  if (linux.memory_policy) member("memoryPolicy", [&] { check_memory_policy(*linux.memory_policy); });
  if (linux.intel_rdt) member("intelRdt", [&] { check_intel_rdt(*linux.intel_rdt); });
}

void check_names(const Spec& spec) {
  static constexpr std::size_t longest = 64;  // sethostname(2)
  const bool has_uts = spec.linux.find(NamespaceType::uts) != nullptr;
  const auto name = [&](std::string_view field, const std::string& text) {
    if (text.empty()) return;
    if (!has_uts) reject(std::string(field) + ": needs a uts namespace of the container's own");
    if (text.size() > longest) reject(std::string(field) + ": more than 64 bytes");
  };
  name("hostname", spec.hostname);
  name("domainname", spec.domainname);
}

}  // namespace

void check(const Process& process) {
  if (process.args.empty()) reject("args must not be empty");
  if (process.args.front().empty()) reject("args[0]: the name of the program is empty");
  if (process.cwd.empty()) reject("Cwd property must not be empty");
  if (process.cwd.front() != '/') reject("Cwd must be an absolute path");
  member("user", [&] { check_user(process.user); });
  member("env", [&] { check_environment(process.env); });
  member("rlimits", [&] { check_rlimits(process.rlimits); });
  member("consoleSize", [&] { check_console_size(process.console_size); });
  member("apparmorProfile", [&] { check_label(process.apparmor_profile); });
  member("selinuxLabel", [&] { check_label(process.selinux_label); });
  static constexpr int extreme_score = 1000;
  if (process.oom_score_adj && (*process.oom_score_adj < -extreme_score || *process.oom_score_adj > extreme_score))
    reject("oomScoreAdj: " + std::to_string(*process.oom_score_adj) + " is not in -1000..1000");
  if (process.scheduler) member("scheduler", [&] { check_scheduler(*process.scheduler); });
  if (process.io_priority) member("ioPriority", [&] { check_io_priority(*process.io_priority); });
  if (process.exec_cpu_affinity) member("execCPUAffinity", [&] { check_exec_affinity(*process.exec_cpu_affinity); });
}

void check(const std::vector<Mount>& mounts) {
  member("mounts", [&] { each(mounts, check_mount); });
}

void check(const Spec& spec) {
  member("ociVersion", [&] { check_version(spec.oci_version); });
  if (spec.root.path.empty()) reject("root.path: missing or empty");
  if (!spec.process) reject("process property must not be empty");
  member("process", [&] { check(*spec.process); });
  check_names(spec);
  extensions(spec.annotations);
  check(spec.mounts);
  member("hooks", [&] {
    check_hooks(spec.hooks);
    check_deadline_hooks(spec);
  });
  member("linux", [&] { check_linux(spec.linux); });
}

}  // namespace oci
