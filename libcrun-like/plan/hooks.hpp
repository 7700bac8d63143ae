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

/// `kind` as in config.json: "createContainer". `inherited`: the environment of a hook that names none.
void add_hooks(InitPlan& plan, const std::vector<Hook>& hooks, const std::string& kind, const StateTemplate& state,
               const std::vector<std::string>& inherited = {});

}  // namespace oci
