// SPDX-License-Identifier: Apache-2.0
// What a system call filter will say to a call, before it is in force.
#pragma once
#include <linux/filter.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace oci {

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
