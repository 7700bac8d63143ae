// SPDX-License-Identifier: Apache-2.0
// mounts add and mounts remove half-way: what happens meanwhile. A file system that nobody serves stops them, at will.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/syscalls.hpp"
#include "support/catch.hpp"
#include "support/mount_changes.hpp"

using test::ChangedMounts;
using test::eventually;
using test::fresh;
using test::list;
using test::unquoted;
using namespace Catch::Matchers;

namespace {

/// Has at /fu a file system (FUSE) that answers nothing.
struct Halting : ChangedMounts {
  Halting() {
    ::mkdir(path("fu").c_str(), 0755);
    ::mkdir(rootfs("fu").c_str(), 0755);
    server_ = oci::sys::openat(oci::working_directory, "/dev/fuse", O_RDWR);
    const auto options = "rootmode=40000,user_id=0,group_id=0,fd=" + std::to_string(server_.get());
    REQUIRE(::mount("halting", path("fu").c_str(), "fuse", 0, options.c_str()) == 0);
    mount("/fu", "bind", path("fu"), "rbind");
    launch();
    REQUIRE(::umount2(path("fu").c_str(), MNT_DETACH) == 0);
  }
  ~Halting() { ::umount2(path("fu").c_str(), MNT_DETACH); }
  Halting(const Halting&) = delete;
  Halting& operator=(const Halting&) = delete;

  /// Who waits for an answer has an error.
  void go_on() { server_.reset(); }

  /// It has made the mount at /mnt, and stands still at the next one.
  test::Running add_half() {
    test::spill(path("mounts.json"), list(fresh("tmpfs", "/mnt"), fresh("tmpfs", "/fu/deep")));
    auto command = begin({"mounts", "add", "ID", path("mounts.json")});
    REQUIRE(eventually([&] { return !flags("/mnt").empty(); }));
    return command;
  }

 private:
  oci::Fd server_;
};

/// Mounts over /mnt in the container, as its own root may.
bool cover(pid_t container, int times) {
  const auto space =
      oci::sys::openat(oci::working_directory, "/proc/" + std::to_string(container) + "/ns/mnt", O_RDONLY);
  const pid_t child = ::fork();
  if (child == 0) {
    bool good = ::setns(space.get(), CLONE_NEWNS) == 0;
    while (good && times-- > 0) good = ::mount("cover", "/mnt", "tmpfs", 0, nullptr) == 0;
    ::_exit(good ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return status == 0;
}

}  // namespace

TEST_CASE("a container that keeps mounts add waiting can be deleted, which ends the waiting") {
  Halting b;
  auto command = b.add_half();
  if (b.runtime({"pause", "ID"}).status == 0) {
    CHECK(b.status() == "paused");
    CHECK(b.runtime({"resume", "ID"}).status == 0);
  }
  CHECK(b.remove_container({"-f"}).status == 0);
  const auto r = command.finish();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("container not running"));
}

TEST_CASE("mounts are taken back although the container has mounted over them") {
  Halting b;
  const auto before = b.mountinfo();
  auto command = b.add_half();
  REQUIRE(cover(b.pid(), 3));
  b.go_on();
  const auto r = command.finish();
  CHECK(r.status == 1);
  CHECK_THAT(unquoted(r.err), Contains("mounts[1]: ") && !Contains("taken back"));
  CHECK(b.mountinfo() == before);
}

TEST_CASE("mounts that the container covers without end are said to be left") {
  Halting b;
  auto command = b.add_half();
  REQUIRE(cover(b.pid(), 1010));
  b.go_on();
  const auto r = command.finish();
  CHECK(r.status == 1);
  CHECK_THAT(unquoted(r.err), Contains("mounts[1]: ") && Contains("; mounts made before it could not be taken back"));
  CHECK_FALSE(b.flags("/mnt").empty());
}

TEST_CASE("mounts remove unmounts what nobody serves, or nobody any more") {
  Halting b;
  if (GENERATE(false, true)) b.go_on();
  const auto r = b.drop(list(test::bound("/fu", "")));
  INFO(r.err);
  CHECK(r.status == 0);
  CHECK(b.flags("/fu").empty());
}

TEST_CASE("a signal that ends mounts add waits until all is made or nothing is left") {
  Halting b;
  const auto before = b.mountinfo();
  const int signal = GENERATE(SIGHUP, SIGINT, SIGQUIT, SIGTERM);
  auto command = b.add_half();
  // To its process as well, as a terminal does.
  const auto process =
      test::slurp("/proc/" + std::to_string(command.pid()) + "/task/" + std::to_string(command.pid()) + "/children");
  REQUIRE_FALSE(process.empty());
  REQUIRE(::kill(std::stoi(process), signal) == 0);
  REQUIRE(::kill(command.pid(), signal) == 0);
  b.go_on();
  CHECK(command.finish().status == 128 + signal);
  CHECK(b.mountinfo() == before);
}

TEST_CASE("a container that ends while mounts enters it is not running") {
  ChangedMounts b;
  b.launch();
  // Who reads a fifo waits for who writes it: config.json is read right before the namespaces are opened.
  const auto config = b.root() + "/" + b.id() + "/config.json";
  const auto text = test::slurp(config);
  REQUIRE(::unlink(config.c_str()) == 0);
  REQUIRE(::mkfifo(config.c_str(), 0600) == 0);
  test::spill(b.path("mounts.json"), list(fresh("tmpfs", "/mnt")));
  auto command = b.begin({"mounts", "add", "ID", b.path("mounts.json")});
  oci::Fd fifo = oci::sys::openat(oci::working_directory, config, O_WRONLY);
  REQUIRE(b.kill("KILL").status == 0);
  REQUIRE(b.becomes("stopped"));
  REQUIRE(::write(fifo.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  fifo.reset();
  const auto r = command.finish();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("container not running") && !Contains("/proc/"));
}
