// SPDX-License-Identifier: Apache-2.0
// --systemd-cgroup: the container as a scope of systemd's. Most of it wants systemd as the machine's first process,
// which the test machine has (tests/vm/run); what happens without is tested anywhere.
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "oci/error.hpp"
#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::Seconds;
using test::Words;
using namespace Catch::Matchers;

namespace {

std::string helper() {
  const auto& runtime = test::runtime_path();
  return runtime.substr(0, runtime.rfind('/') + 1) + "runtime-systemd";
}

void need_helper() {
  if (::access(helper().c_str(), X_OK) != 0) test::skip("this build has no runtime-systemd (-Dsystemd=disabled)");
}

void need_systemd() {
  need_helper();
  if (::access("/run/systemd/system", F_OK) != 0) test::skip("systemd is not this machine's first process");
  if (!test::pure_cgroup2()) test::skip("the machine's cgroup2 is not the only hierarchy");
}

test::Result run_program(const Bundle& b, Words words) {
  words.insert(words.begin(), "/usr/bin/env");
  return test::execute({.words = std::move(words), .input = {}, .descriptors = {}, .environment = {}, .directory = {}},
                       b.path("program.out"), b.path("program.err"));
}

/// A bundle whose containers are scopes.
struct Scope : Bundle {
  Scope() {
    global_options = {"--systemd-cgroup"};
    args({"pause"});
  }
  ~Scope() {
    try {
      remove_container({"--force"});
      run_program(*this, {"systemctl", "stop", unit()});
      run_program(*this, {"systemctl", "reset-failed", unit()});
    } catch (const std::exception& error) {
      FAIL_CHECK("cleaning up: " << error.what());
    }
  }

  std::string unit() const { return "runtime-" + id() + ".scope"; }
  std::string cgroup() const { return "/sys/fs/cgroup/system.slice/" + unit(); }
  /// A property as `systemctl show` prints it.
  std::string shown(const std::string& property, const std::string& of = {}) const {
    auto text = run_program(*this, {"systemctl", "show", "--value", "-p", property, of.empty() ? unit() : of}).out;
    if (!text.empty()) text.pop_back();
    return text;
  }
  std::string limit(const std::string& file) const { return test::slurp(cgroup() + "/" + file); }
  bool is_known() const { return run_program(*this, {"systemctl", "cat", unit()}).status == 0; }
};

/// What stands in the place of the system's bus until the end of the object.
class FakeRun {
 public:
  FakeRun() {
    if (::mount("tmpfs", "/run", "tmpfs", 0, nullptr) != 0) throw oci::Error::system("mount tmpfs on /run");
    ::mkdir("/run/dbus", 0755);
  }
  FakeRun(const FakeRun&) = delete;
  FakeRun& operator=(const FakeRun&) = delete;
  ~FakeRun() { ::umount2("/run", MNT_DETACH); }

  /// A socket that takes connections and says nothing.
  oci::Fd silent_bus() const {
    oci::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, "/run/dbus/system_bus_socket");
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(socket.get(), 8) == 0);
    return socket;
  }
};

}  // namespace

TEST_CASE("a scope does not begin in a cgroup that somebody is in, or that is frozen") {
  need_systemd();
  Scope b;
  REQUIRE(::mkdir(b.cgroup().c_str(), 0755) == 0);
  test::spill(b.cgroup() + "/cgroup.freeze", "1");
  const auto frozen = b.create();
  CHECK(frozen.status == 1);
  CHECK_THAT(frozen.err, Contains("container's cgroup unexpectedly frozen (" + b.cgroup() + ")"));
  test::spill(b.cgroup() + "/cgroup.freeze", "0");
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    ::pause();
    ::_exit(0);
  }
  test::spill(b.cgroup() + "/cgroup.procs", std::to_string(stranger));
  const auto populated = b.create();
  ::kill(stranger, SIGKILL);
  ::waitpid(stranger, nullptr, 0);
  CHECK(populated.status == 1);
  CHECK_THAT(populated.err, Contains("container's cgroup is not empty: 1 process(es) found (" + b.cgroup() + ")"));
  CHECK_FALSE(b.is_known());
  CHECK(::rmdir(b.cgroup().c_str()) == 0);
}

