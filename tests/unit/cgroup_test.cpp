// SPDX-License-Identifier: Apache-2.0
// What can be done to a cgroup that is there.
#include "kernel/cgroup.hpp"

#include <linux/sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "support/catch.hpp"
#include "unit/cgroup_playground.hpp"

using namespace oci;
using namespace std::chrono_literals;
using namespace test;
using Catch::Matchers::StartsWith;

TEST_CASE("mountinfo is read with its optional fields, lists of options, and escapes") {
  const std::string text =
      "24 30 0:22 / /proc rw shared:13 - proc proc rw\n"
      "31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct\n"
      "32 25 0:28 / /sys/fs/my\\040cgroups\\134 rw - cgroup cgroup rw,memory\n"
      "33 25 0:29 / /elsewhere/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";
  CHECK(find_cgroup_mount(text, "cgroup", "cpuacct") == "/sys/fs/cgroup/cpu,cpuacct");
  CHECK(find_cgroup_mount(text, "cgroup", "memory") == "/sys/fs/my cgroups\\");
  CHECK(find_cgroup_mount(text, "cgroup", "mem").empty());
  CHECK(find_cgroup_mount(text, "cgroup2") == "/elsewhere/unified");
  CHECK(find_cgroup_mount("", "cgroup2").empty());
  CHECK(find_cgroup_mount("garbage\n\n - cgroup2", "cgroup2").empty());
}

TEST_CASE("a flat keyed file is read by whole keys") {
  CHECK(keyed_value("populated 1\nfrozen 0", "frozen") == "0");
  CHECK(keyed_value("populated 1\nfrozen 0\n", "populated") == "1");
  CHECK(keyed_value("populated 1\n", "pop").empty());
  CHECK(keyed_value("", "frozen").empty());
}

TEST_CASE("cgroupsPath is absolute below the mount, or beside the caller's own cgroup") {
  const CgroupHost host{.mount = "/mnt", .hybrid = false};
  const std::string own = own_cgroup();
  const std::string beside = "/mnt" + own.substr(0, own.rfind('/'));
  CHECK(cgroup_directory(host, "/a//b/", "c1") == "/mnt/a/b");
  CHECK(cgroup_directory(host, "a/./b", "c1") == beside + "/a/b");
  CHECK(cgroup_directory(host, "", "c1") == beside + "/c1");
  CHECK(cgroup_directory(host, "system.slice:runc:c1", "c1") == beside + "/system.slice:runc:c1");
}

TEST_CASE("a cgroupsPath that leads elsewhere is refused") {
  const CgroupHost host{.mount = "/mnt", .hybrid = false};
  const std::string with_nul{"/a\0b", 4};
  for (const auto& path : {std::string("/a/../b"), std::string(".."), std::string("/"), std::string("."), with_nul})
    CHECK_THROWS_WITH(cgroup_directory(host, path, "c1"), StartsWith("linux.cgroupsPath"));
}

TEST_CASE("the root of all cgroups cannot be killed or removed") {
  const Playground playground;
  const Cgroup root = Cgroup::open(playground.host().mount);
  CHECK_THROWS_AS(root.remove(0ms), Error);
  CHECK_THROWS_AS(root.wait_empty(0ms), Error);
  CHECK_THROWS_WITH(Cgroup::open("/proc"), "/proc is no cgroup2 directory");
}

TEST_CASE("processes are born in the cgroup, and listed with those of cgroups below") {
  const Playground playground;
  const Cgroup top = playground.make();
  const Cgroup below = playground.make("/below");
  const Inhabitant first(top.directory());
  const Inhabitant second(below.directory());
  CHECK(top.processes() == std::vector{std::min(first.pid(), second.pid()), std::max(first.pid(), second.pid())});
  CHECK(below.processes() == std::vector{second.pid()});
  CHECK_FALSE(top.wait_empty(0ms));
}

