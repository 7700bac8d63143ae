// SPDX-License-Identifier: Apache-2.0
// What the library can do, out of the tables that it works with.
#include "features.hpp"
#include "kernel/seccomp.hpp"
#include "kernel/systemd.hpp"
#include "spec/mount_options.hpp"
#include "spec/names.hpp"

namespace oci::cli {
namespace {

Names names_of(std::span<const SeccompName> table) {
  Names names;
  for (const auto& row : table) names.emplace_back(row.name);
  return names;
}

Names names_of(std::span<const NumberedName> table) {
  Names names;
  for (const auto& row : table) names.emplace_back(row.name);
  return names;
}

}  // namespace

Mechanisms mechanisms() {
  Mechanisms known;
  known.hooks = {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"};
  for (const auto name : mount_option_names()) known.mount_options.emplace_back(name);
  known.seccomp_actions = names_of(seccomp_actions());
  known.seccomp_operators = names_of(seccomp_operators());
  known.seccomp_architectures = names_of(seccomp_architectures());
  known.seccomp_known_flags = names_of(seccomp_flags());
  known.seccomp_supported_flags = known.seccomp_known_flags;
  known.memory_policy_modes = names_of(memory_policy_modes());
  known.memory_policy_flags = names_of(memory_policy_flags());
  // Paths that are opened on the host; groups, filters and labels that change.
  known.unsafe_annotations = {"org.criu.config", "run.oci."};
  known.libseccomp_release = libseccomp_release();
  known.cgroup_v2 = true;
  known.cgroup_systemd = known.cgroup_systemd_user = has_systemd_driver();
  if (has_systemd_driver()) known.unsafe_annotations.insert(known.unsafe_annotations.end(), {"org.systemd.property."});
  known.rdma = true;
  known.apparmor = true;
  known.selinux = true;
  known.idmapped_mounts = true;
  known.network_devices = true;
  known.intel_rdt = known.intel_rdt_schemata = known.intel_rdt_monitoring = true;
  known.checkpoint = true;
  return known;
}

std::string libseccomp_release() {
  return libseccomp_version();
}

}  // namespace oci::cli
