// SPDX-License-Identifier: Apache-2.0
// The system call filter: from the profile in config.json to the program that seccomp(2) takes (config-linux.md,
// "Seccomp").
#pragma once
#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oci/spec.hpp"

namespace oci {

/// What the container's process hands to seccomp(2), SECCOMP_SET_MODE_FILTER, in one raw call.
struct SeccompProgram {
  std::vector<sock_filter> filter;  ///< never empty, at most BPF_MAXINSNS long
  unsigned flags = 0;               ///< SECCOMP_FILTER_FLAG_*; NEW_LISTENER is among them when the profile notifies
  bool notifies = false;            ///< seccomp(2) returns a descriptor that belongs to the agent at listenerPath
};

/// What becomes of a rule for a system call whose name libseccomp does not know.
enum class UnknownCalls : std::uint8_t { left_out, refused };

/// Compiles the profile, or takes what an earlier call left in `cache_dir`. An empty or unusable `cache_dir` costs time
/// only.
/// @throws Error that starts with the JSON path: "linux.seccomp.syscalls[3].errnoRet: …"
SeccompProgram seccomp_program(const Seccomp& profile, const std::string& cache_dir,
                               UnknownCalls unknown = UnknownCalls::left_out);

/// A word of config.json and the number behind it.
struct SeccompName {
  std::string_view name;
  std::uint32_t number;
};
/// Everything the code above accepts, sorted by name; `features` prints it.
std::span<const SeccompName> seccomp_actions() noexcept;        ///< SCMP_ACT_*: SECCOMP_RET_* without a value
std::span<const SeccompName> seccomp_operators() noexcept;      ///< SCMP_CMP_*: enum scmp_compare
std::span<const SeccompName> seccomp_architectures() noexcept;  ///< SCMP_ARCH_*: libseccomp's tokens
/// SECCOMP_FILTER_FLAG_*. Known and supported are the same here: the filter is loaded without libseccomp, so the kernel
/// alone decides, and seccomp_program refuses a flag that it does not have.
std::span<const SeccompName> seccomp_flags() noexcept;

/// "2.5.4": of the libseccomp in use.
std::string libseccomp_version();

}  // namespace oci
