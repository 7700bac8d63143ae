// SPDX-License-Identifier: Apache-2.0
// What the runtime itself is allowed to do here: facts that plans depend on, as values, so that a test can make them
// up.
#pragma once
#include <sys/types.h>

#include <cstdint>

namespace oci {

struct Host {
  uid_t euid = 0;
  bool in_user_namespace = false;      ///< the runtime is not in the initial one: no mknod, no mounting of everything
  bool may_set_groups = true;          ///< user_namespaces(7): /proc/self/setgroups does not say "deny"
  bool has_kcore = false;              ///< /proc/kcore exists, so /dev/core points to it
  std::uint64_t capabilities = ~0ULL;  ///< permitted to the runtime; bit n stands for capability n

  /// This process, now.
  static Host probe();
};

/// Whether AppArmor confines programs on this kernel, and whether SELinux does.
bool has_apparmor();
bool has_selinux();

}  // namespace oci
