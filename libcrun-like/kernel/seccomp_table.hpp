// SPDX-License-Identifier: Apache-2.0
// One BPF program out of several: a decision by architecture and system call number, and libseccomp's programs for the
// rest.
#pragma once
#include <linux/filter.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace oci {

/// x32 has x86-64's AUDIT_ARCH and sets this bit in its numbers (__X32_SYSCALL_BIT).
inline constexpr std::uint32_t x32_bit = 0x40000000;

/// What becomes of the system calls of one architecture.
struct SyscallTable {
  std::uint32_t audit_arch = 0;  ///< AUDIT_ARCH_*, as seccomp_data has it
  bool x32 = false;              ///< all numbers have x32_bit; else none has
  /// Numbers whose answer (SECCOMP_RET_* and its value) does not depend on the arguments.
  std::map<std::uint32_t, std::uint32_t> answers;
  /// Numbers above this one get ENOSYS: the profile is older than they are, and a C library that tries clone3 or
  /// faccessat2 falls back to what came before only on ENOSYS, not on EPERM. Nothing: no number does.
  std::optional<std::uint32_t> last;
  std::vector<sock_filter> rest;  ///< decides everything else
};

/// The whole filter. A system call of an architecture without a table kills its thread, as libseccomp has it.
/// Made of loads, jumps and returns only: what the kernel can evaluate beforehand, so that calls which are always
/// allowed do not run the filter at all (seccomp_is_const_allow() in kernel/seccomp.c, since 5.11).
std::vector<sock_filter> join_tables(std::span<const SyscallTable> tables);

}  // namespace oci
