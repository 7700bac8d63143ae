// SPDX-License-Identifier: Apache-2.0
#include "kernel/seccomp_verdict.hpp"

#include <linux/seccomp.h>

#include <bit>
#include <cstddef>

namespace oci {
namespace {

using Word = std::optional<std::uint32_t>;

/// One word of struct seccomp_data.
Word word_at(const ForeseenCall& call, std::uint32_t offset) noexcept {
  if (offset == offsetof(seccomp_data, nr)) return static_cast<std::uint32_t>(call.number);
  if (offset == offsetof(seccomp_data, arch)) return native_audit_arch != 0 ? Word(native_audit_arch) : std::nullopt;
  static constexpr std::uint32_t first = offsetof(seccomp_data, args);
  if (offset < first || offset % sizeof(std::uint32_t) != 0) return std::nullopt;
  const auto index = (offset - first) / sizeof(std::uint64_t);
  if (index >= call.args.size() || !call.args[index]) return std::nullopt;
  const bool second_half = (offset - first) % sizeof(std::uint64_t) != 0;
  const bool high = second_half == (std::endian::native == std::endian::little);
  return static_cast<std::uint32_t>(high ? *call.args[index] >> 32U : *call.args[index]);
}

/// Whether a conditional jump is taken; nothing for one that is not known here.
std::optional<bool> holds(unsigned condition, std::uint32_t accumulator, std::uint32_t value) noexcept {
  switch (condition) {
    case BPF_JEQ:
      return accumulator == value;
    case BPF_JGE:
      return accumulator >= value;
    case BPF_JGT:
      return accumulator > value;
    case BPF_JSET:
      return (accumulator & value) != 0;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<std::uint32_t> verdict(std::span<const sock_filter> filter, const ForeseenCall& call) noexcept {
  Word accumulator;
  // Jumps lead forward only: this ends.
  for (std::size_t at = 0; at < filter.size(); ++at) {
    const auto& [code, if_true, if_false, value] = filter[at];
    switch (code) {
      case BPF_LD | BPF_W | BPF_ABS:
        accumulator = word_at(call, value);
        continue;
      case BPF_ALU | BPF_AND | BPF_K:
        if (accumulator) *accumulator &= value;
        continue;
      case BPF_JMP | BPF_JA:
        at += value;
        continue;
      case BPF_RET | BPF_K:
        return value;
      default:
        break;
    }
    if (BPF_CLASS(code) != BPF_JMP || BPF_SRC(code) != BPF_K || !accumulator) return std::nullopt;
    const auto jumps = holds(BPF_OP(code), *accumulator, value);
    if (!jumps) return std::nullopt;
    at += *jumps ? if_true : if_false;
  }
  return std::nullopt;
}

bool lets_through(std::span<const sock_filter> filter, const ForeseenCall& call) noexcept {
  const auto answer = verdict(filter, call);
  if (!answer) return false;
  const auto action = *answer & SECCOMP_RET_ACTION_FULL;
  return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

}  // namespace oci
