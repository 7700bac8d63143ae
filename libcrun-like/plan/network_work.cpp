// SPDX-License-Identifier: Apache-2.0
#include "plan/network_work.hpp"

#include <sched.h>

namespace oci {
namespace {

/// Without parameters there is none that fsconfig(2) cannot say.
bool is_plain_sysfs(const MountFilesystem& mount) {
  return mount.type == "sysfs" && mount.parameters.empty() && mount.attributes.superblock == 0 && !mount.id_maps &&
         mount.label.empty();
}

FdRef joined_network(const InitPlan& plan) noexcept {
  for (const auto& step : plan.steps)
    if (const auto* join = std::get_if<JoinNamespaces>(&step.action))
      for (const auto& entry : join->namespaces)
        if (entry.type == CLONE_NEWNET) return entry.fd;
  return FdRef(-1);
}

}  // namespace

void leave_network_work(InitPlan& plan, const NamespacePlan& namespaces) {
  const bool born_there = (plan.clone_flags & CLONE_NEWNET) != 0;
  // The one that would be visited ends at once where it is only there to bring forth the other (Birth::early).
  if (namespaces.user || namespaces.birth == Birth::early) return;
  if (!born_there && joined_network(plan).get() < 0) return;
  bool has_sysfs = false;
  for (auto& step : plan.steps) {
    if (const auto* meet = std::get_if<Meet>(&step.action); meet && meet->word == Word::network) return;
    if (auto* loopback = std::get_if<RaiseLoopback>(&step.action)) loopback->left_to_runtime = born_there;
    auto* mount = std::get_if<MountFilesystem>(&step.action);
    if (!mount || has_sysfs || !is_plain_sysfs(*mount)) continue;
    mount->left_to_runtime = has_sysfs = true;
  }
}

NetworkWork network_work(const InitPlan& plan) noexcept {
  NetworkWork work;
  for (const auto& step : plan.steps) {
    const auto* mount = std::get_if<MountFilesystem>(&step.action);
    if (mount && mount->left_to_runtime) work.sysfs = mount;
    const auto* loopback = std::get_if<RaiseLoopback>(&step.action);
    if (loopback && loopback->left_to_runtime) work.loopback = &step;
  }
  if (!work.empty()) work.joined = joined_network(plan);
  return work;
}

}  // namespace oci
