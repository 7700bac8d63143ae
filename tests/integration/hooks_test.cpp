// SPDX-License-Identifier: Apache-2.0
// config.md, "POSIX-platform Hooks", with ENGINE-CONTRACT's order, places and states.
#include <chrono>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::line_with;
using test::Tree;
using namespace Catch::Matchers;

namespace {

/// A hook of the host that adds `name`, its working directory and its standard input to the bundle's file "log".
void log_hook(Bundle& b, const std::string& kind, const std::string& name) {
  b.hook(kind, {"/bin/sh", "-c", "{ echo \"" + name + " $(pwd)\"; cat; echo; } >>" + b.path("log")});
}

}  // namespace

TEST_CASE("hooks of the host run in their order, with the container's state on standard input") {
  Bundle b;
  for (const auto* kind : {"poststop", "poststart", "createRuntime", "prestart"}) log_hook(b, kind, kind);
  REQUIRE(b.args({"pause"}).create().status == 0);
  std::string log = test::slurp(b.path("log"));
  CHECK(log.find("prestart") < log.find("createRuntime"));
  CHECK_THAT(log, Contains("createRuntime") && !Contains("poststart"));
  REQUIRE(b.start().status == 0);
  CHECK_THAT(test::slurp(b.path("log")), Contains("poststart") && !Contains("poststop"));
  REQUIRE(b.remove_container({"--force"}).status == 0);
  CHECK_THAT(test::slurp(b.path("log")), Contains("poststop"));
}

TEST_CASE("a hook sees the state that its moment has") {
  Bundle b;
  for (const auto* kind : {"createRuntime", "poststart", "poststop"})
    b.hook(kind, {"/bin/sh", "-c", "cat >" + b.path(kind)});
  b.args({"pause"}).set("annotations", R"({"a": "b"})").launch();
  const auto pid = std::to_string(b.pid());
  REQUIRE(b.remove_container({"--force"}).status == 0);
  const Tree before = Tree::parse(test::slurp(b.path("createRuntime")));
  CHECK(before.at("id") == b.id());
  CHECK(before.at("status") == "creating");
  CHECK(before.at("pid") == pid);
  CHECK(before.at("bundle") + "/" == b.path());
  CHECK(before.at("annotations") == R"({"a":"b"})");
  CHECK(Tree::parse(test::slurp(b.path("poststart"))).at("status") == "running");
  CHECK(Tree::parse(test::slurp(b.path("poststop"))).at("status") == "stopped");
}

TEST_CASE("hooks of the host start in the bundle") {
  Bundle b;
  log_hook(b, "createRuntime", "here");
  b.args({"exit", "0"}).run();
  CHECK_THAT(test::slurp(b.path("log")), StartsWith("here " + b.path().substr(0, b.path().size() - 1) + "\n"));
}

TEST_CASE("createRuntime hooks run before pivot_root, with the container's mounts made") {
  Bundle b;
  b.hook(
      "createRuntime",
      {"/bin/sh", "-c", R"(pid=$(sed 's/.*"pid": *\([0-9]*\).*/\1/'); cat /proc/$pid/mountinfo >)" + b.path("mounts")});
  b.mount("/scratch", "tmpfs", "tmpfs", "").args({"exit", "0"}).run();
  CHECK_THAT(test::slurp(b.path("mounts")), Contains("/rootfs/scratch ") && Contains("/rootfs/proc "));
}

TEST_CASE("createContainer hooks run in the container's namespaces, with programs of the host") {
  Bundle b;
  b.hook(
      "createContainer",
      {"/bin/sh", "-c", "readlink /proc/self/ns/uts > " + b.path("uts") + "; mount -t tmpfs none " + b.rootfs("tmp")});
  const auto r = b.args({"do", "cat", "/proc/self/mountinfo", "--", "ns"}).run();
  CHECK_THAT(test::slurp(b.path("uts")), StartsWith("uts:["));
  CHECK(test::slurp(b.path("uts")) == line_with(r.out, "uts:[") + "\n");
  CHECK_THAT(line_with(r.out, " /tmp "), Contains("tmpfs"));
}

TEST_CASE("startContainer hooks run in the container, with its programs, at start") {
  Bundle b;
  b.hook("startContainer", {"/inside", "write", "/tmp/mark", "here"});
  REQUIRE(b.args({"pause"}).create().status == 0);
  CHECK(test::slurp(b.rootfs("tmp/mark")).empty());
  REQUIRE(b.start().status == 0);
  CHECK(test::eventually([&] { return test::slurp(b.rootfs("tmp/mark")) == "here"; }));
}

