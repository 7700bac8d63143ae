// SPDX-License-Identifier: Apache-2.0
// Profiles, a child to try filters in, and an interpreter for the filters that no child here can try.
#pragma once
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernel/seccomp.hpp"

namespace test {

inline constexpr long unused_number = 1000;  // no kernel has it

/// How a system call under a filter ended.
struct Outcome {
  int error = -1;  ///< its errno, 0 for success, -1 when it did not return
  int signal = 0;  ///< what killed the process
};

/// Loads the filter into a child as the container's process does, and makes the call there.
Outcome under(const oci::SeccompProgram& program, const std::function<long()>& call);
Outcome under(const oci::Seccomp& profile, const std::function<long()>& call);

/// What the kernel does with the program: the instructions that libseccomp and we use.
std::uint32_t evaluate(const std::vector<sock_filter>& program, const seccomp_data& call);
seccomp_data call_of(std::uint32_t arch, std::uint32_t number, std::uint64_t first = 0, std::uint64_t third = 0);

oci::SeccompSyscall rule(std::vector<std::string> names, std::string action, std::vector<oci::SeccompArg> args = {});
/// SCMP_ACT_ERRNO unless a rule says otherwise.
oci::Seccomp deny(std::vector<oci::SeccompSyscall> rules);
oci::Seccomp allow(std::vector<oci::SeccompSyscall> rules);

/// Podman's default profile where it is installed, else one of the same size.
oci::Seccomp real_profile();

}  // namespace test
