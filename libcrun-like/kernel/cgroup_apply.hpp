// SPDX-License-Identifier: Apache-2.0
// Limits on their way into a cgroup: controllers are handed down to it, files are written, and refusals explained.
#pragma once
#include "kernel/cgroup.hpp"
#include "kernel/cgroup_update.hpp"
#include "oci/spec.hpp"

namespace oci {

/// A process born in a frozen cgroup would never report, and one among strangers would be killed with them, or they
/// with it. @throws Error where the cgroup is frozen or has processes
void refuse_unusable(const Cgroup& cgroup);

/// Makes every controller of the host available in `cgroup`, in as far as the cgroups on the way to it let us: what is
/// missing is only an error once a limit needs it. Six system calls when nothing is missing.
void enable_controllers(const CgroupHost& host, const Cgroup& cgroup);

/// Writes the limits of `resources` into a new cgroup; device rules are not among them.
/// @throws Error with the field in front and the cause in words. What was written before stays.
void write_limits(const CgroupHost& host, const Cgroup& cgroup, const Resources& resources);

/// Changes the limits of a cgroup that is in use: what `change` leaves out stays as it is. Everything is written
/// through `journal`, so that the caller can take it back. @throws Error as write_limits()
void change_limits(const CgroupHost& host, const Cgroup& cgroup, const Resources& change, Journal& journal);

/// Why a process could not be born in (CLONE_INTO_CGROUP) or moved to `cgroup`, for the errno that the kernel gave.
/// Empty when there is nothing to add.
std::string why_no_entry(const Cgroup& cgroup, int code);

}  // namespace oci
