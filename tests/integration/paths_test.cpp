// SPDX-License-Identifier: Apache-2.0
// config-linux.md, "Masked Paths", "Readonly Paths", "Sysctl".
#include <sys/stat.h>
#include <unistd.h>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::line_with;
using namespace Catch::Matchers;

TEST_CASE("a masked file reads as nothing and cannot be written") {
  Bundle b;
  test::spill(b.rootfs("secret"), "the secret");
  b.set("linux.maskedPaths[]", R"("/secret")");
  const auto r = b.args({"do", "cat", "/secret", "--", "stat", "/secret"}).run();
  CHECK_THAT(r.out, !Contains("the secret") && Contains("rdev=1:3"));
  CHECK(test::slurp(b.rootfs("secret")) == "the secret");
}

TEST_CASE("a masked directory is empty and read-only, and has no room should somebody make it writable") {
  Bundle b;
  ::mkdir(b.rootfs("secrets").c_str(), 0755);
  test::spill(b.rootfs("secrets/one"), "the secret");
  b.set("linux.maskedPaths[]", R"("/secrets")");
  CHECK(b.args({"do", "ls", "/secrets", "--", "mkdir", "/secrets/x"}).run().out == "/secrets/x: EROFS\n");
  const auto mounts = b.args({"cat", "/proc/self/mountinfo"}).run().out;
  CHECK_THAT(line_with(mounts, " /secrets "), Contains("size=4k,nr_inodes=1"));
}

TEST_CASE("a path that is masked twice has one mount") {
  Bundle b;
  ::mkdir(b.rootfs("secrets").c_str(), 0755);
  b.set("linux.maskedPaths", R"(["/secrets", "/secrets"])");
  const auto out = b.args({"cat", "/proc/self/mountinfo"}).run().out;
  CHECK(out.find(" /secrets ") != std::string::npos);
  CHECK(out.find(" /secrets ") == out.rfind(" /secrets "));
}

TEST_CASE("paths that are not there are neither masked nor made") {
  Bundle b;
  b.set("linux.maskedPaths", R"(["/missing"])").set("linux.readonlyPaths", R"(["/missing-too"])");
  CHECK(b.args({"do", "stat", "/missing", "--", "stat", "/missing-too"}).run().out ==
        "/missing: ENOENT\n/missing-too: ENOENT\n");
}

TEST_CASE("a container's own /dev/null does not take part in masking") {  // CVE-2025-31133
  Bundle b;
  test::spill(b.rootfs("secret"), "the secret");
  ::mkdir(b.path("dev").c_str(), 0755);
  REQUIRE(::symlink("/proc/sys/kernel/core_pattern", b.path("dev/null").c_str()) == 0);
  b.set("linux.maskedPaths", R"(["/secret"])").set("linux.resources.devices", "[]");
  b.set("mounts[1]", R"({"destination": "/dev", "type": "bind", "source": "dev", "options": ["bind"]})");
  const auto r = b.args({"do", "stat", "/secret", "--", "cat", "/proc/self/mountinfo"}).run();
  CHECK((r.status != 0 || r.out.find("rdev=1:3") != std::string::npos));
  CHECK_THAT(line_with(r.out, " /secret "), !Contains("- proc"));
}

TEST_CASE("a masked path behind a link masks what is in the rootfs") {
  Bundle b;
  ::mkdir(b.path("outside").c_str(), 0755);
  REQUIRE(::symlink(b.path("outside").c_str(), b.rootfs("link").c_str()) == 0);
  b.set("linux.maskedPaths", R"(["/link"])").args({"exit", "0"}).run();
  CHECK(b.leftovers().empty());
}

TEST_CASE("a read-only path cannot be written to, its neighbours can") {
  Bundle b;
  ::mkdir(b.rootfs("fixed").c_str(), 0755);
  b.set("linux.readonlyPaths[]", R"("/fixed")");
  CHECK(b.args({"do", "mkdir", "/fixed/x", "--", "mkdir", "/tmp/x"}).run().out == "/fixed/x: EROFS\n");
}

TEST_CASE("/proc/sys is read-only by default") {
  Bundle b;
  CHECK_THAT(b.args({"openw", "/proc/sys/kernel/core_pattern"}).run().out, Contains("EROFS") || Contains("EACCES"));
}

TEST_CASE("a read-only path keeps the flags of its mount") {
  Bundle b;
  b.mount("/scratch", "tmpfs", "tmpfs", "nosuid,nodev,noexec").set("linux.readonlyPaths", R"(["/scratch"])");
  const auto out = b.args({"cat", "/proc/self/mountinfo"}).run().out;
  const auto last = out.substr(out.rfind('\n', out.rfind(" /scratch ")) + 1);
  CHECK_THAT(line_with(last, " /scratch "),
             Contains(" ro,") && Contains("nosuid") && Contains("nodev") && Contains("noexec"));
}

// sysctl
// ----------------------------------------------------------------------------------------------------------------

TEST_CASE("sysctls are set in the container's namespaces") {
  Bundle b;
  b.set("linux.sysctl", R"({"net.ipv4.ip_forward": "1", "kernel.msgmax": "65000", "fs.mqueue.msg_max": "7"})");
  const auto r =
      b.args({"cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/msgmax", "/proc/sys/fs/mqueue/msg_max"}).run();
  CHECK(r.out == "1\n65000\n7\n");
  CHECK(test::slurp("/proc/sys/kernel/msgmax") != "65000\n");
}

TEST_CASE("a sysctl of the host is refused by name") {
  Bundle b;
  const auto before = test::slurp("/proc/sys/vm/swappiness");
  const auto r = b.set("linux.sysctl", R"({"vm.swappiness": "3"})").create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("vm.swappiness"));
  CHECK(test::slurp("/proc/sys/vm/swappiness") == before);
}

TEST_CASE("a network sysctl needs a network namespace") {
  Bundle b;
  b.set("linux.namespaces", R"([{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}])");
  const auto before = test::slurp("/proc/sys/net/ipv4/ip_default_ttl");
  CHECK(b.set("linux.sysctl", R"({"net.ipv4.ip_default_ttl": "11"})").create().status == 1);
  CHECK(test::slurp("/proc/sys/net/ipv4/ip_default_ttl") == before);
}

TEST_CASE("a sysctl name that climbs out of /proc/sys is refused") {
  Bundle b;
  CHECK(b.set("linux.sysctl", R"({"net/../../sysrq-trigger": "h"})").create().status == 1);
  CHECK(b.set("linux.sysctl", R"({"net.nosuch.thing": "1"})").create().status == 1);
  CHECK(b.leftovers().empty());
}
