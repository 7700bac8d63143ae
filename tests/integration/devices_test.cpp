// SPDX-License-Identifier: Apache-2.0
// config-linux.md, "Devices", "Default Devices", "Allowed Device list".
#include <sys/stat.h>
#include <unistd.h>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::line_with;
using namespace Catch::Matchers;

namespace {

// /dev/fuse stands for a device that is not among the default ones: opening it needs no capability and changes nothing.

/// A container that may make and open device nodes as far as its device rules allow it.
void allow_mknod(Bundle& b) {
  for (const auto* set : {"bounding", "effective", "permitted"})
    b.set(std::string("process.capabilities.") + set + "[]", R"("CAP_MKNOD")");
}

}  // namespace

TEST_CASE("the default devices are there and can be used") {
  Bundle b;
  const auto r =
      b.args({"stat", "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}).run();
  for (const auto* node :
       {"/dev/null char mode=0666 uid=0 gid=0 rdev=1:3", "/dev/zero char mode=0666 uid=0 gid=0 rdev=1:5",
        "/dev/full char mode=0666 uid=0 gid=0 rdev=1:7", "/dev/random char mode=0666 uid=0 gid=0 rdev=1:8",
        "/dev/urandom char mode=0666 uid=0 gid=0 rdev=1:9", "/dev/tty char mode=0666 uid=0 gid=0 rdev=5:0"})
    CHECK_THAT(r.out, Contains(node));
  CHECK(b.args({"do", "openrw", "/dev/null", "--", "openrw", "/dev/zero", "--", "open", "/dev/random"}).run().status ==
        0);
}

TEST_CASE("the default links are there") {
  Bundle b;
  const auto r = b.args({"do", "readlink", "/dev/fd", "--", "readlink", "/dev/stdin", "--", "readlink", "/dev/stdout",
                         "--", "readlink", "/dev/stderr", "--", "readlink", "/dev/ptmx"})
                     .run();
  CHECK(r.out == "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n");
}

TEST_CASE("a configured device has its mode and owner, whatever the umask is") {
  Bundle b;
  b.set("linux.devices",
        R"([{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "uid": 5, "gid": 6},
                             {"path": "/dev/deep/er/node", "type": "b", "major": 7, "minor": 3, "fileMode": 384}])");
  b.set("process.user.umask", "63");
  const auto r = b.args({"stat", "/dev/fuse", "/dev/deep/er/node"}).run();
  CHECK_THAT(r.out, Contains("/dev/fuse char mode=0666 uid=5 gid=6 rdev=10:229"));
  CHECK_THAT(r.out, Contains("/dev/deep/er/node block mode=0600 uid=0 gid=0 rdev=7:3"));
}

TEST_CASE("a fifo is made as a device") {
  Bundle b;
  b.set("linux.devices", R"([{"path": "/dev/pipe", "type": "p", "fileMode": 432}])");
  CHECK_THAT(b.args({"stat", "/dev/pipe"}).run().out, Contains("/dev/pipe fifo mode=0660"));
}

TEST_CASE("an unknown device type is refused by name") {
  Bundle b;
  const auto r = b.set("linux.devices", R"([{"path": "/dev/x", "type": "q", "major": 1, "minor": 3}])").create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("q"));
}

TEST_CASE("a device that is not allowed can be made but not opened") {
  Bundle b;
  allow_mknod(b);
  b.args({"do", "mknod", "/dev/fuse", "c", "10", "229", "--", "openrw", "/dev/fuse"});
  CHECK_THAT(b.run().out, Contains("/dev/fuse: EPERM"));
}

TEST_CASE("an allowed device can be opened, for what it is allowed for only") {
  Bundle b;
  allow_mknod(b);
  b.set("linux.resources.devices[]", R"({"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rm"})");
  b.args({"do", "mknod", "/dev/fuse", "c", "10", "229", "--", "open", "/dev/fuse", "--", "openw", "/dev/fuse"});
  const auto out = b.run().out;
  // Where the kernel has no fuse, opening it fails in another way.
  CHECK_FALSE(out.starts_with("/dev/fuse: EPERM\n"));
  CHECK_THAT(out, EndsWith("/dev/fuse: EPERM\n"));
}

TEST_CASE("the host's disks are closed without any device rule") {
  Bundle b;
  allow_mknod(b);
  struct stat root {};
  REQUIRE(::stat("/", &root) == 0);
  b.args({"do", "mknod", "/disk", "b", std::to_string(root.st_dev >> 8U), std::to_string(root.st_dev & 0xffU), "--",
          "open", "/disk"});
  for (const auto* rules : {"[]", R"([{"allow": false, "access": "rwm"}])",
                            R"([{"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm"}])"}) {
    INFO(rules);
    const auto out = b.set("linux.resources.devices", rules).run().out;
    CHECK_THAT(out, Contains("EPERM"));
    ::unlink(b.rootfs("disk").c_str());
  }
  CHECK_THAT(b.remove("linux.resources").run().out, Contains("EPERM"));
}

TEST_CASE("a later rule overrides an earlier one") {
  Bundle b;
  allow_mknod(b);
  b.set(
      "linux.resources.devices",
      R"([{"allow": true, "access": "rwm"}, {"allow": false, "type": "c", "major": 10, "minor": 229, "access": "rw"}])");
  b.args({"do", "mknod", "/dev/fuse", "c", "10", "229", "--", "open", "/dev/fuse"});
  CHECK(b.run().out == "/dev/fuse: EPERM\n");
}

TEST_CASE("the default devices stay usable when everything is denied") {
  Bundle b;
  CHECK(b.args({"do", "openrw", "/dev/null", "--", "openrw", "/dev/full", "--", "open", "/dev/urandom", "--", "openrw",
                "/dev/pts/ptmx"})
            .run()
            .status == 0);
}

TEST_CASE("exec is under the same device rules") {
  Bundle b;
  allow_mknod(b);
  b.args({"pause"}).launch();
  CHECK_THAT(b.exec({"do", "mknod", "/dev/fuse", "c", "10", "229", "--", "open", "/dev/fuse"}).out, Contains("EPERM"));
}