TEST_CASE("startContainer hooks have the program's environment") {
  Bundle b;
  b.set("process.env", R"(["MARK=yes"])").hook("startContainer", {"/inside", "env"});
  b.hook("startContainer", {"/inside", "do", "write", "/tmp/ran", "x"});
  CHECK(b.args({"cat", "/tmp/ran"}).run().out.find('x') != std::string::npos);
}

TEST_CASE("a hook gets exactly its args and env") {
  Bundle b;
  test::spill(b.path("hook.sh"), "#!/bin/sh\n{ echo \"$#:$1:$2\"; env; } >" + b.path("seen") + "\n", 0755);
  b.set("hooks.createRuntime[]",
        R"({"path": ")" + b.path("hook.sh") + R"(", "args": ["any name", "one", "two words"], "env": ["ONLY=this"]})");
  b.args({"exit", "0"}).run();
  const auto seen = test::slurp(b.path("seen"));
  CHECK(seen.starts_with("2:one:two words\n"));
  CHECK(test::has_line(seen, "ONLY=this"));
  CHECK(seen.find("HOME=") == std::string::npos);
}

TEST_CASE("several hooks of a kind run in the order of the list") {
  Bundle b;
  for (const auto* word : {"one", "two", "three"})
    b.hook("createRuntime", {"/bin/sh", "-c", std::string("echo ") + word + " >>" + b.path("log")});
  b.args({"exit", "0"}).run();
  CHECK(test::slurp(b.path("log")) == "one\ntwo\nthree\n");
}

TEST_CASE("a failing hook fails create, says which and why, and leaves nothing") {
  for (const auto* kind : {"prestart", "createRuntime", "createContainer"}) {
    Bundle b;
    b.hook(kind, {"/bin/true"}).hook(kind, {"/bin/sh", "-c", "echo the reason >&2; exit 3"});
    const auto r = b.args({"exit", "0"}).create();
    INFO(kind);
    CHECK(r.status == 1);
    CHECK_THAT(r.err, Contains("error running") && Contains("hook #1") && Contains("the reason"));
    CHECK(b.leftovers().empty());
  }
}

TEST_CASE("a failing startContainer hook keeps the program from running") {
  Bundle b;
  b.hook("startContainer", {"/inside", "exit", "3"});
  const auto r = b.args({"say", "ran"}).run();
  CHECK(r.status != 0);
  CHECK(r.out.empty());
}

TEST_CASE("a failing poststop hook does not keep a container from being deleted") {
  Bundle b;
  b.hook("poststop", {"/bin/false"}).args({"exit", "0"}).launch();
  REQUIRE(b.becomes("stopped"));
  b.remove_container();
  CHECK(b.leftovers().empty());
}

TEST_CASE("a hook that outlives its timeout is killed and fails create") {
  Bundle b;
  b.hook("createRuntime", {"/bin/sh", "-c", "exec sleep 60"}, R"("timeout": 1)");
  const auto before = std::chrono::steady_clock::now();
  const auto r = b.args({"exit", "0"}).create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("hook ran past specified timeout of 1.0s"));
  CHECK(std::chrono::steady_clock::now() - before < test::Seconds(20));
  CHECK(b.leftovers().empty());
}

TEST_CASE("a timeout of 0 or less is refused") {
  Bundle b;
  CHECK(b.hook("createRuntime", {"/bin/true"}, R"("timeout": 0)").args({"exit", "0"}).create().status == 1);
  CHECK(b.leftovers().empty());
}

TEST_CASE("a hook whose program does not exist fails create by name") {
  Bundle b;
  const auto r = b.hook("createRuntime", {"/no/such/hook"}).args({"exit", "0"}).create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("/no/such/hook"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("a hook path has to be absolute") {
  Bundle b;
  CHECK(b.hook("createRuntime", {"true"}).args({"exit", "0"}).create().status == 1);
  CHECK(b.leftovers().empty());
}

TEST_CASE("a hook that does not read its input does not harm") {
  Bundle b;
  b.set("annotations", R"({"long": ")" + std::string(200'000, 'x') + "\"}").hook("createRuntime", {"/bin/true"});
  CHECK(b.args({"say", "on"}).run().out == "on\n");
}
