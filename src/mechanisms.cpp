// SPDX-License-Identifier: Apache-2.0
// What the library can do, out of the tables that it works with.
#include <algorithm>
#include <array>

#include "features.hpp"
#include "kernel/seccomp.hpp"
#include "spec/mount_options.hpp"

namespace oci::cli {
namespace {

/// Words that the tables know, for errors to name them, and that create refuses.
constexpr std::array<std::string_view, 4> refused{"idmap", "ridmap", "SCMP_ACT_NOTIFY",
                                                  "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};

void add(Names& names, std::string_view name) {
  if (std::find(refused.begin(), refused.end(), name) == refused.end()) names.emplace_back(name);
}

Names names_of(std::span<const SeccompName> table) {
  Names names;
  for (const auto& row : table) add(names, row.name);
  return names;
}

}  // namespace

Mechanisms mechanisms() {
  Mechanisms known;
  known.hooks = {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"};
  for (const auto name : mount_option_names()) add(known.mount_options, name);
  known.seccomp_actions = names_of(seccomp_actions());
  known.seccomp_operators = names_of(seccomp_operators());
  known.seccomp_architectures = names_of(seccomp_architectures());
  known.seccomp_known_flags = names_of(seccomp_flags());
  known.seccomp_supported_flags = known.seccomp_known_flags;
  known.libseccomp_release = libseccomp_release();
  known.cgroup_v2 = true;
  known.rdma = true;
  known.apparmor = true;
  known.selinux = true;
  known.network_devices = true;
  known.intel_rdt = known.intel_rdt_schemata = known.intel_rdt_monitoring = true;
  return known;
}

std::string libseccomp_release() {
  return libseccomp_version();
}

}  // namespace oci::cli
