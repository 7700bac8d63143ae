// SPDX-License-Identifier: Apache-2.0
// Which cgroup a further process is born in.
#pragma once
#include <functional>
#include <string>

#include "container/launch.hpp"
#include "container/state.hpp"
#include "plan/plan.hpp"

namespace oci {

/// Launches the plan that `make_plan` gives in the cgroup that `sub` names below the container's own ("" or "/" for
/// that itself). Where the container has made its cgroup one that only holds others, or moved away from it, its first
/// process's current one takes its place, unless the caller asked for one by name.
Child launch_in_cgroup(const Record& record, const std::string& sub, const std::function<InitPlan()>& make_plan);

}  // namespace oci
