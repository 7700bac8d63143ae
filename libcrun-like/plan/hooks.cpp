// SPDX-License-Identifier: Apache-2.0
#include "plan/hooks.hpp"

#include "base/json.hpp"

namespace oci {

std::string state_json(const StateTemplate& state, pid_t pid) {
  json::Writer out;
  out.open_object().member("ociVersion", "1.3.0").member("id", state.id).member("status", state.status);
  if (pid != 0) out.key("pid").number(pid);
  out.member("bundle", state.bundle);
  if (!state.annotations.empty()) {
    out.key("annotations").open_object();
    for (const auto& [name, value] : state.annotations) out.member(name, value);
    out.close_object();
  }
  return out.close_object().text();
}

void add_hooks(InitPlan& plan, const std::vector<Hook>& hooks, const HookKind& kind, const StateTemplate& state) {
  if (hooks.empty()) return;
  const auto whole = state_json(state, 1);
  const std::string_view before_pid = "\"pid\":";
  const auto at = whole.find(before_pid) + before_pid.size();
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    const auto& hook = hooks[i];
    plan.add(RunHook{.path = hook.path,
                     .args = hook.args,
                     .env = hook.env.value_or(kind.inherited),
                     .inherits_env = !hook.env,
                     .cwd = kind.cwd,
                     .state_before_pid = whole.substr(0, at),
                     .state_after_pid = whole.substr(at + 1),
                     .output = kind.output,
                     .errors = kind.errors,
                     .timeout_s = hook.timeout.value_or(0),
                     .kind = kind.name,
                     .index = i},
             "hooks." + kind.name + "[" + std::to_string(i) + "]");
  }
}

}  // namespace oci
