// SPDX-License-Identifier: Apache-2.0
// Cgroups that a container manages itself (cgroup-v2.rst, "Delegation").
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "kernel/cgroup.hpp"
#include "oci/spec.hpp"

namespace oci {

/// The uid outside that is the container's process; none when it is not mapped.
std::optional<uid_t> uid_outside(const Spec& spec);

/// Gives the directory to `uid`, and the files that /sys/kernel/cgroup/delegate lists; nothing to do for the caller's.
void delegate(const Cgroup& cgroup, uid_t uid);

/// The annotation run.oci.delegate-cgroup: a cgroup below the container's, for the container to manage. The limits stay
/// those of the cgroup above it, which is the root of the container's cgroup namespace.
class DelegatedCgroup {
 public:
  /// @throws Error where none can be made below `cgroup`, the container's
  DelegatedCgroup(const Spec& spec, std::string cgroup);

  /// Whether the annotation is set.
  bool is_wanted() const noexcept { return !below_.empty(); }
  /// Makes it, gives it to the container's user, and moves `process` there, if the annotation is set.
  void enter(pid_t process) const;

 private:
  std::string cgroup_;
  std::string below_;
  std::optional<uid_t> owner_;
};

}  // namespace oci
