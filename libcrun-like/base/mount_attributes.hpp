// SPDX-License-Identifier: Apache-2.0
// The flags of a mount, as mount_setattr(2) and mount(2) count them, and as people write them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace oci {

/// What is asked of a mount beyond its file system's own parameters. Bits are MOUNT_ATTR_*; `clear` goes before `set`,
/// and has all of MOUNT_ATTR__ATIME whenever the access times' mode is chosen (mount_setattr(2)).
struct MountAttributes {
  std::uint64_t set = 0;
  std::uint64_t clear = 0;
  std::uint64_t recursive_set = 0;  ///< these two for every mount below as well: "rro", "rnosuid"
  std::uint64_t recursive_clear = 0;
  unsigned long superblock = 0;  ///< MS_SYNCHRONOUS and the like: of the file system, so binds have no say in them
  std::vector<unsigned long> propagation{};  ///< MS_SHARED | MS_REC, …: one change each, in the order given
};

/// "ro,nosuid,rnoexec,sync,rprivate", the way an option list would say it; empty when nothing is asked.
std::string in_words(const MountAttributes& attributes);

/// "rslave" for MS_SLAVE | MS_REC.
std::string propagation_in_words(unsigned long flags);

}  // namespace oci
