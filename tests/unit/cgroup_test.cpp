// SPDX-License-Identifier: Apache-2.0
// Real cgroups: everything happens below a cgroup of the test's own, which its destructor removes with whatever is in
// it.
#include "kernel/cgroup.hpp"

#include <linux/sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <functional>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "kernel/cgroup_apply.hpp"
#include "kernel/cgroup_manager.hpp"
#include "oci/error.hpp"
#include "spec/decode.hpp"
#include "support/catch.hpp"

using namespace oci;
using namespace std::chrono_literals;
using Catch::Matchers::StartsWith;

namespace {

/// What the kernel says in the words of the library; empty when nothing was thrown.
std::string message_of(const std::function<void()>& attempt) {
  try {
    attempt();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A name for cgroups that only this process uses, and all cgroups of that name gone in the end.
class Playground {
 public:
  Playground() : host_(CgroupHost::probe()), name_("/oci-unit-test-" + std::to_string(::getpid())) {
    if (host_.mount.empty()) test::skip("no cgroup2 is mounted");
    if (::geteuid() != 0) test::skip("making cgroups needs root");
  }
  Playground(const Playground&) = delete;
  ~Playground() {
    if (const auto cgroup = Cgroup::try_open(directory())) {
      cgroup->kill();
      cgroup->remove();
    }
  }

  const CgroupHost& host() const { return host_; }
  /// As linux.cgroupsPath has it.
  const std::string& name() const { return name_; }
  std::string directory(const std::string& below = {}) const { return host_.mount + name_ + below; }

  Cgroup make(const std::string& below = {}) const {
    ::mkdir(directory().c_str(), 0755);
    if (!below.empty()) sys::mkdirat(working_directory, directory(below), 0755);
    return Cgroup::open(directory(below));
  }
  std::unique_ptr<CgroupManager> manager(const std::string& below = {}, const std::vector<Device>& devices = {}) const {
    Spec spec;
    spec.linux.cgroups_path = name_ + below;
    spec.linux.devices = devices;
    return make_cgroup_manager(CgroupDriver::cgroupfs, "unused", spec);
  }

 private:
  CgroupHost host_;
  std::string name_;
};

/// A process born in a cgroup; killed and reaped in the end.
class Inhabitant {
 public:
  explicit Inhabitant(
      const Fd& cgroup, const std::function<int()>& life = [] { return ::pause(); }) {
    clone_args arguments{};
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.exit_signal = SIGCHLD;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup.get());
    pid_ = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid_ == 0) ::_exit(life());
    if (pid_ < 0) throw Error::system("clone3");
  }
  Inhabitant(const Inhabitant&) = delete;
  ~Inhabitant() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }

  pid_t pid() const { return pid_; }
  /// Exit status, or 128 + the signal.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = 0;
};

bool has_controller(const CgroupHost& host, const std::string& name) {
  return contains(" " + *Cgroup::open(host.mount).read("cgroup.controllers") + " ", " " + name + " ");
}

constexpr const char* huge_pages = R"({"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]})";

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

}  // namespace

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
  CHECK_FALSE(cgroup.frozen());
  cgroup.freeze();
  CHECK(cgroup.frozen());
  CHECK_FALSE(cgroup.wait_empty(100ms));
  cgroup.thaw();
  CHECK_FALSE(cgroup.frozen());
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
