// SPDX-License-Identifier: Apache-2.0
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "init/network.hpp"
#include "init/perform_network.hpp"
#include "oci/error.hpp"

namespace oci::init {

void raise_loopback() {
  // netdevice(7): any socket will do, and one of AF_UNIX is there without an IP stack. The flags need not be read
  // first: of those that SIOCSIFFLAGS replaces, lo has none but IFF_UP.
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) throw Error::system("socket");
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) throw Error::system("set lo up (SIOCSIFFLAGS)");
}

void perform(const RaiseLoopback& raise, Scene& scene) {
  // It says so once it is in the namespace. Should it fail there, the container ends with it.
  if (raise.left_to_runtime && runtime_does_network(scene)) return;
  raise_loopback();
}

}  // namespace oci::init
