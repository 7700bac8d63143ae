// SPDX-License-Identifier: Apache-2.0
#include "spec/annotations.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.hpp"
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

/// Names of directories below one another; crun's users write it with a slash in front, and without.
std::string cgroup_below(const Annotations& annotations) {
  static constexpr const char* name = "run.oci.delegate-cgroup";
  const auto entry = annotations.find(name);
  if (entry == annotations.end() || entry->second.empty()) return {};
  std::string path;
  for (std::string_view rest = entry->second; !rest.empty();) {
    const auto part = cut(rest, "/");
    if (part == "." || part == "..")
      refuse(name, "\"" + entry->second + "\" does not stay below the container's cgroup");
    if (!part.empty()) path.append("/").append(part);
  }
  if (path.empty()) refuse(name, "\"" + entry->second + "\" names no cgroup");
  return path;
}

/// What would change the container, and is not here.
void check_absent(const Annotations& annotations) {
  if (annotations.contains("run.oci.systemd.force_cgroup_v1"))
    refuse("run.oci.systemd.force_cgroup_v1", "this runtime mounts no cgroup v1");
  if (annotations.contains("run.oci.seccomp.plugins"))
    refuse("run.oci.seccomp.plugins", "this runtime loads none; use linux.seccomp.listenerPath");
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
  check_absent(annotations);
  return {.hooks_stdout = path_in(annotations, "run.oci.hooks.stdout"),
          .hooks_stderr = path_in(annotations, "run.oci.hooks.stderr"),
          .pidfd_receiver = path_in(annotations, "run.oci.pidfd_receiver"),
          .context_option = context_option(annotations),
          .delegated_cgroup = cgroup_below(annotations),
          .keeps_groups = annotations.contains("run.oci.keep_original_groups")};
}

}  // namespace oci
