// SPDX-License-Identifier: Apache-2.0
#include "plan/mount_changes.hpp"

#include <sched.h>

#include <algorithm>
#include <utility>

#include "oci/error.hpp"

namespace oci {
namespace {

/// All but a tmpfs, which looks like the directory that it covers (init/mounts.cpp).
bool is_made_before(const MountFilesystem& mount) {
  return mount.type != "tmpfs";
}

/// The namespace whose content a file system shows is that of whoever makes it; of procfs see
/// MountFilesystem::foreign_processes, because nobody goes into the pid namespace: its processes could seize him.
/// Servers are reached through the host's network: in the container's somebody else could answer.
int shown_namespace(const MountFilesystem& mount) {
  if (mount.type == "mqueue") return CLONE_NEWIPC;
  if (mount.type == "sysfs") return CLONE_NEWNET;
  return mount.type == "cgroup2" ? CLONE_NEWCGROUP : 0;
}

int shown_namespaces(const InitPlan& mounts) {
  int shown = 0;
  for (const auto& step : mounts.steps)
    if (const auto* mount = std::get_if<MountFilesystem>(&step.action)) shown |= shown_namespace(*mount);
  return shown;
}

/// By descriptors that the runtime has opened, because in the user namespace nobody may look into a first process that
/// is undumpable, such as one that waits for start: setns(2) with its pidfd would ask for that.
void join(InitPlan& plan, MountChange& change, int types) {
  JoinNamespaces step;
  for (auto& entry : change.namespaces)
    if ((entry.type & types) != 0) step.namespaces.push_back(std::move(entry));
  if (!step.namespaces.empty()) plan.add(std::move(step), "linux.namespaces");
}

/// With the rights that the container's root has, and no others.
void begin(InitPlan& plan, MountChange& change, int types, std::size_t added) {
  const bool in_user_namespace = std::any_of(change.namespaces.begin(), change.namespaces.end(),
                                             [](const OpenNamespace& entry) { return entry.type == CLONE_NEWUSER; });
  plan.add(PrepareMountChanges{added});
  join(plan, change, CLONE_NEWUSER | types);
  if (in_user_namespace) plan.add(BecomeRoot{change.keeps_groups}, "linux.namespaces");
}

void enter_mounts(InitPlan& plan, MountChange& change) {
  join(plan, change, CLONE_NEWNS);
  plan.add(UseNamespaceRoot{});
}

void add_source(InitPlan& plan, Step& step) {
  if (auto* bind = std::get_if<BindMount>(&step.action)) {
    plan.add(OpenSource{*bind}, step.field);
    bind->opened_before = true;
  } else if (auto* mount = std::get_if<MountFilesystem>(&step.action); mount && is_made_before(*mount)) {
    plan.add(MakeFilesystem{*mount}, step.field);
    mount->made_before = true;
  }
}

/// From a copy of the host's mounts that has what create's has: it is the user namespace's, so that the kernel holds on
/// to flags and to mounts that cover something (mount_namespaces(7), "locked"), and what is bound is no peer of the
/// host's mounts.
void add_sources(InitPlan& plan, const MountChange& change, InitPlan& mounts) {
  InitPlan sources;
  for (auto& step : mounts.steps) add_source(sources, step);
  if (sources.steps.empty()) return;
  plan.add(Unshare{CLONE_NEWNS}, "linux.namespaces");
  add_propagation(plan, change.spec);
  for (auto& step : sources.steps) plan.steps.push_back(std::move(step));
}

struct Removal {
  std::string target;
  std::string field;
};

/// Two of them would each find the mount on top, but only the first something to unmount.
void check_single(const std::vector<Removal>& others, const std::string& target, const std::string& destination) {
  if (std::any_of(others.begin(), others.end(), [&](const Removal& other) { return other.target == target; }))
    throw Error::in_field("destination", "\"" + destination + "\" is given twice");
}

std::vector<Removal> removals(const std::vector<Mount>& mounts) {
  std::vector<Removal> result;
  for (std::size_t index = 0; index < mounts.size(); ++index) {
    auto field = "mounts[" + std::to_string(index) + "]";
    auto target = at_path([&] { return field; },
                          [&] {
                            auto place = mount_target(mounts[index], Deed::unmount);
                            check_single(result, place, mounts[index].destination);
                            return place;
                          });
    result.push_back({std::move(target), std::move(field)});
  }
  return result;
}

std::ptrdiff_t depth(const Removal& removal) {
  return std::count(removal.target.begin(), removal.target.end(), '/');
}

}  // namespace

InitPlan plan_added_mounts(MountChange change) {
  InitPlan mounts;
  add_mounts(mounts, change.spec, change.host);

  InitPlan plan;
  begin(plan, change, shown_namespaces(mounts), mounts.steps.size());
  add_sources(plan, change, mounts);
  enter_mounts(plan, change);
  for (auto& step : mounts.steps) plan.steps.push_back(std::move(step));
  plan.add(Meet{Word::ready});
  return plan;
}

InitPlan plan_removed_mounts(MountChange change) {
  auto order = removals(change.spec.mounts);

  InitPlan plan;
  begin(plan, change, 0, 0);
  enter_mounts(plan, change);
  for (const auto& [target, field] : order) plan.add(RemoveMount{.target = target, .only_checks = true}, field);
  std::reverse(order.begin(), order.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const Removal& one, const Removal& other) { return depth(one) > depth(other); });
  for (auto& [target, field] : order) plan.add(RemoveMount{.target = std::move(target)}, std::move(field));
  plan.add(Meet{Word::ready});
  return plan;
}

}  // namespace oci
