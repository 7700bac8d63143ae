// SPDX-License-Identifier: Apache-2.0
#include "spec/names.hpp"

#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>

namespace oci {
namespace {

constexpr std::array<NamespaceName, 8> namespaces{{
    {NamespaceType::pid, "pid", "pid", CLONE_NEWPID},
    {NamespaceType::network, "network", "net", CLONE_NEWNET},
    {NamespaceType::mount, "mount", "mnt", CLONE_NEWNS},
    {NamespaceType::ipc, "ipc", "ipc", CLONE_NEWIPC},
    {NamespaceType::uts, "uts", "uts", CLONE_NEWUTS},
    {NamespaceType::user, "user", "user", CLONE_NEWUSER},
    {NamespaceType::cgroup, "cgroup", "cgroup", CLONE_NEWCGROUP},
    {NamespaceType::time, "time", "time", CLONE_NEWTIME},
}};

constexpr std::array<NumberedName, 16> rlimits{{
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
}};

// Names that sigabbrev_np(3) does not give, but that runc accepts.
constexpr std::array<NumberedName, 3> signal_synonyms{{{"CLD", SIGCHLD}, {"IOT", SIGABRT}, {"POLL", SIGIO}}};

constexpr std::array<NumberedName, 7> scheduler_policies{{
    {"SCHED_OTHER", 0},
    {"SCHED_FIFO", 1},
    {"SCHED_RR", 2},
    {"SCHED_BATCH", 3},
    {"SCHED_ISO", 4},
    {"SCHED_IDLE", 5},
    {"SCHED_DEADLINE", 6},
}};

constexpr std::array<NumberedName, 7> scheduler_flags{{
    {"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
    {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
    {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
    {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
    {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
    {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX},
}};

constexpr std::array<NumberedName, 3> io_classes{{
    {"IOPRIO_CLASS_RT", 1},
    {"IOPRIO_CLASS_BE", 2},
    {"IOPRIO_CLASS_IDLE", 3},
}};

constexpr int weighted_interleave = 6;  // MPOL_WEIGHTED_INTERLEAVE, Linux 6.9; newer than the headers

constexpr std::array<NumberedName, 7> memory_modes{{
    {"MPOL_BIND", MPOL_BIND},
    {"MPOL_DEFAULT", MPOL_DEFAULT},
    {"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
    {"MPOL_LOCAL", MPOL_LOCAL},
    {"MPOL_PREFERRED", MPOL_PREFERRED},
    {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
    {"MPOL_WEIGHTED_INTERLEAVE", weighted_interleave},
}};

constexpr std::array<NumberedName, 3> memory_flags{{
    {"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING},
    {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
    {"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
}};

std::string upper_case(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return result;
}

std::optional<int> find_in(std::span<const NumberedName> table, std::string_view name) noexcept {
  const auto row = std::find_if(table.begin(), table.end(), [&](const auto& entry) { return entry.name == name; });
  if (row == table.end()) return std::nullopt;
  return row->number;
}

std::optional<int> whole_number(std::string_view text) noexcept {
  int number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "RTMIN", "RTMIN+3", "RTMAX-1"
std::optional<int> real_time_signal(std::string_view name) noexcept {
  const bool from_top = name.starts_with("RTMAX");
  if (!from_top && !name.starts_with("RTMIN")) return std::nullopt;
  const auto rest = name.substr(std::strlen("RTMIN"));
  if (rest.empty()) return from_top ? SIGRTMAX : SIGRTMIN;
  if (rest.front() != (from_top ? '-' : '+')) return std::nullopt;
  const auto offset = whole_number(rest.substr(1));
  if (!offset || *offset < 0 || *offset > SIGRTMAX - SIGRTMIN) return std::nullopt;
  return from_top ? SIGRTMAX - *offset : SIGRTMIN + *offset;
}

/// Without "CAP_", the kernel's numbers in order. Not pointers, which would have to be relocated at every start.
constexpr char capabilities[][24] = {
#include "capability_names.inc"
};

}  // namespace

std::span<const NamespaceName> namespace_names() noexcept {
  return namespaces;
}

const NamespaceName* find_namespace(std::string_view name) noexcept {
  const auto* row =
      std::find_if(namespaces.begin(), namespaces.end(), [&](const auto& entry) { return entry.name == name; });
  return row == namespaces.end() ? nullptr : row;
}

std::span<const NumberedName> rlimit_names() noexcept {
  return rlimits;
}

std::optional<int> find_rlimit(std::string_view name) noexcept {
  return find_in(rlimits, name);
}

std::optional<unsigned> find_capability(std::string_view name) {
  std::string bare = upper_case(name);
  if (bare.starts_with("CAP_")) bare.erase(0, std::strlen("CAP_"));
  const auto* const known = std::find(std::begin(capabilities), std::end(capabilities), bare);
  if (known == std::end(capabilities)) return std::nullopt;
  return static_cast<unsigned>(known - std::begin(capabilities));
}

std::string capability_name(unsigned capability) {
  return capability < std::size(capabilities) ? std::string("CAP_") + capabilities[capability]
                                              : "capability " + std::to_string(capability);
}

std::vector<std::string> capability_names() {
  std::vector<std::string> names;
  for (unsigned capability = 0; capability < std::size(capabilities); ++capability)
    names.push_back(capability_name(capability));
  return names;
}

std::optional<int> find_signal(std::string_view text) noexcept {
  if (const auto number = whole_number(text)) return *number >= 0 ? number : std::nullopt;
  std::string name = upper_case(text);
  if (name.starts_with("SIG")) name.erase(0, std::strlen("SIG"));
  for (int number = 1; number < SIGRTMIN; ++number)
    if (const char* known = ::sigabbrev_np(number); known && name == known) return number;
  if (const auto synonym = find_in(signal_synonyms, name)) return synonym;
  return real_time_signal(name);
}

std::optional<int> find_scheduler_policy(std::string_view name) noexcept {
  return find_in(scheduler_policies, name);
}

std::optional<int> find_scheduler_flag(std::string_view name) noexcept {
  return find_in(scheduler_flags, name);
}

std::optional<int> find_io_class(std::string_view name) noexcept {
  return find_in(io_classes, name);
}

std::span<const NumberedName> memory_policy_modes() noexcept {
  return memory_modes;
}

std::span<const NumberedName> memory_policy_flags() noexcept {
  return memory_flags;
}

std::optional<int> find_memory_policy_mode(std::string_view name) noexcept {
  return find_in(memory_modes, name);
}

std::optional<int> find_memory_policy_flag(std::string_view name) noexcept {
  return find_in(memory_flags, name);
}

bool is_resctrl_name(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 6> reserved{"", ".", "..", "info", "mon_groups", "mon_data"};
  static constexpr std::string_view forbidden("/\n\0", 3);  // rdtgroup_mkdir refuses the newline
  return std::find(reserved.begin(), reserved.end(), name) == reserved.end() &&
         name.find_first_of(forbidden) == name.npos;
}

}  // namespace oci
