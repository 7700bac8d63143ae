// SPDX-License-Identifier: Apache-2.0
#include "container/hooks.hpp"

#include "base/command.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

void run_hook(const Hook& hook, std::string_view kind, std::size_t index, const std::string& state,
              const std::string& bundle) {
  const auto frame = [&] { return "error running " + std::string(kind) + " hook #" + std::to_string(index); };
  in_context(frame, [&] {
    run_successfully({.path = hook.path,
                      .args = hook.args,
                      .env = hook.env,
                      .cwd = bundle,
                      .input = state,
                      .timeout_s = hook.timeout.value_or(0),
                      .noun = "hook"});
  });
}

}  // namespace

void run_hooks(const std::vector<Hook>& hooks, std::string_view kind, const std::string& state,
               const std::string& bundle) {
  for (std::size_t i = 0; i < hooks.size(); ++i) run_hook(hooks[i], kind, i, state, bundle);
}

std::vector<std::string> run_every_hook(const std::vector<Hook>& hooks, std::string_view kind, const std::string& state,
                                        const std::string& bundle) {
  std::vector<std::string> failures;
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    try {
      run_hook(hooks[i], kind, i, state, bundle);
    } catch (const Error& error) {
      failures.emplace_back(error.what());
    }
  }
  return failures;
}

}  // namespace oci
