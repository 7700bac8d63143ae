// SPDX-License-Identifier: Apache-2.0
// The one way to a path of the container: below a descriptor of its root, resolved by openat2(2) as if that were "/".
// Neither an absolute link nor ".." nor a link of /proc leads out of it, whatever moves while the lookup runs
// (CVE-2019-18837, CVE-2021-30465, CVE-2024-45310). There is no second implementation for kernels without openat2: it
// would be where the holes are.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/handle.hpp"
#include "base/syscalls.hpp"

namespace oci {

enum class Links : std::uint8_t {
  follow,  ///< inside the root
  refuse,  ///< ELOOP where any component is one
};

/// Opens what exists. Paths are the container's, with or without a leading slash.
/// @throws Error only where openat2 itself is missing
sys::TriedFd try_open_in_root(FdRef root, const std::string& path, int flags, Links links = Links::follow);
/// @throws Error "open PATH in the container's root (O_PATH): …"
Fd open_in_root(FdRef root, const std::string& path, int flags, Links links = Links::follow);

enum class Missing : std::uint8_t { directory, file };

/// Makes `path`, which a lookup did not find, and the directories above it (0755 less the umask; a file 0644); answers
/// with a descriptor of it. A link that leads nowhere has its target made, inside the root, as runc does. What appeared
/// in the meantime is taken as it is.
Fd make_in_root(FdRef root, const std::string& path, Missing kind);

/// A place in a directory. What is done by this descriptor and name cannot be led elsewhere, as long as no last link is
/// followed.
struct RootedEntry {
  Fd directory;
  std::string name;
};
/// Opens the directory that holds `path`, made when it is missing.
RootedEntry open_parent_in_root(FdRef root, const std::string& path);

}  // namespace oci
