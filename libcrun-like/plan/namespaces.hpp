// SPDX-License-Identifier: Apache-2.0
// Which namespaces the process is born with, which it enters, and when it has to be born again for that.
#pragma once
#include "oci/spec.hpp"
#include "plan/plan.hpp"

namespace oci {

/// When the process that lives in the container is cloned from the one that prepares it (Fork).
enum class Birth : std::uint8_t {
  direct,  ///< clone3 makes it where it belongs
  early,   ///< right after the namespaces: nobody else is in its pid namespace, and proc must be mounted from within
  late,    ///< when all privileges are gone: others live in its pid namespace and could seize it (SECURITY: the joining
           ///< window)
};

struct NamespacePlan {
  int clone_flags = 0;    ///< CLONE_NEW… for clone3
  int unshare_flags = 0;  ///< CLONE_NEW… afterwards
  int types = 0;          ///< CLONE_NEW… of all that differ from the runtime's: what exec joins
  bool user = false;      ///< a user namespace, new or joined
  bool new_user = false;
  bool keeps_groups = false;  ///< the supplementary groups stay the caller's
  Birth birth = Birth::direct;
};

NamespacePlan plan_namespaces(const Linux& linux);

/// Opens the namespaces with a path. @throws Error "linux.namespaces[2].path: …"
std::vector<OpenNamespace> open_namespaces(const Linux& linux);

/// Whether a namespace with a path is the one that the runtime itself lives in.
bool is_own_namespace(const Namespace& entry);

/// The steps from the process's birth to the moment it stands in all its namespaces. Returns the pid namespace that it
/// joins, -1 when it joins none; the plan owns it.
FdRef add_namespaces(InitPlan& plan, const Linux& linux, const NamespacePlan& namespaces);

}  // namespace oci
