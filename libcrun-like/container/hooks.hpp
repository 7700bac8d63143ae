// SPDX-License-Identifier: Apache-2.0
// Hooks that run in the runtime's own namespaces (config.md, "POSIX-platform Hooks").
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "oci/spec.hpp"

namespace oci {

/// Runs `hooks` one after the other with `state` (runtime.md, "State") on standard input and `bundle` as working
/// directory. `kind` is their name in config.json.
/// @throws Error "error running createRuntime hook #1: …" for the first that fails; the rest is not run
void run_hooks(const std::vector<Hook>& hooks, std::string_view kind, const std::string& state,
               const std::string& bundle);

/// Runs all of them whatever becomes of each (runtime.md, "Lifecycle", poststop). Returns the failures, worded as
/// above.
std::vector<std::string> run_every_hook(const std::vector<Hook>& hooks, std::string_view kind, const std::string& state,
                                        const std::string& bundle);

}  // namespace oci
