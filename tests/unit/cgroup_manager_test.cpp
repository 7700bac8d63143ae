// SPDX-License-Identifier: Apache-2.0
// How a container's cgroup is made, limited and taken back.
#include "kernel/cgroup_manager.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <csignal>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "kernel/cgroup_apply.hpp"
#include "spec/decode.hpp"
#include "support/catch.hpp"
#include "unit/cgroup_playground.hpp"

using namespace oci;
using namespace std::chrono_literals;
using namespace test;
using Catch::Matchers::StartsWith;

namespace {

bool has_controller(const CgroupHost& host, const std::string& name) {
  return contains(" " + *Cgroup::open(host.mount).read("cgroup.controllers") + " ", " " + name + " ");
}

constexpr const char* huge_pages = R"({"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]})";

}  // namespace

TEST_CASE("a prepared cgroup takes a process, and goes with it and the parents made for it") {
  const Playground playground;
  const auto manager = playground.manager("/a/b");
  CHECK(manager->path() == playground.directory("/a/b"));
  CHECK_FALSE(exists(playground.directory()));
  const Fd& directory = manager->prepare();
  REQUIRE(directory);
  Inhabitant process(directory);
  CHECK(Cgroup::open(manager->path()).processes() == std::vector{process.pid()});
  manager->remove();
  CHECK(process.wait() == 128 + SIGKILL);
  CHECK_FALSE(exists(playground.directory()));
  CHECK_NOTHROW(manager->remove());
}

TEST_CASE("parents that were there, or are used by others, stay") {
  const Playground playground;
  playground.make();
  const auto manager = playground.manager("/a/b");
  manager->prepare();
  playground.make("/a/other");
  manager->remove();
  CHECK_FALSE(exists(playground.directory("/a/b")));
  CHECK(exists(playground.directory("/a/other")));
}

TEST_CASE("a cgroup that somebody made is used, and not removed") {
  const Playground playground;
  playground.make();
  const auto manager = playground.manager();
  CHECK(manager->prepare());
  manager->remove();
  CHECK(exists(playground.directory()));
}

TEST_CASE("a cgroup with processes is refused, and they live on") {
  const Playground playground;
  playground.make();
  const Cgroup below = playground.make("/below");
  Inhabitant process(below.directory());
  const auto manager = playground.manager();
  CHECK(contains(message_of([&] { manager->prepare(); }), "container's cgroup is not empty: 1 process(es) found"));
  manager->remove();
  CHECK(::kill(process.pid(), 0) == 0);
  CHECK(below.processes() == std::vector{process.pid()});
}

TEST_CASE("a frozen cgroup is refused, also when it is frozen further up") {
  const Playground playground;
  playground.make().freeze();
  CHECK(contains(message_of([&] { playground.manager()->prepare(); }), "container's cgroup unexpectedly frozen"));
  CHECK(contains(message_of([&] { playground.manager("/new")->prepare(); }), "container's cgroup unexpectedly frozen"));
}

TEST_CASE("a cgroup below a file of cgroupfs is refused with nothing left") {
  const Playground playground;
  const auto message = message_of([&] { playground.manager("/a/cgroup.procs/b")->prepare(); });
  CHECK(contains(message, "unable to apply cgroup configuration: mkdir "));
  CHECK_FALSE(exists(playground.directory()));
}

TEST_CASE("limits reach their files, or say which controller is missing and where it is") {
  const Playground playground;
  const auto manager = playground.manager();
  manager->prepare();
  const Cgroup cgroup = Cgroup::open(manager->path());
  const auto resources = decode_resources(R"({"memory": {"limit": 33554432, "swap": 33554432}, "pids": {"limit": 20},
                                              "cpu": {"shares": 1024, "quota": 5000, "burst": 4000, "idle": 0}})");
  if (!has_controller(playground.host(), "memory")) {
    const auto message = message_of([&] { manager->apply(resources); });
    CHECK(contains(message, "linux.resources.pids.limit: controller \"pids\" not available"));
    CHECK(contains(message, "systemd.unified_cgroup_hierarchy=1"));
  } else {
    manager->apply(resources);
    CHECK(cgroup.read("memory.max") == "33554432");
    CHECK(cgroup.read("pids.max") == "20");
    CHECK(cgroup.read("cpu.weight") == "100");
    CHECK(cgroup.read("cpu.max") == "5000 100000");
    CHECK(cgroup.read("cpu.max.burst") == "4000");
    CHECK(cgroup.read("cgroup.controllers") == Cgroup::open(playground.host().mount).read("cgroup.controllers"));
  }
}

