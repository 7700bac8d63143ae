// SPDX-License-Identifier: Apache-2.0
// The seccomp filter of a container's processes, and the agent that is notified of their calls.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/handle.hpp"
#include "oci/spec.hpp"
#include "plan/hooks.hpp"
#include "plan/plan.hpp"

namespace oci {

/// Who gets the listener: the socket at linux.seccomp.listenerPath.
struct SeccompAgent {
  std::string path;
  std::string metadata;
};

struct ContainerFilter {
  LoadSeccomp step;
  std::optional<SeccompAgent> agent;  ///< when an action is SCMP_ACT_NOTIFY
};

/// Nothing without linux.seccomp. Also what crun's annotations say: run.oci.seccomp.receiver (and then
/// $RUN_OCI_SECCOMP_RECEIVER) where listenerPath is empty, run.oci.seccomp_fail_unknown_syscall. @throws Error
std::optional<ContainerFilter> container_filter(const Linux& linux,
                                                const std::map<std::string, std::string>& annotations,
                                                const std::string& cache_dir);

/// Gives a listener to the agent: one connection, one message (config-linux.md, "ContainerProcessState"). `process`:
/// the one that loaded the filter, or became it by a Fork. `first_process`: the container's; 0 if it is that one.
/// @throws Error "failed to connect with seccomp agent specified in the seccomp profile: …"
void send_listener(const SeccompAgent& agent, FdRef listener, const StateTemplate& state, pid_t process,
                   pid_t first_process = 0);

}  // namespace oci
