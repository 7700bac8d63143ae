// SPDX-License-Identifier: Apache-2.0
// A failure, wherever it happens, says which field was at fault and leaves nothing: a table of one for each kind of
// step.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using namespace Catch::Matchers;

namespace {

struct Case {
  const char* name;
  const char* path;  ///< in config.json
  const char* value;
  const char* expect;  ///< in the message
};

constexpr Case cases[] = {
    {"a mount of an unknown type", "mounts[]", R"({"destination": "/m", "type": "nosuchfs", "source": "x"})",
     "nosuchfs"},
    {"a bind of nothing", "mounts[]",
     R"({"destination": "/m", "type": "bind", "source": "/no/such", "options": ["bind"]})", "/no/such"},
    {"a mount option the file system refuses", "mounts[]",
     R"({"destination": "/m", "type": "tmpfs", "source": "t", "options": ["nosuchoption=1"]})", "/m"},
    {"a device of an unknown type", "linux.devices", R"([{"path": "/dev/x", "type": "z", "major": 1, "minor": 1}])",
     "z"},
    {"a hook that fails", "hooks.createRuntime", R"([{"path": "/bin/false"}])", "hook #0"},
    {"a hook in the container that fails", "hooks.createContainer", R"([{"path": "/bin/false"}])", "hook #0"},
    {"a sysctl of the host", "linux.sysctl", R"({"kernel.panic": "1"})", "kernel.panic"},
    {"an unknown rlimit", "process.rlimits", R"([{"type": "RLIMIT_X", "soft": 1, "hard": 1}])", "RLIMIT_X"},
    {"a namespace that is not there", "linux.namespaces[1]", R"({"type": "network", "path": "/no/such/ns"})",
     "/no/such/ns"},
    {"an unknown seccomp action", "linux.seccomp", R"({"defaultAction": "SCMP_ACT_NO"})", "SCMP_ACT_NO"},
    {"a relative working directory", "process.cwd", R"("relative")", "bsolute"},
    {"a program that is not there", "process.args", R"(["/no/such/program"])", "/no/such/program"},
    {"an unknown scheduler", "process.scheduler", R"({"policy": "SCHED_NEVER"})", "SCHED_NEVER"},
    {"an unknown I/O class", "process.ioPriority", R"({"class": "IOPRIO_CLASS_X", "priority": 1})", "IOPRIO_CLASS_X"},
    {"an unknown personality", "linux.personality", R"({"domain": "BSD"})", "BSD"},
    {"an unknown propagation", "linux.rootfsPropagation", R"("sideways")", "sideways"},
    {"a user id of the wrong type", "process.user.uid", R"("zero")", "process.user.uid"},
    {"a number where a list belongs", "process.args", "7", "process.args"},
    {"a negative user id", "process.user.uid", "-1", "process.user.uid"},
    {"an AppArmor profile without AppArmor", "process.apparmorProfile", R"("nosuchprofile")", "pparmor"},
    {"a label of SELinux without SELinux", "process.selinuxLabel", R"("a:b:c:s0")",
     "selinux label is specified in config, but selinux is disabled or not supported"},
    {"an environment variable without =", "process.env", R"(["NOEQUALS"])", "env"},
};

}  // namespace

TEST_CASE("a failure names what was wrong and leaves nothing") {
  for (const auto& c : cases) {
    Bundle b;
    b.args({"exit", "0"}).set(c.path, c.value);
    const auto r = b.create();
    INFO(c.name << ": " << r.err);
    CHECK(r.status == 1);
    CHECK_THAT(r.err, Contains(c.expect));
    CHECK(b.leftovers().empty());
  }
}

TEST_CASE("config.json that is no JSON is refused, with the place") {
  for (const auto* text : {"", "{", "[]", "{\"process\": }", "\xef\xbb\xbf{}", "{/* comment */}"}) {
    Bundle b;
    INFO(text);
    CHECK(b.config(std::string(text).empty() ? " " : text).create().status == 1);
    CHECK(b.leftovers().empty());
  }
}

