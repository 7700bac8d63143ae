// SPDX-License-Identifier: Apache-2.0
// The hooks that run in the container's namespaces, as steps.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "oci/spec.hpp"
#include "plan/plan.hpp"

namespace oci {

/// The state that a hook reads on its standard input (runtime.md, "State"), but for the pid, which is not known yet.
struct StateTemplate {
  std::string id;
  std::string status;
  std::string bundle;
  std::map<std::string, std::string> annotations;
};

/// One compact JSON object. `pid` 0 is left out, as runtime.md allows before there is a process.
std::string state_json(const StateTemplate& state, pid_t pid);

/// What the hooks of one kind have in common.
struct HookKind {
  std::string name;                      ///< as in config.json: "createContainer"
  std::string cwd;                       ///< empty: where the process is
  std::vector<std::string> inherited{};  ///< the environment of a hook that names none
  FdRef output{-1};                      ///< where their standard output goes; none: into the message of a failure
  FdRef errors{-1};                      ///< the same of their standard error
};

void add_hooks(InitPlan& plan, const std::vector<Hook>& hooks, const HookKind& kind, const StateTemplate& state);

}  // namespace oci
