// SPDX-License-Identifier: Apache-2.0
#include "spec/annotations.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "oci/error.hpp"

namespace oci {
namespace {

[[noreturn]] void refuse(std::string_view name, const std::string& why) {
  throw Error(std::string("annotation ").append(name).append(": ").append(why));
}

std::string path_in(const Annotations& annotations, const char* name) {
  const auto entry = annotations.find(name);
  if (entry == annotations.end()) return {};
  if (entry->second.empty() || entry->second.front() != '/')
    refuse(name, "\"" + entry->second + "\" is not an absolute path");
  return entry->second;
}

/// mount(8), "context=…, fscontext=…, defcontext=…, and rootcontext=…".
std::string context_option(const Annotations& annotations) {
  static constexpr const char* name = "run.oci.mount_context_type";
  static constexpr std::array<std::string_view, 4> known{"context", "fscontext", "defcontext", "rootcontext"};
  const auto entry = annotations.find(name);
  if (entry == annotations.end()) return "context";
  if (std::find(known.begin(), known.end(), entry->second) == known.end())
    refuse(name, "\"" + entry->second + "\" is none of context, fscontext, defcontext, rootcontext");
  return entry->second;
}

/// A container that would have run in a virtual machine must not run without one.
void check_kind(const Annotations& annotations) {
  static constexpr const char* handler = "run.oci.handler";
  if (const auto entry = annotations.find(handler); entry != annotations.end() && !entry->second.empty())
    refuse(handler,
           "this runtime has no handler \"" + entry->second + "\"; it runs programs of the host's kernel only");
}

}  // namespace

Extensions extensions(const Annotations& annotations) {
  if (annotations.empty()) return {};
  check_kind(annotations);
  return {.hooks_stdout = path_in(annotations, "run.oci.hooks.stdout"),
          .hooks_stderr = path_in(annotations, "run.oci.hooks.stderr"),
          .pidfd_receiver = path_in(annotations, "run.oci.pidfd_receiver"),
          .context_option = context_option(annotations),
          .keeps_groups = annotations.contains("run.oci.keep_original_groups")};
}

}  // namespace oci
