// SPDX-License-Identifier: Apache-2.0
// What a system call filter will say to a call, before it is in force.
#pragma once
#include <linux/audit.h>
#include <linux/filter.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace oci {

/// What seccomp_data.arch is for this program's own calls; 0, which no architecture has, where that is not known here.
#if defined __x86_64__ && !defined __ILP32__
inline constexpr std::uint32_t native_audit_arch = AUDIT_ARCH_X86_64;
#elif defined __i386__
inline constexpr std::uint32_t native_audit_arch = AUDIT_ARCH_I386;
#elif defined __aarch64__ && defined __AARCH64EL__ && !defined __ILP32__
inline constexpr std::uint32_t native_audit_arch = AUDIT_ARCH_AARCH64;
#elif defined __arm__ && defined __ARMEL__
inline constexpr std::uint32_t native_audit_arch = AUDIT_ARCH_ARM;
#elif defined __riscv && __riscv_xlen == 64
inline constexpr std::uint32_t native_audit_arch = AUDIT_ARCH_RISCV64;
#elif defined __s390x__
inline constexpr std::uint32_t native_audit_arch = AUDIT_ARCH_S390X;
#elif defined __powerpc64__ && defined __LITTLE_ENDIAN__
inline constexpr std::uint32_t native_audit_arch = AUDIT_ARCH_PPC64LE;
#else
inline constexpr std::uint32_t native_audit_arch = 0;
#endif

/// A system call of this machine's own architecture. Arguments without a value are not known beforehand: addresses,
/// descriptors, process ids.
struct ForeseenCall {
  long number = 0;
  std::array<std::optional<std::uint64_t>, 6> args{};
};

/// What the filter returns for the call: SECCOMP_RET_* and its value. Nothing when that depends on what is not known,
/// or when the program has an instruction beyond those of libseccomp's programs and ours (loads of words, AND, jumps,
/// returns).
std::optional<std::uint32_t> verdict(std::span<const sock_filter> filter, const ForeseenCall& call) noexcept;

/// Whether the call will be performed for sure, as if there was no filter (SECCOMP_RET_ALLOW, SECCOMP_RET_LOG).
bool lets_through(std::span<const sock_filter> filter, const ForeseenCall& call) noexcept;

}  // namespace oci
