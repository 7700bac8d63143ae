// SPDX-License-Identifier: Apache-2.0
// Hooks that run in the runtime's own namespaces (config.md, "POSIX-platform Hooks").
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.hpp"
#include "oci/spec.hpp"
#include "spec/annotations.hpp"

namespace oci {

/// Where run.oci.hooks.stdout and run.oci.hooks.stderr send what hooks say, as in crun; empty: into error messages.
struct HookOutput {
  Fd output, errors;
};
/// Opens them to be appended to. @throws Error "annotation run.oci.hooks.stdout: …"
HookOutput open_hook_output(const Annotations& annotations);

/// Runs `hooks` one after the other with `state` (runtime.md, "State") on standard input and `bundle` as working
/// directory. `kind` is their name in config.json.
/// @throws Error "error running createRuntime hook #1: …" for the first that fails; the rest is not run
void run_hooks(const std::vector<Hook>& hooks, std::string_view kind, const std::string& state,
               const std::string& bundle, const Annotations& annotations = {});

/// Runs all of them whatever becomes of each (runtime.md, "Lifecycle", poststop). Returns the failures, worded as
/// above.
std::vector<std::string> run_every_hook(const std::vector<Hook>& hooks, std::string_view kind, const std::string& state,
                                        const std::string& bundle, const Annotations& annotations = {});

}  // namespace oci
