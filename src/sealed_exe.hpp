// SPDX-License-Identifier: Apache-2.0
// Protection of the runtime's own file against the containers it makes (CVE-2019-5736).
#pragma once

namespace oci {

/// Makes /proc/PID/exe of this process, and of every process that descends from it without execve, useless for writing
/// to the file behind it. To be called first thing by every command that enters a container, before arguments,
/// environment or threads come into play: it may execute the program again, from a sealed copy. Costs nothing where the
/// file is out of everybody's reach already. @throws Error when it is not, and cannot be protected either
void seal_executable();

/// Whether /proc/self/exe is read-only for everyone who comes to it through this process.
bool is_executable_sealed() noexcept;

}  // namespace oci
