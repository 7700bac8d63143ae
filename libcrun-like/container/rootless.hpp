// SPDX-License-Identifier: Apache-2.0
// What is different where an ordinary user calls the runtime (docs/rootless.md).
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "oci/spec.hpp"
#include "plan/host.hpp"

namespace oci {

/// For a caller that is not root. A config.json without a user namespace, written for root, gets one, as crun does it:
/// the caller is the container's root, and what is subordinate to him comes behind. Warns of what he could have and has
/// not. `host` learns whether setgroups(2) will be allowed in there.
/// @throws Error naming the field that cannot be had, and the one line that changes that
void adapt_to_caller(Spec& spec, Host& host);

/// For a container that has got no cgroup: without privileges nothing else would keep its processes together.
void warn_of_shared_pids(const Spec& spec, const Host& host);

/// Why the kernel makes no user namespace for this caller, from the contents of the files of /proc/sys that say so;
/// empty where they are not there. The result ends with the one line that changes it, and is empty when they do not
/// tell.
struct UserNamespaceSwitches {
  std::string clone;     ///< kernel.unprivileged_userns_clone, Debian's
  std::string most;      ///< user.max_user_namespaces
  std::string apparmor;  ///< kernel.apparmor_restrict_unprivileged_userns
};
std::string why_no_user_namespace(const UserNamespaceSwitches& switches);
/// Of this machine, for the errno of clone3(2).
std::string why_no_user_namespace(int code);

/// Whether processes of the user namespace that `pid` lives in may change their groups (user_namespaces(7)).
bool may_set_groups_beside(pid_t pid);

/// What ids there are, as values, so that a test can make them up.
struct OwnIds {
  std::vector<IdMapping> uids;
  std::vector<IdMapping> gids;
  std::string limitation;  ///< why there are no more than these, with the one line that changes it; empty: all is well
};
/// The decision itself, without a look at this process.
void add_user_namespace(Spec& spec, const OwnIds& ids);

}  // namespace oci
