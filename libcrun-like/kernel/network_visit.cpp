// SPDX-License-Identifier: Apache-2.0
#include "kernel/network_visit.hpp"

#include <sched.h>
#include <unistd.h>

#include "base/log.hpp"
#include "base/syscalls.hpp"

namespace oci {

NetworkVisit::NetworkVisit(int where) : home_(sys::openat(working_directory, "/proc/self/ns/net", O_RDONLY)) {
  // Who may not enter it would not come back: in a user namespace the host's network is somebody else's (setns(2)).
  if (::setns(home_.get(), CLONE_NEWNET) < 0) throw Error::system("setns to the own network namespace");
  if (::setns(where, CLONE_NEWNET) < 0) throw Error::system("setns to the container's network namespace");
}

NetworkVisit::NetworkVisit(const Pidfd& process) : NetworkVisit(process.get()) {}

NetworkVisit::NetworkVisit(FdRef file) : NetworkVisit(file.get()) {}

NetworkVisit::~NetworkVisit() {
  if (!home_ || ::setns(home_.get(), CLONE_NEWNET) == 0) return;
  log::fatal("cannot return from the container's network namespace");
  ::_exit(1);
}

void NetworkVisit::end() {
  if (::setns(home_.get(), CLONE_NEWNET) < 0) throw Error::system("return from the container's network namespace");
  home_.reset();
}

}  // namespace oci
