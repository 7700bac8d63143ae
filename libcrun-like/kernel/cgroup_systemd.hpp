// SPDX-License-Identifier: Apache-2.0
// The cgroup driver that lets systemd make the cgroup, as a scope of its own (systemd.scope(5)).
#pragma once
#include <memory>
#include <string>

#include "kernel/cgroup_manager.hpp"

namespace oci {

std::unique_ptr<CgroupManager> make_systemd_manager(CgroupHost host, const std::string& id, const Spec& spec);

/// The properties for all limits of `resources`. @throws Error with the field in front
SystemdProperties limit_properties(const CgroupHost& host, const Resources& resources);

/// A change of limits as systemd makes it: its steps of a quota, and a weight that ends an idle cgroup's idleness.
Resources as_systemd_changes(const Cgroup& cgroup, Resources change);

}  // namespace oci
