// SPDX-License-Identifier: Apache-2.0
// Lines of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
#pragma once
#include <string_view>

namespace oci {

/// Fields as they stand there: `root` and `point` want unescape_mountinfo().
struct MountLine {
  std::string_view id;  ///< what statx(2) calls stx_mnt_id
  std::string_view parent;
  std::string_view device;
  std::string_view root;   ///< of the mount, in its file system
  std::string_view point;  ///< below the root of the process whose table it is
  std::string_view options;
  std::string_view type;  ///< empty: the line makes no sense
  std::string_view source;
  std::string_view superblock;  ///< its options
};

/// Takes the first line off the front: "36 35 0:5 / /proc rw,nosuid shared:1 - proc proc rw".
MountLine cut_mount_line(std::string_view& mountinfo) noexcept;

}  // namespace oci
