// SPDX-License-Identifier: Apache-2.0
// One function per step that builds the container's file system. Each throws Error that says what describe_mount_step()
// says.
#pragma once
#include "init/scene.hpp"
#include "plan/mount_steps.hpp"

namespace oci::init {

// root.cpp
void perform(const SetPropagation& step, Scene& scene);
void perform(const BindRoot& step, Scene& scene);
void perform(const PivotRoot& step, Scene& scene);
void perform(const MoveRoot& step, Scene& scene);
void perform(const ChangeRoot& step, Scene& scene);
void perform(const SetRootPropagation& step, Scene& scene);
void perform(const RemountRootReadonly& step, Scene& scene);

// mounts.cpp
void perform(const MountFilesystem& step, Scene& scene);
void perform(const MakeFilesystem& step, Scene& scene);
void perform(const ChangeMount& step, Scene& scene);

// mounts_bind.cpp
void perform(const BindMount& step, Scene& scene);
void perform(const OpenSource& step, Scene& scene);

// mounts_running.cpp
void perform(const PrepareMountChanges& step, Scene& scene);
void perform(const UseNamespaceRoot& step, Scene& scene);
void perform(const RemoveMount& step, Scene& scene);
/// Unmounts what has been added since PrepareMountChanges; false when something of that is left.
[[nodiscard]] bool take_back(Scene& scene) noexcept;

// devices.cpp
void perform(const MakeDevices& step, Scene& scene);

// masks.cpp
void perform(const MaskPath& step, Scene& scene);
void perform(const ReadonlyPath& step, Scene& scene);

}  // namespace oci::init
