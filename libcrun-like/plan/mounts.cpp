// SPDX-License-Identifier: Apache-2.0
#include "plan/mounts.hpp"

#include <linux/capability.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/files.hpp"
#include "kernel/mountinfo.hpp"
#include "oci/error.hpp"
#include "plan/devices.hpp"
#include "plan/mount_id_maps.hpp"
#include "spec/mount_options.hpp"

namespace oci {
namespace {

/// runc's list of what may be mounted over in /proc: LXCFS and the like bring files of their own. Anything else there
/// could stand between the container and what its masks or labels are meant for (CVE-2019-16884).
constexpr std::array<std::string_view, 10> mountable_in_proc{"cpuinfo",
                                                             "diskstats",
                                                             "meminfo",
                                                             "stat",
                                                             "swaps",
                                                             "uptime",
                                                             "loadavg",
                                                             "slabinfo",
                                                             "sys/kernel/ns_last_pid",
                                                             "sys/crypto/fips_enabled"};

/// Those for which SELinux has no context= parameter, or whose files have labels of their own.
constexpr std::array<std::string_view, 4> without_context{"proc", "sysfs", "mqueue", "cgroup2"};

constexpr std::uint64_t plain_flags =
    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW;

template <class Range, class T>
bool contains(const Range& range, const T& value) {
  return std::find(range.begin(), range.end(), value) != range.end();
}

std::string container_path(const std::string& path) {
  return path.starts_with('/') ? clean_path(path) : clean_path("/" + path);
}

std::string below_bundle(const std::string& path, const MountHost& host) {
  return path.starts_with('/') ? path : host.bundle + "/" + path;
}

std::string indexed(std::string_view list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

bool has_mount_namespace(const Spec& spec) {
  return spec.linux.find(NamespaceType::mount) != nullptr;
}

bool is_bind(const Mount& mount, const MountOptions& options) {
  return options.bind || mount.type == "bind";
}

/// A bind with any flag has exactly the flags that are named; the access times' mode is inherited unless it is named,
/// too (mount(2), MS_REMOUNT | MS_BIND).
BindMount bind_step(const Mount& mount, MountOptions options, std::optional<MountIdMaps> id_maps, std::string target,
                    const MountHost& host) {
  if (mount.source.empty()) throw Error::in_field("source", "missing, and a bind needs one");
  if (!options.parameters.empty())
    throw Error::in_field("options", "\"" + options.parameters.front() + "\" is no option of a bind");
  BindMount step{.source = below_bundle(mount.source, host),
                 .target = std::move(target),
                 .recursive = options.recursive,
                 .source_nofollow = options.source_nofollow || options.copy_symlink,
                 .target_nofollow = options.target_nofollow,
                 .copy_symlink = options.copy_symlink,
                 .attributes = std::move(options.attributes),
                 .id_maps = std::move(id_maps)};
  step.opened_by_parent = host.parent_opens_sources || step.id_maps;
  auto& attributes = step.attributes;
  attributes.superblock = 0;
  step.insists_on_clearing = attributes.clear;
  if (!options.names_flags) return step;
  attributes.clear |= plain_flags;
  if ((attributes.clear & MOUNT_ATTR__ATIME) != 0) attributes.clear |= MOUNT_ATTR_NODIRATIME;
  attributes.clear &= ~(attributes.set & ~std::uint64_t{MOUNT_ATTR__ATIME});
  return step;
}

void refuse_options_of_binds(const Mount& mount, const MountOptions& options) {
  if (options.copy_up && mount.type != "tmpfs")
    throw Error::in_field("options", "tmpcopyup is for tmpfs, not " + mount.type);
  if (options.copy_symlink || options.source_nofollow)
    throw Error::in_field("options", "copy-symlink and src-nofollow are for binds, not " + mount.type);
  if (options.target_nofollow) throw Error::in_field("options", "dest-nofollow is for binds, not " + mount.type);
}

std::string stand_in_for(const std::string& type, const Spec& spec, const MountHost& host) {
  // Where the container runs, its process sees the container's directories by these names, and not the host's.
  if (host.container_runs) return {};
  if (type == "sysfs") return "/sys";
  if (type != "cgroup2") return {};
  const bool own_view = spec.linux.find(NamespaceType::cgroup) && !host.cgroup_directory.empty();
  return own_view ? host.cgroup_directory : "/sys/fs/cgroup";
}

MountFilesystem filesystem_step(const Mount& mount, MountOptions options, std::optional<MountIdMaps> id_maps,
                                std::string target, const Spec& spec, const MountHost& host) {
  if (mount.type.empty()) throw Error::in_field("type", "missing, and the options name no bind");
  refuse_options_of_binds(mount, options);
  MountFilesystem step{.type = mount.type == "cgroup" ? "cgroup2" : mount.type,
                       .source = mount.source,
                       .target = std::move(target),
                       .parameters = std::move(options.parameters),
                       .attributes = std::move(options.attributes),
                       .copy_up = options.copy_up,
                       .id_maps = std::move(id_maps)};
  // A new file system is one mount: what is asked for all below is asked for it.
  auto& attributes = step.attributes;
  attributes.set |= std::exchange(attributes.recursive_set, 0);
  attributes.clear = attributes.recursive_clear = 0;
  // add_restrictions() brings it back.
  if (step.type == "tmpfs" && !host.container_runs) attributes.set &= ~std::uint64_t{MOUNT_ATTR_RDONLY};
  step.stand_in = stand_in_for(step.type, spec, host);
  if (step.type == "proc") {
    step.foreign_processes = host.enters_pid_namespace_later;
    step.pid_namespace = host.pid_namespace;
  }
  if (!host.selinux || spec.linux.mount_label.empty()) return step;
  if (step.type == "mqueue")
    step.label = spec.linux.mount_label;
  else if (!contains(without_context, step.type))
    step.parameters.push_back(host.context_option + "=" + spec.linux.mount_label);
  return step;
}

/// What leaves something that cannot be taken back, or trusts the container's processes.
void check_addable(const MountOptions& options) {
  if (options.copy_up)
    throw Error::in_field("options", "tmpcopyup is for config.json: the container could change what is being copied");
  if (options.remount) throw Error::in_field("options", "remount changes a mount, and mounts can only be added here");
  if (options.copy_symlink)
    throw Error::in_field("options", "copy-symlink is for config.json: it may make a link, no mount");
}

void add_mount(InitPlan& plan, const Mount& mount, std::string field, const Spec& spec, const MountHost& host) {
  auto options = parse_mount_options(mount.options);
  auto id_maps = mount_id_maps(mount, options, host.container_ids);
  if (id_maps && !host.may_map_ids)
    throw Error::in_field("options", "an id-mapped mount needs CAP_SYS_ADMIN, which the runtime does not have");
  if (host.container_runs) check_addable(options);
  auto target = mount_target(mount, Deed::mount);
  if (options.remount) {
    // mount_setattr(2): "The mount must be a detached/anonymous mount".
    if (id_maps) throw Error::in_field("options", "remount cannot map the ids of a mount that is already in use");
    if (!options.parameters.empty())
      throw Error::in_field("options", "remount cannot change \"" + options.parameters.front() + "\"");
    plan.add(ChangeMount{std::move(target), std::move(options.attributes)}, std::move(field));
  } else if (is_bind(mount, options)) {
    plan.add(bind_step(mount, std::move(options), std::move(id_maps), std::move(target), host), std::move(field));
  } else {
    plan.add(filesystem_step(mount, std::move(options), std::move(id_maps), std::move(target), spec, host),
             std::move(field));
  }
}

/// rootfsPropagation as mount(2) counts it; 0 when config.json leaves it open.
unsigned long root_propagation(const Spec& spec) {
  const auto& word = spec.linux.rootfs_propagation;
  if (word.empty()) return 0;
  const auto options = parse_mount_options({word});
  if (options.attributes.propagation.size() != 1)
    throw Error::in_field("linux.rootfsPropagation",
                          "\"" + word + "\" is none of shared, slave, private, unbindable, with or without r");
  return options.attributes.propagation.front();
}

bool becomes_shared(const MountAttributes& attributes) {
  return std::ranges::any_of(attributes.propagation, [](auto propagation) { return (propagation & MS_SHARED) != 0; });
}

/// What comes from below the root may mean what an earlier mount has put there; what is mounted in a shared mount
/// becomes shared and shows elsewhere; and in a detached tree only its root can be changed (mount_setattr(2)).
bool wants_attached_root(const Action& action, const std::string& rootfs) {
  const auto names_root = [&](const std::string& parameter) { return parameter.find(rootfs) != parameter.npos; };
  if (const auto* mount = std::get_if<MountFilesystem>(&action))
    return becomes_shared(mount->attributes) || std::ranges::any_of(mount->parameters, names_root);
  if (const auto* bind = std::get_if<BindMount>(&action))
    return becomes_shared(bind->attributes) || is_at_or_below(clean_path(bind->source), rootfs);
  return std::holds_alternative<ChangeMount>(action);
}

/// Whether nothing needs the container's mounts to be where its root is on the host, before the process enters it.
/// Hooks come into its mount namespace, and look there. In a user namespace the host's mounts are locked: only
/// pivot_root(2) gets rid of them (mount_namespaces(7)).
bool may_be_detached(const InitPlan& plan, const std::string& rootfs, const Spec& spec, const MountHost& host) {
  const auto* mounts = spec.linux.find(NamespaceType::mount);
  const auto& hooks = spec.hooks;
  const bool has_hooks = !hooks.prestart.empty() || !hooks.create_runtime.empty() || !hooks.create_container.empty();
  return mounts && mounts->path.empty() && host.may_change_root && !host.user_namespace && !host.no_pivot &&
         !has_hooks && (root_propagation(spec) & MS_SHARED) == 0 &&
         std::ranges::none_of(plan.steps, [&](const Step& step) { return wants_attached_root(step.action, rootfs); });
}

void add_root(InitPlan& plan, const Spec& spec, const MountHost& host) {
  BindRoot root{.rootfs = below_bundle(spec.root.path, host),
                .mounts = has_mount_namespace(spec) || mounts_in_host_view(spec),
                .in_host_view = !has_mount_namespace(spec)};
  root.masks_files = !spec.linux.masked_paths.empty();
  root.detaches_parent = (root_propagation(spec) & MS_SHARED) != 0;
  if (!root.in_host_view) add_propagation(plan, spec);
  plan.add(std::move(root), "root.path");
}

/// The host's mounts are the host's root's, and linux.rootfsPropagation would change them.
void check_host_view(const Spec& spec, const MountHost& host) {
  if (!spec.linux.rootfs_propagation.empty())
    throw Error::in_field("linux.rootfsPropagation", "needs a mount namespace, and linux.namespaces has none");
  if (mounts_in_host_view(spec) && host.user_namespace)
    throw Error::in_field("mounts",
                          "need a mount namespace of the user namespace's own, and linux.namespaces has none");
}

void add_readonly_mounts(InitPlan& plan, const Spec& spec) {
  for (std::size_t index = 0; index < spec.mounts.size(); ++index) {
    const auto& mount = spec.mounts[index];
    if (mount.type != "tmpfs") continue;
    const auto options = parse_mount_options(mount.options);
    const auto set = options.attributes.set | options.attributes.recursive_set;
    if (options.bind || options.remount || (set & MOUNT_ATTR_RDONLY) == 0) continue;
    plan.add(ChangeMount{container_path(mount.destination), {.set = MOUNT_ATTR_RDONLY}}, indexed("mounts", index));
  }
}

std::vector<std::string> mount_targets(const Spec& spec) {
  std::vector<std::string> targets;
  targets.reserve(spec.mounts.size());
  for (const auto& mount : spec.mounts) targets.push_back(container_path(mount.destination));
  return targets;
}

/// `add` for each path, in the order given, the second of two equal ones left out.
template <class Add>
void for_each_path(const std::vector<std::string>& paths, std::string_view field, Add&& add) {
  std::vector<std::string> seen;
  for (std::size_t index = 0; index < paths.size(); ++index) {
    std::string path = container_path(paths[index]);
    if (path == "/") throw Error::in_field(indexed(field, index), "\"" + paths[index] + "\" is the root itself");
    if (contains(seen, path)) continue;
    seen.push_back(path);
    add(std::move(path), indexed(field, index));
  }
}

}  // namespace

MountHost mount_host(const Host& host, const Spec& spec, bool user_namespace, FdRef pid_namespace) {
  const bool may_mount = (host.capabilities & (std::uint64_t{1} << CAP_SYS_ADMIN)) != 0;
  return {.user_namespace = user_namespace || host.in_user_namespace,
          .parent_opens_sources = user_namespace && may_mount,
          .may_change_root = (host.capabilities & (std::uint64_t{1} << CAP_SYS_CHROOT)) != 0,
          .may_map_ids = may_mount,
          .enters_pid_namespace_later = pid_namespace.get() >= 0,
          .pid_namespace = pid_namespace,
          .kcore = host.has_kcore,
          .selinux = !spec.linux.mount_label.empty() && has_selinux()};
}

std::string mount_target(const Mount& mount, Deed deed) {
  std::string target = container_path(mount.destination);
  if (target == "/")
    throw Error::in_field("destination", "\"" + mount.destination + "\" is the root itself, which root.path names");
  static constexpr std::string_view proc = "/proc/";
  if (target.starts_with(proc) && !contains(mountable_in_proc, std::string_view(target).substr(proc.size())))
    throw Error::in_field("destination",
                          "\"" + target +
                              (deed == Deed::mount ? "\" cannot be mounted because it is inside /proc"
                                                   : "\" cannot be unmounted because it is inside /proc"));
  return target;
}

bool mounts_in_host_view(const Spec& spec) {
  return !has_mount_namespace(spec) && (!spec.mounts.empty() || !spec.linux.masked_paths.empty() ||
                                        !spec.linux.readonly_paths.empty() || spec.root.readonly);
}

void use_container_paths(Spec& spec, const std::string& rootfs) {
  if (rootfs == "/") return;
  for (auto& mount : spec.mounts) {
    const std::string target = container_path(mount.destination);
    if (is_at_or_below(target, rootfs)) mount.destination = "/" + target.substr(rootfs.size());
  }
}

void add_propagation(InitPlan& plan, const Spec& spec) {
  const auto propagation = root_propagation(spec);
  // A shared root wants its binds to stay peers of the host's mounts, so these are left as they are. An unbindable one
  // could not be bound; it becomes that at the end.
  if ((propagation & MS_SHARED) != 0) return;
  const bool private_now = (propagation & (MS_PRIVATE | MS_UNBINDABLE)) != 0;
  plan.add(SetPropagation{(private_now ? MS_PRIVATE : MS_SLAVE) | static_cast<unsigned long>(MS_REC)},
           "linux.rootfsPropagation");
}

void add_mounts(InitPlan& plan, const Spec& spec, const MountHost& host) {
  for (std::size_t index = 0; index < spec.mounts.size(); ++index)
    at_path([&] { return indexed("mounts", index); },
            [&] { add_mount(plan, spec.mounts[index], indexed("mounts", index), spec, host); });
}

void add_filesystem(InitPlan& plan, const Spec& spec, const MountHost& host) {
  if (!has_mount_namespace(spec)) check_host_view(spec, host);
  add_root(plan, spec, host);
  const auto root = plan.steps.size() - 1;
  add_mounts(plan, spec, host);
  auto& bound = std::get<BindRoot>(plan.steps[root].action);
  bound.is_detached = may_be_detached(plan, clean_path(bound.rootfs), spec, host);
  const bool brings_devices = std::any_of(spec.mounts.begin(), spec.mounts.end(), [](const Mount& mount) {
    return container_path(mount.destination) == "/dev" && is_bind(mount, parse_mount_options(mount.options));
  });
  if (!brings_devices) add_devices(plan, spec, host);
}

void add_new_root(InitPlan& plan, const Spec& spec, const MountHost& host) {
  if (!has_mount_namespace(spec)) {
    plan.add(ChangeRoot{});
    return;
  }
  const auto propagation = root_propagation(spec);
  if (host.no_pivot)
    plan.add(MoveRoot{});
  else
    plan.add(PivotRoot{.host_is_shared = (propagation & MS_SHARED) != 0});
  // Slave and private it has been since the beginning.
  if ((propagation & (MS_SHARED | MS_UNBINDABLE)) != 0)
    plan.add(SetRootPropagation{propagation}, "linux.rootfsPropagation");
}

void add_restrictions(InitPlan& plan, const Spec& spec) {
  add_readonly_mounts(plan, spec);
  if (spec.root.readonly) plan.add(RemountRootReadonly{}, "root.readonly");
  const auto targets = mount_targets(spec);
  for_each_path(spec.linux.readonly_paths, "linux.readonlyPaths", [&](std::string path, std::string field) {
    const bool is_leaf =
        std::ranges::none_of(targets, [&](const auto& target) { return is_at_or_below(target, path); });
    plan.add(ReadonlyPath{std::move(path), is_leaf}, std::move(field));
  });
  for_each_path(spec.linux.masked_paths, "linux.maskedPaths",
                [&](std::string path, std::string field) { plan.add(MaskPath{std::move(path)}, std::move(field)); });
}

std::string source_of_bind(const Mount& mount, const std::string& bundle) {
  return mount.source.starts_with('/') ? mount.source : clean_path(bundle + "/" + mount.source);
}

}  // namespace oci
