// SPDX-License-Identifier: Apache-2.0
#include "spec/sysctl.hpp"

#include "oci/error.hpp"
#include "support/catch.hpp"

using namespace oci;

TEST_CASE("a setting is named with dots or with slashes, and a slash first makes dots part of names") {
  CHECK(sysctl_file("net.ipv4.ip_forward") == "net/ipv4/ip_forward");
  CHECK(sysctl_file("net/ipv4/ip_forward") == "net/ipv4/ip_forward");
  CHECK(sysctl_file("net/ipv4/conf/eth0.1/forwarding") == "net/ipv4/conf/eth0.1/forwarding");
  CHECK(sysctl_file("net.ipv4.conf.eth0/1.forwarding") == "net/ipv4/conf/eth0.1/forwarding");
}

TEST_CASE("no spelling of a setting leads out of its directory") {
  for (const auto* name : {"", ".", "..", "/", "net..x", "net.//.kernel.core_pattern", "net/../kernel/core_pattern",
                           "net/./x", "/net/x", "net/x/", "net.", ".net"}) {
    INFO(name);
    CHECK_THROWS_AS(sysctl_file(name), Error);
  }
}

TEST_CASE("each setting has the namespace that keeps it apart, or is refused") {
  CHECK(sysctl_namespace("net/core/somaxconn") == NamespaceType::network);
  CHECK(sysctl_namespace("kernel/shmmax") == NamespaceType::ipc);
  CHECK(sysctl_namespace("fs/mqueue/msg_max") == NamespaceType::ipc);
  CHECK(sysctl_namespace("kernel/domainname") == NamespaceType::uts);
  CHECK(sysctl_namespace("user/max_user_namespaces") == NamespaceType::user);
  for (const auto* file : {"kernel/core_pattern", "vm/swappiness", "kernel/hostname", "network/x", "fs/mqueuex"})
    CHECK_THROWS_AS(sysctl_namespace(file), Error);
}
