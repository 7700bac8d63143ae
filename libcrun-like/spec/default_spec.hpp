// SPDX-License-Identifier: Apache-2.0
// The config.json that `spec` writes: a container to begin with, which runs sh on a terminal.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace oci {

/// The newest release of the runtime specification that is understood.
inline constexpr std::string_view implemented_spec = "1.3.0";

/// Who an ordinary user's container runs as on the host: its root is this user.
struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// Indented by tabs, with a newline at the end. Engines' tests edit this text, so its members are a promise
/// (docs/spec.md). `cgroup_namespace`: false on cgroup v1, where one hides too little to be worth it.
std::string default_spec(bool cgroup_namespace, const std::optional<Owner>& rootless);

}  // namespace oci
