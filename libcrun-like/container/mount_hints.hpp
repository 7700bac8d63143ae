// SPDX-License-Identifier: Apache-2.0
// Why the kernel refuses a mount in a user namespace, where its errno alone does not tell.
#pragma once
#include <string>

#include "plan/plan.hpp"

namespace oci {

/// "; the cause: what changes it", to be added to what the step said; empty when there is nothing to add.
std::string mount_hint(const Action& action, int code);

}  // namespace oci
