// SPDX-License-Identifier: Apache-2.0
// The order in which one more process enters a container.
#pragma once
#include "oci/spec.hpp"
#include "plan/host.hpp"
#include "plan/plan.hpp"

namespace oci {

struct ExecPlan {
  const Process& process;
  const Linux& linux;  ///< as the container was created with
  const Host& host;
  std::string id;
  FdRef first_process;              ///< pidfd: its namespaces are joined
  int namespaces = 0;               ///< CLONE_NEW… of those that differ from the runtime's
  Fd root{};                        ///< where the container has no mount namespace; otherwise empty
  bool terminal_is_copied = false;  ///< by the runtime, which gives it the caller's size first
  bool awaits_affinity = false;     ///< the runtime sets process.execCPUAffinity.initial from outside
  bool no_new_keyring = false;
  bool keeps_groups = false;  ///< the caller's supplementary groups stay
  unsigned preserve_fds = 0;
  std::optional<LoadSeccomp> seccomp{};
  std::vector<Fd> resctrl_tasks{};  ///< of the container's group
};

InitPlan plan_exec(ExecPlan request);

}  // namespace oci
