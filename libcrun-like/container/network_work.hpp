// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "container/launch.hpp"

namespace oci {

/// Does what the plan leaves to the runtime in the container's network namespace (plan/network_work.hpp), or tells the
/// child to do it. @throws Error when it cannot raise the loopback interface
void do_network_work(Child& child);

}  // namespace oci
