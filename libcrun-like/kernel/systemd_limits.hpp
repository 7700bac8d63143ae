// SPDX-License-Identifier: Apache-2.0
// Limits and device rules in systemd's words, so that it sets what the runtime has written to the cgroup's files
// whenever it writes them itself (`systemctl daemon-reload`, systemd.resource-control(5)). Pure.
#pragma once
#include <vector>

#include "kernel/cgroup_limits.hpp"
#include "kernel/systemd_properties.hpp"
#include "oci/spec.hpp"

namespace oci {

/// Who divides the disk's time: systemd knows one weight, on a scale of its own, and writes both files with it.
enum class IoScheduler : std::uint8_t { bfq, other };

/// The properties that stand for `limits`, as far as systemd has any for their files; linux.resources.unified is among
/// them. @throws Error with the field in front when a value makes no sense
SystemdProperties limit_properties(const CgroupLimits& limits, IoScheduler scheduler);

/// systemd counts CPUQuota= in steps of 10 ms per second. A quota between two is rounded up, here and in the cgroup's
/// file, or the container's limit would change with the next daemon-reload.
Resources with_systemd_quota(Resources resources);

/// DevicePolicy= and DeviceAllow= for `rules` (effective_device_rules()). Rules that need a denial cannot be said to
/// systemd, which then allows everything: the runtime's own program is attached in any case, and all must agree.
SystemdProperties device_properties(const std::vector<DeviceRule>& rules);

/// "0-3,8" as systemd wants it: bit n of byte n/8 stands for number n. @throws Error
std::vector<std::uint8_t> number_mask(std::string_view list);

}  // namespace oci
