// SPDX-License-Identifier: Apache-2.0
#include "kernel/seccomp_table.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <limits>

namespace oci {
namespace {

using Code = std::vector<sock_filter>;

/// The numbers from `first` up to the next range's.
struct Range {
  std::uint32_t first;
  std::optional<std::uint32_t> answer;  ///< nothing: the rest decides
};

/// The target of a jump to the rest while the distance is not known yet.
constexpr auto to_rest = std::numeric_limits<std::uint32_t>::max();
/// A conditional jump has 8 bits for each of its distances, BPF_JA has 32.
constexpr std::size_t longest_branch = 255;

constexpr sock_filter load(std::size_t offset) {
  return sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(offset)};
}
constexpr sock_filter answer_with(std::uint32_t action) {
  return sock_filter{BPF_RET | BPF_K, 0, 0, action};
}
constexpr sock_filter jump(std::size_t distance) {
  return sock_filter{BPF_JMP | BPF_JA, 0, 0, static_cast<std::uint32_t>(distance)};
}
constexpr sock_filter branch(unsigned condition, std::uint32_t value, std::size_t if_true, std::size_t if_false) {
  return sock_filter{static_cast<std::uint16_t>(BPF_JMP | BPF_K | condition), static_cast<std::uint8_t>(if_true),
                     static_cast<std::uint8_t>(if_false), value};
}

void append(Code& code, const Code& more) {
  code.insert(code.end(), more.begin(), more.end());
}

/// Runs `yes` when the condition holds, else what comes behind it.
void append_if(Code& code, unsigned condition, std::uint32_t value, const Code& yes) {
  if (yes.size() <= longest_branch) {
    code.push_back(branch(condition, value, 0, yes.size()));
  } else {
    code.push_back(branch(condition, value, 1, 0));
    code.push_back(jump(yes.size()));
  }
  append(code, yes);
}

std::vector<Range> ranges_of(const SyscallTable& table) {
  std::vector<Range> ranges{{0, std::nullopt}};
  const auto add = [&](std::uint32_t first, std::optional<std::uint32_t> answer) {
    if (ranges.back().first == first) ranges.pop_back();
    if (ranges.empty() || ranges.back().answer != answer) ranges.push_back({first, answer});
  };
  for (const auto& [number, answer] : table.answers) {
    add(number, answer);
    add(number + 1, std::nullopt);
  }
  if (!table.last) return ranges;
  add(*table.last + 1, SECCOMP_RET_ERRNO | ENOSYS);
  // Without a table for x32, its numbers are no newer system calls but those of an architecture that may not be used.
  if (table.audit_arch == AUDIT_ARCH_X86_64 && !table.x32) add(x32_bit, std::nullopt);
  return ranges;
}

/// Binary search for the number in the accumulator.
Code search(std::span<const Range> ranges) {
  if (ranges.size() == 1) return {ranges.front().answer ? answer_with(*ranges.front().answer) : jump(to_rest)};
  const auto middle = ranges.size() / 2;
  const auto above = search(ranges.subspan(middle));
  const auto below = search(ranges.first(middle));
  Code code;
  append_if(code, BPF_JGE, ranges[middle].first, above);
  append(code, below);
  return code;
}

Code table_code(const SyscallTable& table) {
  auto code = search(ranges_of(table));
  for (std::size_t i = 0; i < code.size(); ++i)
    if (code[i].code == (BPF_JMP | BPF_JA) && code[i].k == to_rest) code[i] = jump(code.size() - i - 1);
  append(code, table.rest);
  return code;
}

/// Every table of one AUDIT_ARCH: one, or on x86-64 two.
Code arch_code(std::span<const SyscallTable> tables, std::uint32_t audit_arch) {
  Code code{load(offsetof(seccomp_data, nr))};
  for (const auto& table : tables)
    if (table.audit_arch == audit_arch && table.x32) append_if(code, BPF_JSET, x32_bit, table_code(table));
  for (const auto& table : tables)
    if (table.audit_arch == audit_arch && !table.x32) append(code, table_code(table));
  code.push_back(answer_with(SECCOMP_RET_KILL_THREAD));  // x32 alone was asked for, and this is not x32
  return code;
}

}  // namespace

std::vector<sock_filter> join_tables(std::span<const SyscallTable> tables) {
  Code code{load(offsetof(seccomp_data, arch))};
  for (auto table = tables.begin(); table != tables.end(); ++table) {
    const auto same_arch = [&](const SyscallTable& other) { return other.audit_arch == table->audit_arch; };
    if (std::none_of(tables.begin(), table, same_arch))
      append_if(code, BPF_JEQ, table->audit_arch, arch_code(tables, table->audit_arch));
  }
  code.push_back(answer_with(SECCOMP_RET_KILL_THREAD));
  return code;
}

}  // namespace oci
