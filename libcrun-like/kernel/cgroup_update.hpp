// SPDX-License-Identifier: Apache-2.0
// Changing the limits of a cgroup that has some: what a change leaves as it is, and how one is taken back. The kernel
// remembers the limits, so nobody else has to. Pure, but for present_limits() and Journal.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/cgroup.hpp"
#include "kernel/cgroup_limits.hpp"
#include "oci/spec.hpp"

namespace oci {

/// What the kernel says now of limits that are written together with another one, or counted in another one.
struct PresentLimits {
  std::optional<std::int64_t> memory;   ///< memory.max in bytes; absent: no limit, or no such file
  std::optional<std::int64_t> quota;    ///< cpu.max in microseconds, -1 for "max"
  std::optional<std::uint64_t> period;  ///< microseconds
};

/// Reads what completed() needs for this very change, and no more.
PresentLimits present_limits(const Cgroup& cgroup, const Resources& change);

/// `change`, with what it has to repeat of the present limits: the other half of cpu.max, and the limit of memory that
/// memory.swap includes.
Resources completed(Resources change, const PresentLimits& present);

/// What has to be written to `file`, which read `before`, to take back that `value` was written to it; empty when
/// nothing can do that.
std::string taking_back(std::string_view file, std::string_view value, std::string_view before);

/// Writes to a cgroup, remembering what was there before.
class Journal {
 public:
  explicit Journal(const Cgroup& cgroup) : cgroup_(cgroup) {}

  /// The errno, or 0.
  int write(const std::string& file, const std::string& value);
  /// Takes everything back, last write first. What cannot be taken back is a warning in the log.
  void undo() noexcept;

 private:
  struct Entry {
    std::string file;
    std::string value;
  };
  void remember(std::vector<Entry>& entries, const std::string& file, const std::string& value) const;

  const Cgroup& cgroup_;
  std::vector<Entry> entries_;
};

}  // namespace oci
