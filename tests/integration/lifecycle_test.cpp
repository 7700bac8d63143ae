// SPDX-License-Identifier: Apache-2.0
// create, start, state, kill, delete: the states of runtime.md, and the texts that engines match when one is wrong.
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::Tree;
using namespace Catch::Matchers;

TEST_CASE("run returns the exit status of the program") {
  Bundle b;
  CHECK(b.args({"exit", "7"}).run().status == 7);
  CHECK(b.args({"exit", "0"}).run().status == 0);
}

TEST_CASE("run returns 128 and the signal's number when a signal ends the program") {
  Bundle b;
  b.args({"pause"});
  auto running = b.begin_run();
  REQUIRE(b.becomes("running"));
  b.kill("KILL");
  CHECK(running.finish().status == 128 + 9);
}

TEST_CASE("run connects the program's three streams") {
  Bundle b;
  b.input = "words from outside";
  const auto r = b.args({"do", "echo", "--", "complain", "a complaint"}).run();
  CHECK(r.out == "words from outside");
  CHECK(r.err == "a complaint\n");
}

TEST_CASE("a container is created, then running, then stopped, then gone") {
  Bundle b;
  b.args({"pause"});
  REQUIRE(b.create().status == 0);
  CHECK(b.status() == "created");
  REQUIRE(b.start().status == 0);
  CHECK(b.status() == "running");
  REQUIRE(b.kill("KILL").status == 0);
  CHECK(b.becomes("stopped"));
  CHECK(b.remove_container().status == 0);
  CHECK_THAT(b.state().err, Contains("does not exist"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("create runs nothing of the program before start") {
  Bundle b;
  REQUIRE(b.args({"do", "say", "ran", "--", "pause"}).create().status == 0);
  ::usleep(100'000);
  CHECK(b.output().empty());
  REQUIRE(b.start().status == 0);
  CHECK(b.outputs("ran"));
}

TEST_CASE("state prints what runtime.md asks for") {
  Bundle b;
  b.args({"pause"}).set("annotations", R"({"com.example.key": "value"})").launch();
  const auto r = b.state();
  REQUIRE(r.status == 0);
  CHECK(r.err.empty());
  const Tree state = Tree::parse(r.out);
  CHECK_FALSE(state.at("ociVersion").empty());
  CHECK(state.at("id") == b.id());
  CHECK(state.at("status") == "running");
  CHECK(test::slurp("/proc/" + state.at("pid") + "/comm") == "inside\n");
  CHECK(state.at("bundle") + "/" == b.path());
  CHECK(state.at("rootfs") + "/" == b.rootfs());
  CHECK(state.at("annotations") == R"({"com.example.key":"value"})");
  CHECK(state.at("created").size() >= std::string("2026-01-01T00:00:00Z").size());
}

TEST_CASE("the state of a stopped container has pid 0") {
  Bundle b;
  b.args({"exit", "0"}).launch();
  REQUIRE(b.becomes("stopped"));
  CHECK(b.pid() == 0);
}

TEST_CASE("state has no annotations when config.json has none") {
  Bundle b;
  REQUIRE(b.args({"pause"}).create().status == 0);
  CHECK(Tree::parse(b.state().out).at("annotations").empty());
}

TEST_CASE("an id can be used once") {
  Bundle b;
  REQUIRE(b.args({"pause"}).create().status == 0);
  const auto again = b.runtime({"create", "--bundle", b.path(), "ID"});
  CHECK(again.status == 1);
  CHECK_THAT(again.err, Contains("container with given ID already exists"));
  CHECK(b.status() == "created");
}

TEST_CASE("an id that could leave the state directory is refused") {
  Bundle b;
  for (const std::string id : {"..", ".", "a/b", "../x", "a b", "a\nb", "a\xc3\xa4"}) {
    const auto r = b.runtime({"create", "--bundle", b.path(), id});
    INFO(id);
    CHECK(r.status == 1);
    CHECK_THAT(r.err, Contains("invalid container ID format"));
  }
}

TEST_CASE("an empty id is refused") {
  Bundle b;
  const auto r = b.runtime({"create", "--bundle", b.path(), ""});
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("cannot be empty"));
}

TEST_CASE("every command says that a container does not exist") {
  Bundle b;
  for (const test::Words& words : {test::Words{"state", "ID"},
                                   {"start", "ID"},
                                   {"kill", "ID", "TERM"},
                                   {"delete", "ID"},
                                   {"pause", "ID"},
                                   {"resume", "ID"},
                                   {"ps", "ID"},
                                   {"exec", "ID", "/inside"}}) {
    const auto r = b.runtime(words);
    INFO(words[0]);
    CHECK(r.status == (words[0] == "exec" ? 255 : 1));
    CHECK_THAT(r.err, Contains("container does not exist"));
  }
}

TEST_CASE("delete --force of a container that does not exist succeeds") {
  Bundle b;
  CHECK(b.remove_container({"--force"}).status == 0);
}

TEST_CASE("a running container is not started again") {
  Bundle b;
  b.args({"pause"}).launch();
  const auto r = b.start();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("cannot start an already running container"));
}

TEST_CASE("a stopped container is not started") {
  Bundle b;
  b.args({"exit", "0"}).launch();
  REQUIRE(b.becomes("stopped"));
  const auto r = b.start();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("cannot start a container that has stopped"));
}

TEST_CASE("a running container is not deleted without --force") {
  Bundle b;
  b.args({"pause"}).launch();
  const auto r = b.remove_container();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("cannot delete container " + b.id() + " that is not stopped: running"));
  CHECK(b.status() == "running");
  CHECK(b.remove_container({"--force"}).status == 0);
  CHECK(b.leftovers().empty());
}

