// SPDX-License-Identifier: Apache-2.0
// What the library can do, out of the tables that it works with.
#include "features.hpp"
#include "kernel/seccomp.hpp"
#include "spec/mount_options.hpp"

namespace oci::cli {
namespace {

Names names_of(std::span<const SeccompName> table) {
  Names names;
  names.reserve(table.size());
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
  known.libseccomp_release = libseccomp_release();
  known.cgroup_v2 = true;
  known.rdma = true;
  known.apparmor = true;
  known.selinux = true;
  return known;
}

std::string libseccomp_release() {
  return libseccomp_version();
}

}  // namespace oci::cli
