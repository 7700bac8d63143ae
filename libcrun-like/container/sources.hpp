// SPDX-License-Identifier: Apache-2.0
// Mounts that only the runtime can open for the container's process.
#pragma once
#include "base/handle.hpp"
#include "plan/plan.hpp"

namespace oci {

/// A detached copy of the step's source, as seen from the mount namespace of `child`, where earlier mounts may have put
/// it, but with the runtime's own privileges.
MountFd open_source_for(const Pidfd& child, const BindMount& bind);

}  // namespace oci
