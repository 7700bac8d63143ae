// SPDX-License-Identifier: Apache-2.0
// Whether descriptors leak.
#pragma once
#include <fcntl.h>

namespace test {

/// Counted by this process: a child would find those, too, that it was given and that are closed only now.
inline int open_descriptors() {
  static constexpr int most = 1024;
  int count = 0;
  for (int fd = 0; fd < most; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

}  // namespace test
