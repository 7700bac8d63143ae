// SPDX-License-Identifier: Apache-2.0
// What a hostile container or caller tried on this runtime once, and must not get again.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <csignal>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using Catch::Matchers::Contains;
using test::Bundle;

TEST_CASE("a sysctl cannot be spelled so that it leaves its namespace") {
  Bundle b;
  b.set("linux.sysctl", R"({"net.//.kernel.no_such": "1"})").args({"exit", "0"});
  const auto r = b.create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("linux.sysctl.net.//.kernel.no_such: not the name of a setting"));
}

TEST_CASE("a sysctl is not written in a namespace that is the host's own") {
  Bundle b;
  b.remove("hostname")
      .set("linux.namespaces", R"([{"type": "mount"}, {"type": "network", "path": "/proc/self/ns/net"}])");
  b.set("linux.sysctl", R"({"net.ipv4.ip_forward": "0"})").args({"exit", "0"});
  const auto r = b.create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("is the host's network namespace"));
}

TEST_CASE("a process that exec leaves behind outlives it without a pid namespace, too") {
  Bundle b;
  b.remove("hostname").set("linux.namespaces", R"([{"type": "mount"}, {"type": "ipc"}])").args({"pause"}).launch();
  const auto file = b.path("exec.pid");
  REQUIRE(b.exec({"pause"}, {"--detach", "--pid-file", file}).status == 0);
  const auto pid = std::stoi(test::slurp(file));
  ::usleep(100'000);
  CHECK(::kill(pid, 0) == 0);
  CHECK_THAT(test::slurp("/proc/" + std::to_string(pid) + "/stat"), !Contains(") Z "));
}

namespace {

/// What is left in a container's mount namespace once its own root has been unmounted there: 0 nothing of the host's,
/// else what was found, as waitpid(2) says it.
int below_root(pid_t process, const std::string& of_the_host) {
  const int space = ::open(("/proc/" + std::to_string(process) + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC);
  struct stat host {};
  if (space < 0 || ::stat("/", &host) < 0) return 1;
  const pid_t child = ::fork();
  if (child == 0) {
    struct stat found {};
    if (::setns(space, CLONE_NEWNS) < 0 || ::access("/inside", F_OK) < 0) ::_exit(2);
    // The namespace's first mount cannot be unmounted. Since Linux 7.0 the kernel's ramdisk is on top of it.
    bool is_first = true;
    for (; ::umount2("/", MNT_DETACH) == 0; is_first = false) {
      if (::setns(space, CLONE_NEWNS) < 0) ::_exit(3);
      if (::access("/inside", F_OK) == 0 || ::access(of_the_host.c_str(), F_OK) == 0) ::_exit(4);
      if (::stat("/", &found) < 0 || found.st_dev == host.st_dev) ::_exit(5);
    }
    ::_exit(is_first ? 6 : 0);
  }
  int status = 0;
  const bool waited = ::waitpid(child, &status, 0) == child;
  ::close(space);
  return waited ? status : 1;
}

}  // namespace

TEST_CASE("who unmounts a container's root finds nothing of the host's below it") {
  Bundle b;
  const bool pivots = GENERATE(false, true);
  CAPTURE(pivots);
  if (pivots) b.hook("createRuntime", {"/bin/true"});
  b.args({"pause"}).launch();
  CHECK(below_root(b.pid(), b.path(".")) == 0);
}

namespace {

/// create in a chroot, in a mount namespace that stands for the host: `mounts` makes $view. What is mounted there
/// before and after goes to the bundle's files "before" and "after".
test::Result create_in_chroot(Bundle& b, const std::string& mounts) {
  test::spill(b.path("host.sh"), "set -e\ncd " + b.path("") + "\nview=$PWD/place/view\nmkdir -p $view\n" + mounts + R"(
points() { awk '{ print $5 }' /proc/self/mountinfo | sort; }
points >before
status=0
chroot $view "$@" || status=$?
points >after
exit $status
)");
  return b.through_shell("exec unshare --mount sh " + b.path("host.sh") + R"( "$0" "$@")",
                         {"create", "--bundle", b.path("."), "ID"});
}

}  // namespace

TEST_CASE("a runtime in a chroot leaves nothing of what that hides in the container's mount namespace") {
  Bundle b;
  b.args({"pause"});
  // The chroot on a private mount, and all around it shared.
  const auto r = create_in_chroot(b, R"(mount --make-rshared /
mount -t tmpfs none place
mount --make-private place
mkdir $view
mount --rbind / $view)");
  INFO(r.err);
  REQUIRE(r.status == 0);
  CHECK(below_root(b.pid(), b.path(".")) == 0);
  CHECK(test::slurp(b.path("before")) == test::slurp(b.path("after")));
}

TEST_CASE("a runtime in a chroot on a shared mount unmounts nothing of the host's") {
  Bundle b;
  b.args({"pause"});
  const auto r = create_in_chroot(b, "mount --make-rshared /\nmount --rbind / $view");
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("pivot_root into the root file system: Invalid argument"));
  CHECK_FALSE(test::slurp(b.path("before")).empty());
  CHECK(test::slurp(b.path("before")) == test::slurp(b.path("after")));
}

TEST_CASE("a runtime whose network belongs to another user namespace makes containers all the same") {
  Bundle b;
  b.args({"do", "cat", "/sys/class/net/lo/flags", "--", "hostname"}).set("process.rlimits", "[]");
  b.set("mounts[2].options", R"(["newinstance", "ptmxmode=0666"])");  // whose group nobody has
  const auto r = b.through_shell(R"(exec unshare --user --map-root-user --mount "$0" "$@")",
                                 {"run", "--bundle", b.path("."), "ID"});
  INFO(r.err);
  CHECK(r.out == "0x9\nbox\n");
  CHECK(b.leftovers().empty());
}

TEST_CASE("the host's /dev/null cannot be changed through standard input") {
  Bundle b;
  struct stat host {};
  struct stat inside {};
  REQUIRE(::stat("/dev/null", &host) == 0);
  b.args({"pause"}).launch();
  REQUIRE(::stat(("/proc/" + std::to_string(b.pid()) + "/fd/0").c_str(), &inside) == 0);
  REQUIRE(S_ISCHR(inside.st_mode));
  REQUIRE(inside.st_rdev == host.st_rdev);
  CHECK((inside.st_dev != host.st_dev || inside.st_ino != host.st_ino));
}

TEST_CASE("the host's /dev/null cannot be changed through a masked file") {
  Bundle b;
  const auto r = b.set("linux.maskedPaths", R"(["/proc/version"])").args({"cat", "/proc/self/mountinfo"}).run();
  CHECK_THAT(test::line_with(r.out, " /proc/version "), Contains(" /proc/version ro,"));
}

TEST_CASE("a pid file that is a pipe or a device is written to, and stays when that fails") {
  Bundle b;
  const auto full = b.path("full");
  REQUIRE(::mknod(full.c_str(), S_IFCHR | 0600, makedev(1, 7)) == 0);
  CHECK(b.args({"pause"}).create({"--pid-file", full}).status == 1);
  struct stat status {};
  REQUIRE(::stat(full.c_str(), &status) == 0);
  CHECK(S_ISCHR(status.st_mode));
}

TEST_CASE("a program is waited for although the caller ignores SIGCHLD") {
  Bundle b;
  b.args({"exit", "7"});
  const auto r = b.through_shell("trap '' CHLD", {"run", "--bundle", b.path("."), "ID"});
  CHECK(r.status == 7);
}

TEST_CASE("a great many environment entries take no great time") {
  Bundle b;
  std::string env = "[\"PATH=/\"";
  for (int i = 0; i < 60'000; ++i) env += ",\"V" + std::to_string(i) + "=x\"";
  const auto r = b.args({"exit", "3"}).set("process.env", env + "]").run();
  CHECK((r.status == 3 || r.err.find("argument list too long") != std::string::npos));
}

TEST_CASE("an image's /etc/passwd that is too large, or another file in disguise, is none") {
  Bundle b;
  b.set("process.env", R"(["PATH=/"])").args({"env"});
  test::spill(b.rootfs("etc/passwd"), "root:x:0:0::/root:/bin/sh\n" + std::string(5U << 20U, '\n'));
  CHECK(test::has_line(b.run().out, "HOME=/"));
  REQUIRE(::unlink(b.rootfs("etc/passwd").c_str()) == 0);
  REQUIRE(::symlink("/proc/kmsg", b.rootfs("etc/passwd").c_str()) == 0);
  CHECK(test::has_line(b.run().out, "HOME=/"));
}

TEST_CASE("an image's /etc/passwd that is no file is not even opened") {
  Bundle b;
  b.set("process.env", R"(["PATH=/"])").args({"env"});
  const auto fifo = b.rootfs("etc/passwd");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const pid_t writer = ::fork();
  if (writer == 0) ::_exit(::open(fifo.c_str(), O_WRONLY) >= 0 ? 1 : 2);  // waits for somebody who reads
  CHECK(test::has_line(b.run().out, "HOME=/"));
  int status = 0;
  CHECK(::waitpid(writer, &status, WNOHANG) == 0);
  ::kill(writer, SIGKILL);
  ::waitpid(writer, &status, 0);
}
