// SPDX-License-Identifier: Apache-2.0
// /proc/PID/mountinfo (proc_pid_mountinfo(5)) as a table. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace oci {

struct MountEntry {
  std::uint64_t id = 0;  ///< what statx(2) calls stx_mnt_id
  std::string root;      ///< of the mount, in its file system
  std::string point;     ///< below the root of the process whose table it is
  std::string type;
};

/// Every mount of the table, in its order. Lines that make no sense are left out.
std::vector<MountEntry> parse_mountinfo(std::string_view text);

/// `path` is `directory` or below it; both are clean and absolute.
bool is_at_or_below(std::string_view path, std::string_view directory) noexcept;

}  // namespace oci
