// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "oci/spec.hpp"
#include "plan/mounts.hpp"

namespace oci {

/// The nodes and links that every container has (config-linux.md, "Default Devices" and "Dev symbolic links"), then
/// linux.devices, gathered by directory.
void add_devices(InitPlan& plan, const Spec& spec, const MountHost& host);

/// The nodes among them, by their paths.
std::vector<std::string> device_paths(const Spec& spec);

}  // namespace oci