TEST_CASE("a container is a scope in system.slice, with its limits as properties") {
  need_systemd();
  Scope b;
  b.set("linux.resources", R"({"memory": {"limit": 33554432, "reservation": 16777216}, "pids": {"limit": 20},
      "cpu": {"shares": 1024, "quota": 12345, "period": 100000, "cpus": "0"},
      "unified": {"memory.high": "30000000"}})");
  b.launch();
  CHECK_THAT(test::slurp("/proc/" + std::to_string(b.pid()) + "/cgroup"),
             Contains("0::/system.slice/" + b.unit() + "\n"));
  CHECK(b.shown("ActiveState") == "active");
  CHECK(b.shown("Slice") == "system.slice");
  CHECK(b.shown("Delegate") == "yes");
  CHECK(b.shown("MemoryMax") == "33554432");
  CHECK(b.shown("MemoryLow") == "16777216");
  CHECK(b.shown("MemoryHigh") == "30000000");
  CHECK(b.shown("TasksMax") == "20");
  CHECK(b.shown("CPUWeight") == "100");
  CHECK(b.shown("CPUQuotaPerSecUSec") == "130ms");
  CHECK(b.shown("AllowedCPUs") == "0");
  CHECK(b.limit("cpu.max") == "13000 100000\n");
  CHECK(b.limit("pids.max") == "20\n");
  CHECK(b.limit("cgroup.procs") == std::to_string(b.pid()) + "\n");
}

TEST_CASE("limits and devices outlive a daemon-reload") {
  need_systemd();
  Scope b;
  b.set("linux.devices", R"([{"path": "/dev/allowed", "type": "c", "major": 10, "minor": 237},
                             {"path": "/dev/denied", "type": "c", "major": 1, "minor": 1}])");
  b.set("linux.resources", R"({"memory": {"limit": 33554432}, "pids": {"limit": 20}, "cpu": {"quota": 12345},
      "devices": [{"allow": false, "access": "rwm"},
                  {"allow": true, "type": "c", "major": 10, "minor": 237, "access": "rw"}]})");
  b.launch();
  const auto check_devices = [&] {
    const auto out = b.exec({"do", "openrw", "/dev/null", "--", "openrw", "/dev/zero", "--", "openrw", "/dev/allowed",
                             "--", "openrw", "/dev/denied"})
                         .out;
    CHECK_THAT(out, StartsWith("/dev/null: open\n/dev/zero: open\n") && Contains("/dev/denied: EPERM"));
    CHECK_THAT(out, !Contains("/dev/allowed: EPERM"));  // the control of loop devices, which may be missing
  };
  check_devices();
  REQUIRE(run_program(b, {"systemctl", "daemon-reload"}).status == 0);
  check_devices();
  CHECK(b.limit("memory.max") == "33554432\n");
  CHECK(b.limit("pids.max") == "20\n");
  CHECK(b.limit("cpu.max") == "13000 100000\n");
  CHECK(b.shown("NeedDaemonReload") == "no");
}

TEST_CASE("a period without a quota is kept for the quota to come") {
  need_systemd();
  Scope b;
  b.launch();
  REQUIRE(b.runtime({"update", "ID", "--cpu-period", "50000"}).status == 0);
  CHECK(b.limit("cpu.max") == "max 50000\n");
  REQUIRE(b.runtime({"update", "ID", "--cpu-share", "512"}).status == 0);
  REQUIRE(b.runtime({"update", "ID", "--memory", "64m"}).status == 0);
  CHECK(b.limit("cpu.max") == "max 50000\n");
  REQUIRE(b.runtime({"update", "ID", "--cpu-quota", "20000"}).status == 0);
  CHECK(b.limit("cpu.max") == "20000 50000\n");
  REQUIRE(b.runtime({"update", "ID", "--cpu-quota", "-1"}).status == 0);
  CHECK(b.limit("cpu.max") == "max 50000\n");
}

TEST_CASE("exec enters the scope") {
  need_systemd();
  Scope b;
  b.set("linux.namespaces", R"([{"type": "pid"}, {"type": "mount"}, {"type": "uts"}, {"type": "ipc"}])");
  b.launch();
  b.global_options.clear();
  CHECK_THAT(b.exec({"cat", "/proc/self/cgroup"}).out, Contains("/" + b.unit() + "\n"));
}

