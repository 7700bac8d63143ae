// SPDX-License-Identifier: Apache-2.0
// The mount that a step makes, or prepares.
#pragma once
#include "plan/plan.hpp"

namespace oci {

/// Of BindMount and OpenSource; else none.
const BindMount* bind_of(const Action& action) noexcept;
/// Of MountFilesystem and MakeFilesystem; else none.
const MountFilesystem* filesystem_of(const Action& action) noexcept;

}  // namespace oci
