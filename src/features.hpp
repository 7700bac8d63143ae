// SPDX-License-Identifier: Apache-2.0
// What `features` prints (runtime-spec, features.md and features-linux.md): decided when the runtime is built, not by
// looking at the host.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace oci::cli {

using Names = std::vector<std::string>;

/// The part that only the mechanisms themselves know. Names are as config.json has them.
struct Mechanisms {
  Names hooks;
  Names mount_options;
  Names seccomp_actions, seccomp_operators, seccomp_architectures;
  Names seccomp_known_flags, seccomp_supported_flags;
  Names memory_policy_modes, memory_policy_flags;
  Names unsafe_annotations;  ///< an entry that ends in "." means everything that begins with it
  std::string libseccomp_release;
  bool cgroup_v1 = false, cgroup_v2 = false, cgroup_systemd = false, cgroup_systemd_user = false, rdma = false;
  bool apparmor = false, selinux = false, idmapped_mounts = false, network_devices = false;
  bool intel_rdt = false, intel_rdt_schemata = false, intel_rdt_monitoring = false;
  bool checkpoint = false;
};

/// Asks the mechanisms for their tables.
Mechanisms mechanisms();

/// The release of libseccomp that is linked, "2.6.0".
std::string libseccomp_release();

/// Indented by four blanks, with a newline at the end.
std::string features_text(Mechanisms known);

}  // namespace oci::cli
