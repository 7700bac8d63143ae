// SPDX-License-Identifier: Apache-2.0
// How a process of the runtime's goes into a container that runs, to add mounts or to take some away.
#pragma once
#include <vector>

#include "plan/mounts.hpp"

namespace oci {

struct MountChange {
  const Spec& spec;  ///< as the container was created with, but for its mounts: those are the ones to change
  const MountHost& host;
  std::vector<OpenNamespace> namespaces{};  ///< the container's, where they differ from the runtime's
  bool keeps_groups = false;                ///< the caller's supplementary groups stay
};

InitPlan plan_added_mounts(MountChange change);
/// What lies deeper goes first, and the last of the others; none goes unless each is there.
InitPlan plan_removed_mounts(MountChange change);

}  // namespace oci