TEST_CASE("a frozen process stands still until it is thawed") {
  const Playground playground;
  const Cgroup cgroup = playground.make();
  Inhabitant process(cgroup.directory(), [] {
    ::usleep(20'000);
    return 7;
  });
  CHECK_FALSE(Cgroup::is_frozen(cgroup.path()));
  cgroup.freeze();
  CHECK(Cgroup::is_frozen(cgroup.path()));
  CHECK_FALSE(cgroup.wait_empty(100ms));
  cgroup.thaw();
  CHECK_FALSE(Cgroup::is_frozen(cgroup.path()));
  CHECK(process.wait() == 7);
  CHECK(cgroup.wait_empty());
}

TEST_CASE("killing reaches frozen and nested cgroups, and waits for nobody") {
  const Playground playground;
  const Cgroup top = playground.make();
  const Cgroup below = playground.make("/below");
  Inhabitant deaf(top.directory(), [] {
    ::signal(SIGTERM, SIG_IGN);
    return ::pause();
  });
  Inhabitant frozen(below.directory());
  below.freeze();
  top.kill();
  CHECK(deaf.wait() == 128 + SIGKILL);
  CHECK(frozen.wait() == 128 + SIGKILL);
  CHECK(top.wait_empty());
  top.remove();
  CHECK_FALSE(exists(playground.directory()));
}

TEST_CASE("removing takes cgroups below along, threaded and frozen ones too") {
  const Playground playground;
  const Cgroup top = playground.make();
  const Cgroup branch = playground.make("/a");
  playground.make("/a/b");
  playground.make("/c").freeze();
  CHECK(playground.make("/t").write("cgroup.type", "threaded") == 0);
  top.remove();
  CHECK_FALSE(exists(playground.directory()));
  CHECK_NOTHROW(top.remove());
  CHECK_NOTHROW(branch.kill());
  CHECK(branch.wait_empty(0ms));
  CHECK(branch.processes().empty());
}

TEST_CASE("cgroups nested deeper than a path can say are removed") {
  const Playground playground;
  const Cgroup top = playground.make();
  const std::string name(200, 'n');
  Fd here = sys::openat(top.directory(), ".", O_PATH | O_DIRECTORY);
  for (int depth = 0; depth < 40; ++depth) {
    sys::mkdirat(here, name, 0755);
    here = sys::openat(here, name, O_PATH | O_DIRECTORY);
  }
  const Inhabitant deepest(here);
  CHECK(top.processes() == std::vector{deepest.pid()});
  top.kill();
  top.remove();
  CHECK_FALSE(exists(playground.directory()));
}

TEST_CASE("threads in a threaded cgroup are their process, once") {
  const Playground playground;
  const Cgroup top = playground.make();
  const Cgroup threaded = playground.make("/t");
  REQUIRE(threaded.write("cgroup.type", "threaded") == 0);
  const Inhabitant process(top.directory());
  REQUIRE(threaded.write("cgroup.threads", std::to_string(process.pid())) == 0);
  CHECK(threaded.processes() == std::vector{process.pid()});
  CHECK(top.processes() == std::vector{process.pid()});
  threaded.kill();  // refused by the kernel's cgroup.kill
  CHECK(top.wait_empty());
}

TEST_CASE("removing a cgroup with processes names them after a while") {
  const Playground playground;
  const Cgroup cgroup = playground.make();
  const Inhabitant process(cgroup.directory());
  CHECK(message_of([&] { cgroup.remove(20ms); }) ==
        "remove the cgroup " + playground.directory() + ": processes remain in it: " + std::to_string(process.pid()));
  CHECK(exists(playground.directory()));
}

TEST_CASE("removing waits for processes that are about to end") {
  const Playground playground;
  const Cgroup cgroup = playground.make();
  Inhabitant process(cgroup.directory(), [] {
    ::usleep(50'000);
    return 0;
  });
  cgroup.remove();
  CHECK_FALSE(exists(playground.directory()));
}

TEST_CASE("a signal reaches everything in a cgroup and below, and nobody else") {
  const Playground playground;
  const Cgroup top = playground.make();
  const Cgroup below = playground.make("/below");
  const auto sleep_until_signalled = [] {
    ::signal(SIGUSR1, SIG_DFL);
    return ::pause();
  };
  Inhabitant first(top.directory(), sleep_until_signalled);
  Inhabitant second(below.directory(), sleep_until_signalled);
  const Cgroup elsewhere = playground.make("/elsewhere");
  Inhabitant bystander(elsewhere.directory(), sleep_until_signalled);
  below.signal(SIGUSR1);
  CHECK(second.wait() == 128 + SIGUSR1);
  top.signal(0);  // who is there, and nothing else
  for (const auto* other : {&first, &bystander}) CHECK_FALSE(sys::has_ended(sys::pidfd_open(other->pid())));
  top.signal(SIGUSR1);
  CHECK(first.wait() == 128 + SIGUSR1);
  CHECK(bystander.wait() == 128 + SIGUSR1);
}

TEST_CASE("who waits for a cgroup to be empty notices that somebody else has removed it") {
  const Playground playground;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const Cgroup cgroup = playground.make("/removed");
    Inhabitant inhabitant(cgroup.directory());  // "populated" has changed: the next notice within 10 ms is put off
    const pid_t remover = ::fork();
    if (remover == 0) {
      ::usleep(2'000);
      ::kill(inhabitant.pid(), SIGKILL);
      while (::rmdir(playground.directory("/removed").c_str()) < 0 && errno == EBUSY) continue;
      ::_exit(0);
    }
    const auto start = std::chrono::steady_clock::now();
    CHECK(cgroup.wait_empty(5s));
    CHECK(std::chrono::steady_clock::now() - start < 2s);
    ::waitpid(remover, nullptr, 0);
  }
}