TEST_CASE("later commands need no --systemd-cgroup to delete the unit") {
  need_systemd();
  Scope b;
  b.launch();
  b.global_options.clear();
  REQUIRE(b.is_known());
  CHECK(b.remove_container({"--force"}).status == 0);
  CHECK_FALSE(b.is_known());
  CHECK(b.leftovers().empty());
}

TEST_CASE("run leaves no unit") {
  need_systemd();
  Scope b;
  b.args({"exit", "7"});
  CHECK(b.run().status == 7);
  CHECK(test::eventually([&] { return !b.is_known(); }));
}

TEST_CASE("a create that fails leaves no unit") {
  need_systemd();
  Scope b;
  CHECK(b.hook("createRuntime", {"/bin/false"}).create().status == 1);
  CHECK(test::eventually([&] { return !b.is_known(); }));
  CHECK(b.leftovers().empty());
}

TEST_CASE("the unit of a create that was killed goes with delete --force") {
  need_systemd();
  Scope b;
  b.hook("createRuntime", {"/bin/sh", "-c", "echo here >" + b.path("hooked") + "; exec sleep 60"});
  auto creating = b.begin({"create", "--bundle", b.path(), "ID"});
  REQUIRE(test::eventually([&] { return test::slurp(b.path("hooked")) == "here\n"; }, Seconds(20)));
  ::kill(creating.pid(), SIGKILL);
  creating.finish();
  b.global_options.clear();
  CHECK(b.remove_container({"--force"}).status == 0);
  CHECK(test::eventually([&] { return !b.is_known(); }));
}

TEST_CASE("a failed unit is forgotten by delete") {
  need_systemd();
  Scope b;
  b.set("annotations",
        R"({"org.systemd.property.RuntimeMaxSec": "5", "org.systemd.property.TimeoutStopSec": "uint64 1"})");
  b.launch();
  REQUIRE(test::eventually([&] { return b.status() == "stopped"; }, Seconds(20)));
  REQUIRE(test::eventually([&] { return b.shown("ActiveState") == "failed"; }, Seconds(20)));
  CHECK(b.shown("TimeoutStopUSec") == "1s");
  CHECK(b.remove_container().status == 0);
  CHECK_FALSE(b.is_known());
}

TEST_CASE("a failed unit of the same name is in nobody's way") {
  need_systemd();
  Scope b;
  run_program(b, {"systemd-run", "--scope", "--unit", b.unit(), "-p", "RuntimeMaxSec=1", "sleep", "20"});
  REQUIRE(test::eventually([&] { return b.shown("ActiveState") == "failed"; }, Seconds(20)));
  b.launch();
  CHECK(b.shown("ActiveState") == "active");
}

TEST_CASE("a unit of the same name that is in use is an error, and stays") {
  need_systemd();
  Scope b;
  // Elsewhere: in the container's cgroup it would be found before systemd is asked.
  test::Running other({.words = {"/usr/bin/env", "systemd-run", "--scope", "--slice", "elsewhere.slice", "--unit",
                                 b.unit(), "sleep", "100"},
                       .input = {},
                       .descriptors = {},
                       .environment = {},
                       .directory = {}},
                      test::Running::Streams::pipes);
  REQUIRE(test::eventually([&] { return b.shown("ActiveState") == "active"; }, Seconds(20)));
  const auto r = b.create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("systemd has a unit " + b.unit() + " already, and it is in use"));
  CHECK(b.remove_container({"--force"}).status == 0);
  CHECK(b.shown("ActiveState") == "active");
}

TEST_CASE("cgroupsPath says which slice and which name") {
  need_systemd();
  Scope b;
  const auto unit = "test-" + b.id() + ".scope";
  b.set("linux.cgroupsPath", "\"test-runtime.slice:test:" + b.id() + "\"");
  b.launch();
  CHECK(b.shown("Slice", unit) == "test-runtime.slice");
  CHECK_THAT(test::slurp("/proc/" + std::to_string(b.pid()) + "/cgroup"),
             Contains("/test.slice/test-runtime.slice/" + unit + "\n"));
  CHECK(b.remove_container({"--force"}).status == 0);
  CHECK(b.shown("LoadState", unit) == "not-found");
}

