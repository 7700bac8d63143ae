// SPDX-License-Identifier: Apache-2.0
// A terminal for tests.
#pragma once
#include <pty.h>

#include "base/handle.hpp"
#include "support/catch.hpp"

namespace test {

/// Both ends close-on-exec.
struct Pty {
  oci::Fd master, slave;
  Pty() {
    int ends[2];
    REQUIRE(::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr) == 0);
    for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
    master = oci::Fd(ends[0]);
    slave = oci::Fd(ends[1]);
  }
};

}  // namespace test
