// SPDX-License-Identifier: Apache-2.0
#include "kernel/network_visit.hpp"

#include <sched.h>
#include <unistd.h>

#include "base/log.hpp"
#include "base/syscalls.hpp"

namespace oci {

NetworkVisit::NetworkVisit() : home_(sys::openat(working_directory, "/proc/self/ns/net", O_RDONLY)) {
  // In a user namespace the host's network is somebody else's: who may not enter it would not come back (setns(2)).
  if (::setns(home_.get(), CLONE_NEWNET) < 0) throw Error::system("setns to the own network namespace");
}

NetworkVisit::~NetworkVisit() {
  if (!away_ || ::setns(home_.get(), CLONE_NEWNET) == 0) return;
  log::fatal("cannot return from the container's network namespace");
  ::_exit(1);
}

void NetworkVisit::begin(int where) {
  if (::setns(where, CLONE_NEWNET) < 0) throw Error::system("setns to the container's network namespace");
  away_ = true;
}

void NetworkVisit::end() {
  if (::setns(home_.get(), CLONE_NEWNET) < 0) throw Error::system("return from the container's network namespace");
  away_ = false;
}

}  // namespace oci