TEST_CASE("the annotation run.oci.systemd.subgroup puts the container below its scope") {
  need_systemd();
  Scope b;
  b.set("annotations", R"({"run.oci.systemd.subgroup": "container"})");
  b.set("linux.resources", R"({"pids": {"limit": 20}})");
  b.launch();
  CHECK_THAT(test::slurp("/proc/" + std::to_string(b.pid()) + "/cgroup"), Contains("/" + b.unit() + "/container\n"));
  CHECK(b.limit("pids.max") == "20\n");
  CHECK(b.limit("container/pids.max") == "20\n");
  CHECK(b.limit("cgroup.procs").empty());
  CHECK(b.remove_container({"--force"}).status == 0);
  CHECK_FALSE(b.is_known());
}

TEST_CASE("a value that systemd refuses is an error with its reason") {
  need_systemd();
  Scope b;
  const auto r = b.set("annotations", R"({"org.systemd.property.KillMode": "'nonsense'"})").create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("StartTransientUnit " + b.unit()) && Contains("nonsense"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("a property that this systemd does not know is left out where it may be, and named") {
  need_systemd();
  Scope b;
  b.launch();
  const auto ask = [&](const std::string& unknown) {
    return test::execute({.words = {helper()},
                          .input = "set\t30\t" + b.unit() + "\t\n" + unknown + "\tt\t1\nTasksMax\t!\tt\t31\nend\n",
                          .descriptors = {},
                          .environment = {},
                          .directory = {}},
                         b.path("helper.out"), b.path("helper.err"))
        .out;
  };
  CHECK(ask("MemoryOfThings\t?") ==
        "note this version of systemd does not take the property MemoryOfThings, which is left out\nok \n");
  CHECK(b.shown("TasksMax") == "31");
  CHECK_THAT(ask("MemoryOfThings\t!"), StartsWith("error ") && Contains("MemoryOfThings"));
}

TEST_CASE("a container is deleted by a systemd that was executed again since") {
  need_systemd();
  Scope b;
  b.launch();
  REQUIRE(run_program(b, {"systemctl", "daemon-reexec"}).status == 0);
  CHECK(b.exec({"exit", "3"}).status == 3);
  CHECK(b.remove_container({"--force"}).status == 0);
  CHECK_FALSE(b.is_known());
}

TEST_CASE("an annotation that reaches beyond the container is refused") {
  need_systemd();
  Scope b;
  const auto r = b.set("annotations", R"({"org.systemd.property.FailureAction": "'reboot'"})").create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("annotations.org.systemd.property.FailureAction") && Contains("not permitted"));
}

TEST_CASE("a cgroupsPath without three parts is refused by the systemd driver") {
  need_helper();
  Bundle b;
  b.global_options = {"--systemd-cgroup"};
  const auto r = b.set("linux.cgroupsPath", "\"/a/path\"").args({"exit", "0"}).create();
  CHECK(r.status == 1);
  CHECK_THAT(test::unquoted(r.err),
             Contains("expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("without a bus the systemd driver says where it looked") {
  need_helper();
  const FakeRun no_bus;
  Bundle b;
  b.global_options = {"--systemd-cgroup"};
  const auto r = b.args({"exit", "0"}).create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("connect to the system bus: No such file or directory"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("a bus that never answers is given up after half a minute") {
  need_helper();
  const FakeRun run;
  const auto bus = run.silent_bus();
  Bundle b;
  b.global_options = {"--systemd-cgroup"};
  b.args({"exit", "0"});
  const auto r = b.begin({"create", "--bundle", b.path(), "ID"}).finish(Seconds(50));
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("timed out after 30 s waiting on the system bus for it to let us in"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("a container whose cgroup is gone is deleted without a bus") {
  need_systemd();
  Scope b;
  b.launch();
  REQUIRE(b.kill("KILL").status == 0);
  REQUIRE(b.becomes("stopped"));
  {
    const FakeRun no_bus;
    CHECK(b.remove_container().status == 0);
  }
  CHECK(b.leftovers().empty());
}
