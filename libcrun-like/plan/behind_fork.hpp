// SPDX-License-Identifier: Apache-2.0
// What the container's process calls behind a late Fork, and whether its filter can be in force by then.
#pragma once
#include <optional>
#include <vector>

#include "kernel/seccomp_verdict.hpp"
#include "plan/plan.hpp"

namespace oci {

/// Every system call that init/ makes from the beginning of a Fork on, when the steps behind it are these; ends with
/// execve, or with the report of a failure. Nothing when one of them calls what cannot be told beforehand (a hook, or a
/// step that is not expected there). tests/unit/behind_fork_test.cpp compares this with what is really called.
std::optional<std::vector<ForeseenCall>> calls_behind_fork(const std::vector<const Action*>& steps);

/// Moves a LoadSeccomp from behind the last Fork to right before it, where its filter lets everything through that is
/// called in between. Others in the pid namespace see the process from its birth on, and may seize it: it should have
/// its filter by then. A filter that notifies stays where it is.
void load_filter_before_fork(InitPlan& plan);

}  // namespace oci
