// SPDX-License-Identifier: Apache-2.0
// What the runtime does in the container's network namespace while the process is at its mounts. The kernel looks
// through the file systems of all network namespaces for a new sysfs (sget_fc()), and waits for its lock on network
// devices to raise one: neither needs the process, only its namespace.
#pragma once
#include "plan/namespaces.hpp"
#include "plan/plan.hpp"

namespace oci {

/// Leaves the first sysfs and the loopback interface to the runtime, where no one is asked for anything before that:
/// the runtime would have to answer first.
void leave_network_work(InitPlan& plan, const NamespacePlan& namespaces);

/// What has been left to it.
struct NetworkWork {
  const MountFilesystem* sysfs = nullptr;
  const Step* loopback = nullptr;
  FdRef joined{-1};  ///< the network namespace where it is not the process's from its birth; the plan owns it
  bool empty() const noexcept { return !sysfs && !loopback; }
};
NetworkWork network_work(const InitPlan& plan) noexcept;

}  // namespace oci
