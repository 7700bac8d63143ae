// SPDX-License-Identifier: Apache-2.0
#include "container/hooks.hpp"

#include "base/command.hpp"
#include "base/syscalls.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

void run_hook(const Hook& hook, std::string_view kind, std::size_t index, const std::string& state,
              const std::string& bundle, const HookOutput& streams) {
  const auto frame = [&] { return "error running " + std::string(kind) + " hook #" + std::to_string(index); };
  in_context(frame, [&] {
    run_successfully({.path = hook.path,
                      .args = hook.args,
                      .env = hook.env,
                      .cwd = bundle,
                      .input = state,
                      .output = streams.output,
                      .errors = streams.errors,
                      .timeout_s = hook.timeout.value_or(0),
                      .noun = "hook"});
  });
}

/// The file is the host's, and so is whoever names it: engines hand annotations on only where they trust them
/// (features, "potentiallyUnsafeConfigAnnotations").
Fd open_log(const std::string& path, const char* annotation) {
  static constexpr mode_t private_to_owner = 0600;
  if (path.empty()) return {};
  return in_context(
      [&] { return std::string("annotation ") + annotation; },
      [&] { return sys::openat(working_directory, path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY, private_to_owner); });
}

}  // namespace

HookOutput open_hook_output(const Annotations& annotations) {
  const auto wanted = extensions(annotations);
  return {open_log(wanted.hooks_stdout, "run.oci.hooks.stdout"), open_log(wanted.hooks_stderr, "run.oci.hooks.stderr")};
}

void run_hooks(const std::vector<Hook>& hooks, std::string_view kind, const std::string& state,
               const std::string& bundle, const Annotations& annotations) {
  if (hooks.empty()) return;
  const auto streams = open_hook_output(annotations);
  for (std::size_t i = 0; i < hooks.size(); ++i) run_hook(hooks[i], kind, i, state, bundle, streams);
}

std::vector<std::string> run_every_hook(const std::vector<Hook>& hooks, std::string_view kind, const std::string& state,
                                        const std::string& bundle, const Annotations& annotations) {
  std::vector<std::string> failures;
  if (hooks.empty()) return failures;
  HookOutput streams;
  try {
    streams = open_hook_output(annotations);
  } catch (const Error& error) {
    failures.emplace_back(error.what());
  }
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    try {
      run_hook(hooks[i], kind, i, state, bundle, streams);
    } catch (const Error& error) {
      failures.emplace_back(error.what());
    }
  }
  return failures;
}

}  // namespace oci
