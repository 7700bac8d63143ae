// SPDX-License-Identifier: Apache-2.0
// The cgroup driver that lets systemd make the cgroup, as a scope of its own (systemd.scope(5)).
#pragma once
#include <memory>
#include <string>

#include "kernel/cgroup_manager.hpp"

namespace oci {

std::unique_ptr<CgroupManager> make_systemd_manager(CgroupHost host, const std::string& id, const Spec& spec);

}  // namespace oci
