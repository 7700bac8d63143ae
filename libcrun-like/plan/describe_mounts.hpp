// SPDX-License-Identifier: Apache-2.0
// The mount steps as one line each: "bind /a at /b (rbind,ro,nosuid)". Golden tests, --debug and error messages show
// them.
#pragma once
#include <string>

#include "plan/mount_steps.hpp"

namespace oci {

std::string describe_mount_step(const SetPropagation& step);
std::string describe_mount_step(const BindRoot& step);
std::string describe_mount_step(const MountFilesystem& step);
std::string describe_mount_step(const BindMount& step);
std::string describe_mount_step(const PrepareMountChanges& step);
std::string describe_mount_step(const OpenSource& step);
std::string describe_mount_step(const MakeFilesystem& step);
std::string describe_mount_step(const UseNamespaceRoot& step);
std::string describe_mount_step(const RemoveMount& step);
std::string describe_mount_step(const ChangeMount& step);
std::string describe_mount_step(const MakeDevices& step);
std::string describe_mount_step(const MaskPath& step);
std::string describe_mount_step(const ReadonlyPath& step);
std::string describe_mount_step(const RemountRootReadonly& step);
std::string describe_mount_step(const PivotRoot& step);
std::string describe_mount_step(const MoveRoot& step);
std::string describe_mount_step(const ChangeRoot& step);
std::string describe_mount_step(const SetRootPropagation& step);

/// "device /dev/null (c 1:3, 0666)"
std::string describe_device(const std::string& directory, const DeviceNode& node);

}  // namespace oci
