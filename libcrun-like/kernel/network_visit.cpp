// SPDX-License-Identifier: Apache-2.0
#include "kernel/network_visit.hpp"

#include <sched.h>
#include <unistd.h>

#include "base/syscalls.hpp"

namespace oci {

NetworkVisit::NetworkVisit(int where) : home_(sys::openat(working_directory, "/proc/self/ns/net", O_RDONLY)) {
  if (::setns(where, CLONE_NEWNET) < 0) throw Error::system("setns to the container's network namespace");
}

NetworkVisit::NetworkVisit(const Pidfd& process) : NetworkVisit(process.get()) {}

NetworkVisit::NetworkVisit(FdRef file) : NetworkVisit(file.get()) {}

NetworkVisit::~NetworkVisit() {
  if (::setns(home_.get(), CLONE_NEWNET) < 0) ::_exit(1);
}

}  // namespace oci