TEST_CASE("config.json that is no regular file is refused at once") {
  Bundle b;
  const auto bundle = b.path("other");
  const auto file = bundle + "/config.json";
  ::mkdir(bundle.c_str(), 0755);
  const auto check = [&](const std::string& what) {
    const auto r = b.runtime({"create", "--bundle", bundle, "ID"});
    CHECK(r.status == 1);
    CHECK_THAT(r.err, Contains("config.json is " + what + ", not a regular file"));
    CHECK(b.leftovers().empty());
  };
  REQUIRE(::mkfifo(file.c_str(), 0644) == 0);
  check("a pipe");
  ::unlink(file.c_str());
  REQUIRE(::symlink("/dev/zero", file.c_str()) == 0);
  check("a device");
  ::unlink(file.c_str());
  REQUIRE(::mkdir(file.c_str(), 0755) == 0);
  check("a directory");
}

TEST_CASE("exec is not kept waiting by a config.json that has become a pipe") {
  Bundle b;
  b.args({"pause"}).set("root.path", test::quoted(b.rootfs()));
  REQUIRE(b.state().status == 1);  // has written config.json
  const auto bundle = b.path("other");
  const auto file = bundle + "/config.json";
  ::mkdir(bundle.c_str(), 0755);
  test::spill(file, test::slurp(b.path("config.json")));
  REQUIRE(b.runtime({"run", "--detach", "--bundle", bundle, "ID"}).status == 0);
  ::unlink(file.c_str());
  REQUIRE(::mkfifo(file.c_str(), 0644) == 0);
  const auto r = b.exec({"hostname"});
  CHECK(r.status == 255);
  CHECK_THAT(r.err, Contains(file + ": it is a pipe, not a regular file"));
}

TEST_CASE("what the caller names may be a pipe") {
  Bundle b;
  b.args({"say", "on"}).set("root.path", test::quoted(b.rootfs()));
  REQUIRE(b.state().status == 1);  // has written config.json
  const auto pipe = b.path("pipe");
  const auto write = [&](const std::string& file) { return "cat '" + file + "' > '" + pipe + "' & :"; };
  REQUIRE(::mkfifo(pipe.c_str(), 0644) == 0);
  const auto copy = b.path("copy.json");
  test::spill(copy, test::slurp(b.path("config.json")));
  CHECK(b.through_shell(write(copy), {"run", "--bundle", b.path(), "--config", pipe, "ID"}).out == "on\n");
  b.args({"pause"}).launch();
  test::spill(copy, R"({"cwd": "/", "args": ["/inside", "hostname"], "user": {"uid": 0, "gid": 0}})");
  CHECK(b.through_shell(write(copy), {"exec", "--process", pipe, "ID"}).out == "box\n");
  test::spill(copy, "{}");
  CHECK(b.through_shell(write(copy), {"update", "--resources", pipe, "ID"}).status == 0);
}

TEST_CASE("what stands behind the value in config.json is not read") {
  Bundle b;
  b.args({"say", "on"});
  REQUIRE(b.state().status == 1);  // has written config.json
  const auto text = test::slurp(b.path("config.json"));
  CHECK(b.config(text + "\n} trailing \xff").run().out == "on\n");
}

TEST_CASE("unknown members of config.json are ignored") {
  Bundle b;
  b.set("whatIsThis", R"({"deep": [1, 2.5, null]})").set("process.newInTwoYears", "true").set("linux.unheardOf", "[]");
  CHECK(b.args({"say", "on"}).run().out == "on\n");
}

TEST_CASE("null stands for an absent member") {
  Bundle b;
  b.set("hooks", "null").set("linux.seccomp", "null").set("process.rlimits", "null").set("linux.devices", "null");
  CHECK(b.args({"say", "on"}).run().out == "on\n");
}

