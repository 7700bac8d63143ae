// SPDX-License-Identifier: Apache-2.0
// linux.resources in the words of cgroup v2: which text goes into which file. Pure: nothing is read or written here.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "oci/spec.hpp"

namespace oci {

/// One write(2) to one file of a cgroup.
struct CgroupWrite {
  std::string file;
  std::string value;
  std::string field;            ///< where it comes from, below linux.resources: "memory.limit"
  bool may_be_missing = false;  ///< without the file there is nothing to limit
  bool after_next = false;      ///< when refused (EINVAL), try again after the write that follows
  std::string instead_file{};   ///< takes instead_value where `file` is missing; may be empty
  std::string instead_value{};
};

struct CgroupLimits {
  std::vector<CgroupWrite> writes;   ///< in the order in which they must happen
  std::vector<std::string> ignored;  ///< fields that mean something on cgroup v1 only, each with the reason
};

/// @throws Error with the field in front when a value makes no sense. Device rules are not limits: see
/// device_filter.hpp.
CgroupLimits cgroup_limits(const Resources& resources);

/// memory.checkBeforeUpdate: @throws Error when `usage` (memory.current) already reaches the limit to be set.
void check_memory_usage(const MemoryLimits& limits, std::uint64_t usage);

/// cpu.shares (2 to 262144, 1024 by default) as cpu.weight (1 to 10000, 100 by default). shares is not 0.
std::uint64_t cpu_weight(std::uint64_t shares) noexcept;

/// The part of a file's name that says which controller it belongs to: "memory" of "memory.swap.max".
inline std::string_view controller_of(std::string_view file) noexcept {
  return file.substr(0, file.find('.'));
}

}  // namespace oci
