// SPDX-License-Identifier: Apache-2.0
// One table per struct of oci/spec.hpp: what is read, under which name, and nothing else. Rules are in check.cpp.
#include "spec/decode.hpp"

#include <sys/resource.h>

#include "base/decode.hpp"
#include "spec/names.hpp"

namespace oci::json {

void decode(const Value& value, NamespaceType& out) {
  if (value.kind != Value::Kind::string) expected("a string", value);
  const auto* row = find_namespace(value.text);
  if (!row) throw Error("unknown namespace type \"" + std::string(value.text) + "\"");
  out = row->type;
}

/// A limit; -1 stands for RLIM_INFINITY as it does in limits.conf(5).
struct RlimitValue {
  std::uint64_t value;
};
void decode(const Value& value, RlimitValue& out) {
  if (value.kind == Value::Kind::number && value.text == "-1")
    out.value = RLIM_INFINITY;
  else
    decode(value, out.value);
}
template <auto Member>
constexpr auto limit(std::string_view name) {
  return Field<Rlimit>{name,
                       [](const Value& value, Rlimit& rlimit) {
                         RlimitValue read{};
                         decode(value, read);
                         rlimit.*Member = read.value;
                       },
                       true};
}

template <>
inline constexpr auto fields<IdMapping> = std::array{
    field<&IdMapping::container_id>("containerID", required),
    field<&IdMapping::host_id>("hostID", required),
    field<&IdMapping::size>("size", required),
};
template <>
inline constexpr auto fields<Mount> = std::array{
    field<&Mount::destination>("destination", required),
    field<&Mount::type>("type"),
    field<&Mount::source>("source"),
    field<&Mount::options>("options"),
    field<&Mount::uid_mappings>("uidMappings"),
    field<&Mount::gid_mappings>("gidMappings"),
};
template <>
inline constexpr auto fields<Root> = std::array{
    field<&Root::path>("path", required),
    field<&Root::readonly>("readonly"),
};
template <>
inline constexpr auto fields<User> = std::array{
    field<&User::uid>("uid"),
    field<&User::gid>("gid"),
    field<&User::umask>("umask"),
    field<&User::additional_gids>("additionalGids"),
};
template <>
inline constexpr auto fields<Capabilities> = std::array{
    field<&Capabilities::bounding>("bounding"),       field<&Capabilities::effective>("effective"),
    field<&Capabilities::inheritable>("inheritable"), field<&Capabilities::permitted>("permitted"),
    field<&Capabilities::ambient>("ambient"),
};
template <>
inline constexpr auto fields<Rlimit> = std::array{
    field<&Rlimit::type>("type", required),
    limit<&Rlimit::soft>("soft"),
    limit<&Rlimit::hard>("hard"),
};
template <>
inline constexpr auto fields<Scheduler> = std::array{
    field<&Scheduler::policy>("policy", required), field<&Scheduler::nice>("nice"),
    field<&Scheduler::priority>("priority"),       field<&Scheduler::flags>("flags"),
    field<&Scheduler::runtime>("runtime"),         field<&Scheduler::deadline>("deadline"),
    field<&Scheduler::period>("period"),
};
template <>
inline constexpr auto fields<IoPriority> = std::array{
    field<&IoPriority::io_class>("class", required),
    field<&IoPriority::priority>("priority"),
};
template <>
inline constexpr auto fields<CpuAffinity> = std::array{
    field<&CpuAffinity::initial>("initial"),
    field<&CpuAffinity::final>("final"),
};
template <>
inline constexpr auto fields<ConsoleSize> = std::array{
    field<&ConsoleSize::height>("height", required),
    field<&ConsoleSize::width>("width", required),
};
template <>
inline constexpr auto fields<Process> = std::array{
    field<&Process::terminal>("terminal"),
    field<&Process::console_size>("consoleSize"),
    field<&Process::user>("user"),
    field<&Process::args>("args"),
    field<&Process::env>("env"),
    field<&Process::cwd>("cwd"),
    field<&Process::capabilities>("capabilities"),
    field<&Process::rlimits>("rlimits"),
    field<&Process::no_new_privileges>("noNewPrivileges"),
    field<&Process::apparmor_profile>("apparmorProfile"),
    field<&Process::oom_score_adj>("oomScoreAdj"),
    field<&Process::selinux_label>("selinuxLabel"),
    field<&Process::scheduler>("scheduler"),
    field<&Process::io_priority>("ioPriority"),
    field<&Process::exec_cpu_affinity>("execCPUAffinity"),
};
template <>
inline constexpr auto fields<Hook> = std::array{
    field<&Hook::path>("path", required),
    field<&Hook::args>("args"),
    field<&Hook::env>("env"),
    field<&Hook::timeout>("timeout"),
};
template <>
inline constexpr auto fields<Hooks> = std::array{
    field<&Hooks::prestart>("prestart"),
    field<&Hooks::create_runtime>("createRuntime"),
    field<&Hooks::create_container>("createContainer"),
    field<&Hooks::start_container>("startContainer"),
    field<&Hooks::poststart>("poststart"),
    field<&Hooks::poststop>("poststop"),
};
template <>
inline constexpr auto fields<Namespace> = std::array{
    field<&Namespace::type>("type", required),
    field<&Namespace::path>("path"),
};
template <>
inline constexpr auto fields<TimeOffset> = std::array{
    field<&TimeOffset::secs>("secs"),
    field<&TimeOffset::nanosecs>("nanosecs"),
};
template <>
inline constexpr auto fields<Device> = std::array{
    field<&Device::type>("type", required),
    field<&Device::path>("path", required),
    field<&Device::major>("major"),
    field<&Device::minor>("minor"),
    field<&Device::file_mode>("fileMode"),
    field<&Device::uid>("uid"),
    field<&Device::gid>("gid"),
};
template <>
inline constexpr auto fields<DeviceRule> = std::array{
    field<&DeviceRule::allow>("allow", required), field<&DeviceRule::type>("type"),
    field<&DeviceRule::major>("major"),           field<&DeviceRule::minor>("minor"),
    field<&DeviceRule::access>("access"),
};
template <>
inline constexpr auto fields<MemoryLimits> = std::array{
    field<&MemoryLimits::limit>("limit"),
    field<&MemoryLimits::reservation>("reservation"),
    field<&MemoryLimits::swap>("swap"),
    field<&MemoryLimits::kernel>("kernel"),
    field<&MemoryLimits::kernel_tcp>("kernelTCP"),
    field<&MemoryLimits::swappiness>("swappiness"),
    field<&MemoryLimits::disable_oom_killer>("disableOOMKiller"),
    field<&MemoryLimits::use_hierarchy>("useHierarchy"),
    field<&MemoryLimits::check_before_update>("checkBeforeUpdate"),
};
template <>
inline constexpr auto fields<CpuLimits> = std::array{
    field<&CpuLimits::shares>("shares"),
    field<&CpuLimits::quota>("quota"),
    field<&CpuLimits::burst>("burst"),
    field<&CpuLimits::period>("period"),
    field<&CpuLimits::realtime_runtime>("realtimeRuntime"),
    field<&CpuLimits::realtime_period>("realtimePeriod"),
    field<&CpuLimits::cpus>("cpus"),
    field<&CpuLimits::mems>("mems"),
    field<&CpuLimits::idle>("idle"),
};
template <>
inline constexpr auto fields<PidsLimits> = std::array{
    field<&PidsLimits::limit>("limit"),
};
template <>
inline constexpr auto fields<WeightDevice> = std::array{
    field<&WeightDevice::major>("major", required),
    field<&WeightDevice::minor>("minor", required),
    field<&WeightDevice::weight>("weight"),
    field<&WeightDevice::leaf_weight>("leafWeight"),
};
template <>
inline constexpr auto fields<ThrottleDevice> = std::array{
    field<&ThrottleDevice::major>("major", required),
    field<&ThrottleDevice::minor>("minor", required),
    field<&ThrottleDevice::rate>("rate", required),
};
template <>
inline constexpr auto fields<BlockIoLimits> = std::array{
    field<&BlockIoLimits::weight>("weight"),
    field<&BlockIoLimits::leaf_weight>("leafWeight"),
    field<&BlockIoLimits::weight_device>("weightDevice"),
    field<&BlockIoLimits::throttle_read_bps>("throttleReadBpsDevice"),
    field<&BlockIoLimits::throttle_write_bps>("throttleWriteBpsDevice"),
    field<&BlockIoLimits::throttle_read_iops>("throttleReadIOPSDevice"),
    field<&BlockIoLimits::throttle_write_iops>("throttleWriteIOPSDevice"),
};
template <>
inline constexpr auto fields<HugepageLimit> = std::array{
    field<&HugepageLimit::page_size>("pageSize", required),
    field<&HugepageLimit::limit>("limit", required),
};
template <>
inline constexpr auto fields<NetworkPriority> = std::array{
    field<&NetworkPriority::name>("name", required),
    field<&NetworkPriority::priority>("priority", required),
};
template <>
inline constexpr auto fields<NetworkLimits> = std::array{
    field<&NetworkLimits::class_id>("classID"),
    field<&NetworkLimits::priorities>("priorities"),
};
template <>
inline constexpr auto fields<RdmaLimit> = std::array{
    field<&RdmaLimit::hca_handles>("hcaHandles"),
    field<&RdmaLimit::hca_objects>("hcaObjects"),
};
template <>
inline constexpr auto fields<Resources> = std::array{
    field<&Resources::devices>("devices"),  field<&Resources::memory>("memory"),
    field<&Resources::cpu>("cpu"),          field<&Resources::pids>("pids"),
    field<&Resources::block_io>("blockIO"), field<&Resources::hugepage_limits>("hugepageLimits"),
    field<&Resources::network>("network"),  field<&Resources::rdma>("rdma"),
    field<&Resources::unified>("unified"),
};
template <>
inline constexpr auto fields<SeccompArg> = std::array{
    field<&SeccompArg::index>("index", required),
    field<&SeccompArg::value>("value", required),
    field<&SeccompArg::value_two>("valueTwo"),
    field<&SeccompArg::op>("op", required),
};
template <>
inline constexpr auto fields<SeccompSyscall> = std::array{
    field<&SeccompSyscall::names>("names", required),
    field<&SeccompSyscall::action>("action", required),
    field<&SeccompSyscall::errno_ret>("errnoRet"),
    field<&SeccompSyscall::args>("args"),
};
template <>
inline constexpr auto fields<Seccomp> = std::array{
    field<&Seccomp::default_action>("defaultAction", required),
    field<&Seccomp::default_errno_ret>("defaultErrnoRet"),
    field<&Seccomp::architectures>("architectures"),
    field<&Seccomp::flags>("flags"),
    field<&Seccomp::listener_path>("listenerPath"),
    field<&Seccomp::listener_metadata>("listenerMetadata"),
    field<&Seccomp::syscalls>("syscalls"),
};
template <>
inline constexpr auto fields<Personality> = std::array{
    field<&Personality::domain>("domain", required),
    field<&Personality::flags>("flags"),
};
template <>
inline constexpr auto fields<IntelRdt> = std::array{
    field<&IntelRdt::clos_id>("closID"),
    field<&IntelRdt::schemata>("schemata"),
    field<&IntelRdt::l3_cache_schema>("l3CacheSchema"),
    field<&IntelRdt::mem_bw_schema>("memBwSchema"),
    field<&IntelRdt::enable_monitoring>("enableMonitoring"),
};
template <>
inline constexpr auto fields<MemoryPolicy> = std::array{
    field<&MemoryPolicy::mode>("mode"),
    field<&MemoryPolicy::nodes>("nodes"),
    field<&MemoryPolicy::flags>("flags"),
};
template <>
inline constexpr auto fields<NetDevice> = std::array{
    field<&NetDevice::name>("name"),
};
template <>
inline constexpr auto fields<Linux> = std::array{
    field<&Linux::namespaces>("namespaces"),
    field<&Linux::uid_mappings>("uidMappings"),
    field<&Linux::gid_mappings>("gidMappings"),
    field<&Linux::time_offsets>("timeOffsets"),
    field<&Linux::devices>("devices"),
    field<&Linux::net_devices>("netDevices"),
    field<&Linux::cgroups_path>("cgroupsPath"),
    field<&Linux::resources>("resources"),
    field<&Linux::intel_rdt>("intelRdt"),
    field<&Linux::memory_policy>("memoryPolicy"),
    field<&Linux::sysctl>("sysctl"),
    field<&Linux::seccomp>("seccomp"),
    field<&Linux::rootfs_propagation>("rootfsPropagation"),
    field<&Linux::masked_paths>("maskedPaths"),
    field<&Linux::readonly_paths>("readonlyPaths"),
    field<&Linux::mount_label>("mountLabel"),
    field<&Linux::personality>("personality"),
};
template <>
inline constexpr auto fields<Spec> = std::array{
    field<&Spec::oci_version>("ociVersion"),
    field<&Spec::root>("root"),
    field<&Spec::mounts>("mounts"),
    field<&Spec::process>("process"),
    field<&Spec::hostname>("hostname"),
    field<&Spec::domainname>("domainname"),
    field<&Spec::hooks>("hooks"),
    field<&Spec::annotations>("annotations"),
    field<&Spec::linux>("linux"),
};

}  // namespace oci::json

namespace oci {
namespace {

template <class T>
T decoded(std::string_view text) {
  const auto document = json::Document::parse(text);
  T result;
  json::decode(document.root(), result);
  return result;
}

}  // namespace

Spec decode_spec(std::string_view text) {
  return decoded<Spec>(text);
}

Process decode_process(std::string_view text) {
  return decoded<Process>(text);
}

Resources decode_resources(std::string_view text) {
  return decoded<Resources>(text);
}

std::vector<Mount> decode_mounts(std::string_view text) {
  const auto document = json::Document::parse(text);
  if (document.root().kind != json::Value::Kind::array) throw Error("mounts must be an array");  // crun's words
  std::vector<Mount> mounts;
  at_path([] { return "mounts"; }, [&] { json::decode(document.root(), mounts); });
  return mounts;
}

Hooks decode_hooks(const json::Value& value) {
  Hooks hooks;
  json::decode(value, hooks);
  return hooks;
}

}  // namespace oci
