// SPDX-License-Identifier: Apache-2.0
// The order in which a container comes to be: the story of `create`, as the list that its process will perform.
#pragma once
#include "kernel/id_maps.hpp"
#include "oci/spec.hpp"
#include "plan/host.hpp"
#include "plan/plan.hpp"

namespace oci {

/// What create was asked for beside config.json, and what has been prepared for it.
struct CreatePlan {
  const Spec& spec;
  const Host& host;
  std::string id;
  std::string bundle;
  std::string rootfs;  ///< absolute
  std::string cgroup;  ///< absolute directory; empty: none
  bool no_pivot = false;
  bool no_new_keyring = false;
  unsigned preserve_fds = 0;
  std::vector<std::string> extra_env{};
  IdMaps container_ids{};  ///< where needs_container_ids() says so
  std::optional<LoadSeccomp> seccomp{};
  FdRef hook_output{-1};  ///< of createContainer hooks; none: kept for the message of a failure
  FdRef hook_errors{-1};
  std::vector<Fd> resctrl_tasks{};  ///< of the group to join
  Fd start_fifo{};                  ///< empty: the runtime itself says when to start (run)
};

InitPlan plan_create(CreatePlan request);

}  // namespace oci