TEST_CASE("a created container is deleted without --force") {
  Bundle b;
  REQUIRE(b.args({"pause"}).create().status == 0);
  CHECK(b.remove_container().status == 0);
  CHECK(b.leftovers().empty());
}

TEST_CASE("a created container ends by the signal it is sent") {
  for (const char* signal : {"TERM", "INT"}) {
    Bundle b;
    REQUIRE(b.args({"pause"}).create().status == 0);
    REQUIRE(b.kill(signal).status == 0);
    CHECK(b.becomes("stopped"));
    CHECK(b.remove_container().status == 0);
  }
}

TEST_CASE("a program starts with the default actions of the signals that a created container heeds") {
  Bundle b;
  REQUIRE(b.args({"do", "say", "runs", "--", "pause"}).create().status == 0);
  REQUIRE(b.start().status == 0);
  REQUIRE(b.outputs("runs"));
  REQUIRE(b.kill("INT").status == 0);  // ignored: the first process of its pid namespace, without a handler
  ::usleep(100'000);
  CHECK(b.status() == "running");
}

TEST_CASE("a stopped container cannot be killed, paused, resumed or entered") {
  Bundle b;
  b.args({"exit", "0"}).launch();
  REQUIRE(b.becomes("stopped"));
  CHECK_THAT(b.kill("TERM").err, Contains("container not running"));
  CHECK_THAT(b.kill("0").err, Contains("container not running"));
  CHECK_THAT(b.runtime({"pause", "ID"}).err, Contains("container not running"));
  CHECK_THAT(b.runtime({"resume", "ID"}).err, Contains("container not paused"));
  const auto r = b.exec({"exit", "0"});
  CHECK(r.status == 255);
  CHECK_THAT(r.err, Contains("cannot exec in a stopped container"));
}

TEST_CASE("kill --all of a stopped container succeeds") {
  Bundle b;
  b.args({"exit", "0"}).launch();
  REQUIRE(b.becomes("stopped"));
  CHECK(b.runtime({"kill", "--all", "ID", "9"}).status == 0);
}

TEST_CASE("a bundle without config.json is refused by name") {
  Bundle b;
  const auto r = b.runtime({"create", "--bundle", b.path("rootfs"), "ID"});
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("config.json"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("without --bundle the bundle is the working directory") {
  Bundle b;
  b.args({"hostname"}).directory = b.path();
  CHECK(b.runtime({"run", "ID"}).out == "box\n");
}

TEST_CASE("run --keep leaves a stopped container") {
  Bundle b;
  CHECK(b.args({"exit", "3"}).run({"--keep"}).status == 3);
  CHECK(b.status() == "stopped");
  CHECK(b.remove_container().status == 0);
}

TEST_CASE("run --detach returns while the program runs") {
  Bundle b;
  CHECK(b.args({"pause"}).run({"--detach"}).status == 0);
  CHECK(b.status() == "running");
}

TEST_CASE("a detached container belongs to the nearest subreaper, with nothing of the runtime between") {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  Bundle b;
  b.args({"do", "session", "--", "pause"}).launch();
  const pid_t pid = b.pid();
  const std::string parent = test::line_with(test::slurp("/proc/" + std::to_string(pid) + "/status"), "PPid:");
  CHECK(parent == "PPid:\t" + std::to_string(::getpid()));
  b.kill("KILL");
  int status = 0;
  CHECK(::waitpid(pid, &status, 0) == pid);
  CHECK(b.status() == "stopped");
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST_CASE("a zombie is a stopped container") {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  Bundle b;
  b.args({"exit", "0"}).launch();
  CHECK(b.becomes("stopped"));
  CHECK(b.remove_container().status == 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  while (::waitpid(-1, nullptr, WNOHANG) > 0) continue;
}

TEST_CASE("the state directory is closed to others") {
  Bundle b;
  REQUIRE(b.args({"pause"}).create().status == 0);
  struct stat root {};
  REQUIRE(::stat(b.root().c_str(), &root) == 0);
  CHECK((root.st_mode & 0077U) == 0);
}

TEST_CASE("kill --all of a stopped container succeeds, kill of it does not") {
  for (const auto* driver : {"cgroupfs", "disabled"}) {
    Bundle b;
    b.global_options = {"--cgroup-manager", driver};
    b.args({"exit", "0"}).launch();
    REQUIRE(b.becomes("stopped"));
    CHECK(b.runtime({"kill", "--all", "ID", "TERM"}).status == 0);
    CHECK(b.kill("TERM").status != 0);
  }
}
