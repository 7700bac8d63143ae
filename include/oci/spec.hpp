// SPDX-License-Identifier: Apache-2.0
// config.json of runtime-spec 1.3.0 for Linux, as plain structs named after its sections. Comments name the section
// where the meaning is defined; a member that the text left out has its default, and std::optional is used only where
// absent differs from every value.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace oci {

/// config-linux.md, "User namespace mappings".
struct IdMapping {
  std::uint32_t container_id = 0;
  std::uint32_t host_id = 0;
  std::uint32_t size = 0;
  bool operator==(const IdMapping&) const = default;
};

/// config.md, "Mounts".
struct Mount {
  std::string destination;  ///< in the container
  std::string type;
  std::string source;  ///< for binds, relative to the bundle
  std::vector<std::string> options;
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
};

/// config.md, "Root".
struct Root {
  std::string path;
  bool readonly = false;
};

/// config.md, "POSIX-platform User".
struct User {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::optional<std::uint32_t> umask;
  std::vector<std::uint32_t> additional_gids;
};

/// config.md, "Linux Process": names as in capabilities(7).
struct Capabilities {
  std::vector<std::string> bounding, effective, inheritable, permitted, ambient;
};

/// Soft and hard limit as getrlimit(2) counts them; RLIM_INFINITY may be written as -1.
struct Rlimit {
  std::string type;
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

/// sched_setattr(2); times in nanoseconds.
struct Scheduler {
  std::string policy;
  std::int32_t nice = 0;
  std::int32_t priority = 0;
  std::vector<std::string> flags;
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

/// ioprio_set(2).
struct IoPriority {
  std::string io_class;
  std::int32_t priority = 0;
};

/// config.md, "execCPUAffinity": CPU lists as in cpuset(7).
struct CpuAffinity {
  std::string initial;
  std::string final;
};

struct ConsoleSize {
  std::uint32_t height = 0;
  std::uint32_t width = 0;
};

/// config.md, "Process".
struct Process {
  bool terminal = false;
  ConsoleSize console_size;
  User user;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::string cwd;
  std::optional<Capabilities> capabilities;
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = false;
  std::string apparmor_profile;
  std::optional<std::int32_t> oom_score_adj;
  std::string selinux_label;
  std::optional<Scheduler> scheduler;
  std::optional<IoPriority> io_priority;
  std::optional<CpuAffinity> exec_cpu_affinity;
};

/// config.md, "POSIX-platform Hooks". timeout in seconds.
struct Hook {
  std::string path;
  std::vector<std::string> args;
  std::optional<std::vector<std::string>> env;  ///< absent: the runtime's own
  std::optional<std::int64_t> timeout;
};

struct Hooks {
  std::vector<Hook> prestart, create_runtime, create_container, start_container, poststart, poststop;
};

enum class NamespaceType : std::uint8_t { pid, network, mount, ipc, uts, user, cgroup, time };

/// config-linux.md, "Namespaces". An empty path asks for a new one.
struct Namespace {
  NamespaceType type{};
  std::string path;
};

/// config-linux.md, "Offset for Time Namespace".
struct TimeOffset {
  std::int64_t secs = 0;
  std::uint32_t nanosecs = 0;
};

/// config-linux.md, "Devices".
struct Device {
  std::string type;  ///< c, b, u or p
  std::string path;
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint32_t> file_mode;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

/// config-linux.md, "Allowed Device list".
struct DeviceRule {
  bool allow = false;
  std::string type;  ///< a, b or c; empty: a
  std::optional<std::int64_t> major;
  std::optional<std::int64_t> minor;
  std::string access;  ///< of rwm; empty: all of them
  bool operator==(const DeviceRule&) const = default;
};

/// config-linux.md, "Memory"; bytes, -1 for no limit.
struct MemoryLimits {
  std::optional<std::int64_t> limit, reservation, swap, kernel, kernel_tcp;
  std::optional<std::uint64_t> swappiness;
  bool disable_oom_killer = false;
  bool use_hierarchy = false;
  bool check_before_update = false;
};

/// config-linux.md, "CPU"; times in microseconds.
struct CpuLimits {
  std::optional<std::uint64_t> shares;
  std::optional<std::int64_t> quota;
  std::optional<std::uint64_t> burst;
  std::optional<std::uint64_t> period;
  std::optional<std::int64_t> realtime_runtime;
  std::optional<std::uint64_t> realtime_period;
  std::string cpus;
  std::string mems;
  std::optional<std::int64_t> idle;
};

struct PidsLimits {
  std::optional<std::int64_t> limit;  ///< negative: no limit
};

/// config-linux.md, "Block IO".
struct WeightDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint16_t> weight;
  std::optional<std::uint16_t> leaf_weight;
};

struct ThrottleDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::uint64_t rate = 0;  ///< bytes or operations a second
};

struct BlockIoLimits {
  std::optional<std::uint16_t> weight;
  std::optional<std::uint16_t> leaf_weight;
  std::vector<WeightDevice> weight_device;
  std::vector<ThrottleDevice> throttle_read_bps, throttle_write_bps, throttle_read_iops, throttle_write_iops;
};

struct HugepageLimit {
  std::string page_size;    ///< "2MB", "1GB"
  std::uint64_t limit = 0;  ///< bytes
};

/// config-linux.md, "Network": cgroup v1 only.
struct NetworkPriority {
  std::string name;
  std::uint32_t priority = 0;
};
struct NetworkLimits {
  std::optional<std::uint32_t> class_id;
  std::vector<NetworkPriority> priorities;
};

struct RdmaLimit {
  std::optional<std::uint32_t> hca_handles;
  std::optional<std::uint32_t> hca_objects;
};

/// config-linux.md, "Control groups".
struct Resources {
  std::vector<DeviceRule> devices;
  std::optional<MemoryLimits> memory;
  std::optional<CpuLimits> cpu;
  std::optional<PidsLimits> pids;
  std::optional<BlockIoLimits> block_io;
  std::vector<HugepageLimit> hugepage_limits;
  std::optional<NetworkLimits> network;
  std::map<std::string, RdmaLimit> rdma;
  std::map<std::string, std::string> unified;  ///< file in the cgroup -> what to write, after everything else
};

/// config-linux.md, "Seccomp".
struct SeccompArg {
  std::uint32_t index = 0;
  std::uint64_t value = 0;
  std::uint64_t value_two = 0;
  std::string op;
};

struct SeccompSyscall {
  std::vector<std::string> names;
  std::string action;
  std::optional<std::uint32_t> errno_ret;
  std::vector<SeccompArg> args;
};

struct Seccomp {
  std::string default_action;
  std::optional<std::uint32_t> default_errno_ret;
  std::vector<std::string> architectures;
  std::optional<std::vector<std::string>> flags;  ///< absent: SPEC_ALLOW, as runc and crun have it
  std::string listener_path;
  std::string listener_metadata;
  std::vector<SeccompSyscall> syscalls;
};

/// config-linux.md, "Personality".
struct Personality {
  std::string domain;
  std::vector<std::string> flags;
};

/// config-linux.md, "IntelRdt".
struct IntelRdt {
  std::string clos_id;
  std::vector<std::string> schemata;
  std::string l3_cache_schema;
  std::string mem_bw_schema;
  bool enable_monitoring = false;
};

/// config-linux.md, "Memory policy": set_mempolicy(2).
struct MemoryPolicy {
  std::string mode;
  std::string nodes;
  std::vector<std::string> flags;
};

/// config-linux.md, "Network Devices": an empty name keeps the host's.
struct NetDevice {
  std::string name;
};

/// config-linux.md.
struct Linux {
  std::vector<Namespace> namespaces;
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
  std::map<std::string, TimeOffset> time_offsets;  ///< "boottime", "monotonic"
  std::vector<Device> devices;
  std::map<std::string, NetDevice> net_devices;
  std::string cgroups_path;
  Resources resources;
  std::optional<IntelRdt> intel_rdt;
  std::optional<MemoryPolicy> memory_policy;
  std::map<std::string, std::string> sysctl;
  std::optional<Seccomp> seccomp;
  std::string rootfs_propagation;
  std::vector<std::string> masked_paths;
  std::vector<std::string> readonly_paths;
  std::string mount_label;
  std::optional<Personality> personality;

  /// The entry for `type`, or nullptr when the container shares the runtime's namespace.
  const Namespace* find(NamespaceType type) const noexcept {
    for (const auto& entry : namespaces)
      if (entry.type == type) return &entry;
    return nullptr;
  }
};

/// config.md.
struct Spec {
  std::string oci_version;
  Root root;
  std::vector<Mount> mounts;
  std::optional<Process> process;
  std::string hostname;
  std::string domainname;
  Hooks hooks;
  std::map<std::string, std::string> annotations;
  Linux linux;
};

}  // namespace oci