TEST_CASE("a state directory that is damaged can be deleted by force") {
  Bundle b;
  ::mkdir(b.root().c_str(), 0700);
  ::mkdir((b.root() + "/" + b.id()).c_str(), 0700);
  CHECK(b.state().status == 1);
  CHECK(b.remove_container({"--force"}).status == 0);
  CHECK(b.leftovers().empty());
}

TEST_CASE("a container whose first process was killed from outside is stopped and can be deleted") {
  Bundle b;
  b.args({"do", "fork", "2", "--", "pause"}).launch();
  ::kill(b.pid(), SIGKILL);
  CHECK(b.becomes("stopped"));
  CHECK(b.remove_container().status == 0);
  CHECK(b.leftovers().empty());
}

TEST_CASE("a runtime killed in the middle of create leaves nothing that delete --force does not find") {
  for (useconds_t delay = 0; delay < 30'000; delay += 2'000) {
    Bundle b;
    b.args({"pause"});
    {
      auto running = b.begin({"create", "--bundle", b.path(), "ID"});
      ::usleep(delay);
      ::kill(running.pid(), SIGKILL);
    }
    INFO("after " << delay << " microseconds");
    CHECK(b.remove_container({"--force"}).status == 0);
    CHECK(test::eventually([&] { return b.leftovers().empty(); }));
  }
}

TEST_CASE("a foreground run that is killed leaves a container that delete --force ends") {
  Bundle b;
  b.args({"pause"});
  {
    auto running = b.begin_run();
    REQUIRE(b.becomes("running"));
  }
  CHECK(b.remove_container({"--force"}).status == 0);
  CHECK(b.leftovers().empty());
}

TEST_CASE("a run that others cannot be told of does not run its program") {
  Bundle b;
  b.args({"write", "/ran", "yes"}).set("root.readonly", "false");
  const std::string missing = b.path("missing/place");
  for (const auto* option : {"--pid-file", "--pidfd-socket"})
    for (int time = 0; time < 20; ++time) {
      REQUIRE(b.run({"--detach", option, missing}).status != 0);
      REQUIRE(::access(b.rootfs("ran").c_str(), F_OK) != 0);
    }
}

TEST_CASE("a signal to a foreground run reaches the program") {
  Bundle b;
  auto running = b.args({"trap", "10", "15", "1"}).begin_run();
  REQUIRE(running.read_until("ready").find("ready") != std::string::npos);
  ::kill(running.pid(), SIGTERM);
  const auto r = running.finish();
  CHECK_THAT(r.out, Contains("signal 15"));
  CHECK(r.status == 0);
}

TEST_CASE("two containers live beside each other") {
  Bundle a;
  Bundle b;
  a.args({"pause"}).launch();
  b.args({"pause"}).launch();
  CHECK(a.remove_container({"--force"}).status == 0);
  CHECK(b.status() == "running");
  CHECK(b.exec({"hostname"}).out == "box\n");
}

TEST_CASE("the runtime's own program cannot be reached from the container") {  // CVE-2019-5736
  Bundle b;
  test::spill(b.rootfs("script"), "#!/proc/self/exe\n", 0755);
  const auto before = test::slurp(test::runtime_path());
  b.set("process.args", R"(["/script"])").run();
  CHECK(test::slurp(test::runtime_path()) == before);
}

TEST_CASE("without descriptors for anything else, create still takes its state directory back") {
#ifdef __SANITIZE_ADDRESS__
  test::skip(
      "UndefinedBehaviorSanitizer looks at an object's type through a pipe(2), for which there is no descriptor");
#endif
  Bundle b;
  b.args({"exit", "0"});
  const int limit = GENERATE(4, 5, 6, 7);
  CAPTURE(limit);
  const auto r = b.through_shell("ulimit -n " + std::to_string(limit), {"create", "--bundle", b.path("."), "ID"});
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("Too many open files"));
  CHECK(::access((b.root() + "/" + b.id()).c_str(), F_OK) != 0);
}
