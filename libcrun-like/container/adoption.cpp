// SPDX-License-Identifier: Apache-2.0
#include "container/adoption.hpp"

#include <sys/resource.h>

#include "init/scheduling.hpp"
#include "kernel/cgroup_manager.hpp"
#include "kernel/id_maps.hpp"
#include "oci/error.hpp"
#include "spec/names.hpp"

namespace oci {
namespace {

/// Only what needs our privileges: the child sets the rest, when it no longer needs descriptors for its mounts.
void raise_limit(pid_t pid, const Rlimit& limit) {
  const auto resource = static_cast<__rlimit_resource_t>(*find_rlimit(limit.type));
  rlimit current{};
  ::getrlimit(resource, &current);
  if (limit.hard <= current.rlim_max) return;
  const rlimit raised{current.rlim_cur, limit.hard};
  if (::prlimit(pid, static_cast<__rlimit_resource>(resource), &raised, nullptr) == 0) return;
  const int code = errno;
  const auto hint = " from the caller's hard limit of " + std::to_string(current.rlim_max) + " to " +
                    std::to_string(limit.hard) +
                    (code == EPERM ? " (that takes CAP_SYS_RESOURCE; limits.conf(5) can give a user more)" : "");
  throw Error::system("process.rlimits: raise " + limit.type + hint, code);
}

}  // namespace

void adopt(pid_t pid, const Spec& spec) {
  at_path([] { return "linux"; }, [&] { write_id_maps(pid, spec.linux.uid_mappings, spec.linux.gid_mappings); });
  const auto& process = *spec.process;
  if (process.oom_score_adj)
    in_context([] { return std::string("process.oomScoreAdj"); },
               [&] { init::set_oom_score(std::to_string(pid), *process.oom_score_adj, is_unprivileged()); });
  for (const auto& limit : process.rlimits) raise_limit(pid, limit);
}

}  // namespace oci