TEST_CASE("a controller is handed down through all cgroups on the way when a limit needs it") {
  const Playground playground;
  if (!has_controller(playground.host(), "hugetlb")) test::skip("cgroup2 has no hugetlb controller here");
  const auto manager = playground.manager("/a/b");
  manager->prepare();
  manager->apply(decode_resources(huge_pages));
  const Cgroup cgroup = Cgroup::open(manager->path());
  CHECK(cgroup.read("hugetlb.2MB.max") == "4194304");
  CHECK(cgroup.read("hugetlb.2MB.rsvd.max") == "4194304");
}

TEST_CASE("a refused value names field, file, and reason") {
  const Playground playground;
  const auto manager = playground.manager();
  manager->prepare();
  CHECK(message_of([&] { manager->apply(decode_resources(R"({"unified": {"cgroup.max.depth": "x"}})")); }) ==
        "linux.resources.unified.cgroup.max.depth: write \"x\" to " + playground.directory() +
            "/cgroup.max.depth: Invalid argument");
  CHECK(contains(message_of([&] { manager->apply(decode_resources(R"({"unified": {"whaaat.max": "1"}})")); }),
                 "linux.resources.unified.whaaat.max: controller \"whaaat\" not available"));
}

TEST_CASE("a controller that a populated parent cannot hand on is explained by the rule") {
  const Playground playground;
  if (!has_controller(playground.host(), "hugetlb")) test::skip("cgroup2 has no hugetlb controller here");
  const Inhabitant process(playground.make().directory());
  const auto manager = playground.manager("/below");
  REQUIRE(manager->prepare());
  const auto message = message_of([&] { manager->apply(decode_resources(huge_pages)); });
  CHECK_THAT(message,
             StartsWith("linux.resources.hugepageLimits[0].limit: controller \"hugetlb\" not available: enable "
                        "it in " +
                        playground.directory() + "/cgroup.subtree_control"));
  CHECK(contains(message, "no internal process rule"));
}

TEST_CASE("unlimited needs no controller") {
  const Playground playground;
  const auto manager = playground.manager();
  manager->prepare();
  CHECK_NOTHROW(manager->apply(decode_resources(R"({"memory": {"limit": -1}, "pids": {"limit": -1}})")));
}

TEST_CASE("a process in the cgroup makes device nodes but opens only those that are allowed") {
  const Playground playground;
  char directory[] = "/tmp/oci-unit-test-XXXXXX";
  REQUIRE(::mkdtemp(directory));
  const std::string base = directory;
  // 1:1 is mem, 1:11 is kmsg: neither is read here, only opened.
  const auto tried = [&](const Fd& cgroup, unsigned minor) {
    Inhabitant process(cgroup, [&] {
      const std::string node = base + "/node";
      ::unlink(node.c_str());
      if (::mknod(node.c_str(), S_IFCHR | 0600, ::makedev(1, minor)) < 0) return errno;
      const Fd opened(::open(node.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
      return opened ? 0 : errno;
    });
    return process.wait();
  };
  const auto deny_all = decode_resources(R"({"devices": [{"allow": false, "access": "rwm"}]})");
  {
    const auto manager = playground.manager();
    const Fd& cgroup = manager->prepare();
    manager->apply(deny_all);
    CHECK(tried(cgroup, 3) == 0);
    CHECK(tried(cgroup, 11) == EPERM);
    manager->remove();
  }
  {
    const auto manager = playground.manager();
    const Fd& cgroup = manager->prepare();
    manager->apply({});  // GHSA-g54h-m393-cpwq: no rule is no permission
    CHECK(tried(cgroup, 11) == EPERM);
    // A cgroup that was there before: the new program replaces the old one, whichever way.
    const auto second = playground.manager();
    second->prepare();
    second->apply(
        decode_resources(R"({"devices": [{"allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"}]})"));
    CHECK(tried(cgroup, 11) == 0);
    second->apply(decode_resources(R"({"devices": [{"allow": true, "access": "rwm"}]})"));
    CHECK(tried(cgroup, 11) == 0);
    second->apply(deny_all);
    CHECK(tried(cgroup, 11) == EPERM);
    manager->remove();
  }
  ::unlink((base + "/node").c_str());
  ::rmdir(directory);
}

TEST_CASE("a device rule that makes no sense is refused with its path") {
  const Playground playground;
  const auto manager = playground.manager();
  manager->prepare();
  const auto refused = decode_resources(R"({"devices": [{"allow": true, "type": "q"}]})");
  CHECK_THROWS_WITH(manager->apply(refused), StartsWith("linux.resources.devices[0].type: \"q\""));
}

TEST_CASE("the driver that does nothing does nothing") {
  const Spec spec;
  const auto disabled = make_cgroup_manager(CgroupDriver::disabled, "c1", spec);
  CHECK_FALSE(disabled->prepare());
  CHECK(disabled->path().empty());
  CHECK_NOTHROW(disabled->remove());
}
