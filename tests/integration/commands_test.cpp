// SPDX-License-Identifier: Apache-2.0
// What the commands print, and what their options do: list, ps, kill, delete, spec, features, --version, the log, pid
// files.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::line_with;
using test::Tree;
using namespace Catch::Matchers;

// list
// ------------------------------------------------------------------------------------------------------------------

TEST_CASE("list -f json describes every container") {
  Bundle b;
  REQUIRE(b.args({"pause"}).create().status == 0);
  const auto r = b.runtime({"list", "--format", "json"});
  CHECK(r.status == 0);
  CHECK(r.err.empty());
  const Tree all = Tree::parse(r.out);
  CHECK(all.at("[0].id") == b.id());
  CHECK(all.at("[0].status") == "created");
  CHECK(all.at("[0].pid") == std::to_string(b.pid()));
  CHECK(all.at("[0].owner") == "root");
  CHECK(all.at("[1]").empty());
}

TEST_CASE("list -f json without containers is null") {
  Bundle b;
  ::mkdir(b.root().c_str(), 0700);
  CHECK(b.runtime({"list", "-f", "json"}).out == "null\n");
}

TEST_CASE("list prints a table") {
  Bundle b;
  b.args({"pause"}).launch();
  const auto out = b.runtime({"list"}).out;
  const std::string head = out.substr(0, out.find('\n'));
  for (const auto* column : {"ID ", "PID ", "STATUS ", "BUNDLE ", "CREATED ", "OWNER"})
    CHECK_THAT(head, Contains(column));
  CHECK_THAT(line_with(out, b.id()), Contains(" running ") && Contains(std::to_string(b.pid())));
}

TEST_CASE("list -q prints ids only") {
  Bundle b;
  REQUIRE(b.args({"pause"}).create().status == 0);
  CHECK(b.runtime({"list", "-q"}).out == b.id() + "\n");
}

TEST_CASE("list refuses an unknown format") {
  Bundle b;
  ::mkdir(b.root().c_str(), 0700);
  CHECK(b.runtime({"list", "--format", "yaml"}).status == 1);
}

TEST_CASE("list shows the other containers when one is damaged") {
  Bundle b;
  REQUIRE(b.args({"pause"}).create().status == 0);
  ::mkdir((b.root() + "/damaged").c_str(), 0700);
  test::spill(b.root() + "/damaged/state.json", "{");
  CHECK_THAT(b.runtime({"list", "-q"}).out, Contains(b.id()));
}

// ps
// --------------------------------------------------------------------------------------------------------------------

TEST_CASE("ps -f json lists the container's processes by their host pids") {
  Bundle b;
  b.args({"do", "fork", "2", "--", "pause"}).launch();
  CHECK(test::eventually([&] {
    const auto out = b.runtime({"ps", "--format", "json", "ID"}).out;
    return std::count(out.begin(), out.end(), ',') == 2 && out.find(std::to_string(b.pid())) != std::string::npos;
  }));
}

TEST_CASE("ps prints a table with the host's ps") {
  if (::access("/usr/bin/ps", X_OK) != 0 && ::access("/bin/ps", X_OK) != 0) test::skip("there is no ps here");
  Bundle b;
  b.args({"pause"}).launch();
  const auto r = b.runtime({"ps", "ID"});
  CHECK(r.status == 0);
  CHECK_THAT(r.out, Contains("PID") && Contains("CMD"));
  CHECK_THAT(line_with(r.out, "/inside pause"), Contains(" " + std::to_string(b.pid()) + " "));
}

// kill
// ------------------------------------------------------------------------------------------------------------------

TEST_CASE("kill takes signals by number and by name, in any case, with and without SIG") {
  for (const std::string signal : {"10", "USR1", "SIGUSR1", "usr1", "sigusr1"}) {
    Bundle b;
    b.args({"trap", "10"}).launch();
    REQUIRE(b.outputs("ready"));
    INFO(signal);
    CHECK(b.kill(signal).status == 0);
    CHECK(b.outputs("signal 10"));
  }
}

TEST_CASE("kill without a signal sends SIGTERM") {
  Bundle b;
  b.args({"trap", "15"}).launch();
  REQUIRE(b.outputs("ready"));
  CHECK(b.runtime({"kill", "ID"}).status == 0);
  CHECK(b.outputs("signal 15"));
}

TEST_CASE("kill with signal 0 asks whether the container lives") {
  Bundle b;
  b.args({"trap", "10"}).launch();
  CHECK(b.kill("0").status == 0);
  CHECK(b.status() == "running");
}

TEST_CASE("kill refuses an unknown signal by name") {
  Bundle b;
  b.args({"pause"}).launch();
  const auto r = b.kill("SIGLUCK");
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("unknown signal") && Contains("SIGLUCK"));
}

TEST_CASE("kill works on a container that is created only") {
  Bundle b;
  REQUIRE(b.args({"pause"}).create().status == 0);
  CHECK(b.kill("KILL").status == 0);
  CHECK(b.becomes("stopped"));
}

// The pid file
// ----------------------------------------------------------------------------------------------------------

TEST_CASE("the pid file holds the pid and nothing else") {
  Bundle b;
  REQUIRE(b.args({"pause"}).create({"--pid-file", b.path("pid")}).status == 0);
  CHECK(test::slurp(b.path("pid")) == std::to_string(b.pid()));
}

TEST_CASE("a relative pid file is below the caller's working directory") {
  Bundle b;
  ::mkdir(b.path("elsewhere").c_str(), 0755);
  b.directory = b.path("elsewhere");
  REQUIRE(b.args({"pause"}).create({"--pid-file", "pid"}).status == 0);
  CHECK(test::slurp(b.path("elsewhere/pid")) == std::to_string(b.pid()));
}

TEST_CASE("a failed create leaves no pid file") {
  Bundle b;
  CHECK(b.set("process.args", R"(["/nope"])").create({"--pid-file", b.path("pid")}).status == 1);
  CHECK(::access(b.path("pid").c_str(), F_OK) != 0);
}

TEST_CASE("create sends a pidfd of the first process to the pidfd socket") {
  Bundle b;
  test::Receiver receiver(b.path("pidfd.sock"));
  REQUIRE(b.args({"pause"}).create({"--pidfd-socket", b.path("pidfd.sock")}).status == 0);
  const oci::Fd process = receiver.receive();
  REQUIRE(process);
  CHECK_THAT(test::slurp("/proc/self/fdinfo/" + std::to_string(process.get())),
             Contains("Pid:\t" + std::to_string(b.pid())));
}

// The log
// ---------------------------------------------------------------------------------------------------------------

TEST_CASE("a failing command leaves exactly one JSON object in a JSON log") {
  Bundle b;
  b.global_options = {"--log", b.path("log"), "--log-format", "json"};
  const auto r = b.set("process.args", R"(["/nope"])").create();
  CHECK(r.status == 1);
  const std::string log = test::slurp(b.path("log"));
  CHECK(std::count(log.begin(), log.end(), '\n') == 1);
  const Tree entry = Tree::parse(log);
  CHECK(entry.at("level") == "error");
  CHECK_THAT(entry.at("msg"), Contains("/nope") && Contains("no such file or directory"));
  CHECK_THAT(entry.at("time"), Matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(Z|[+-]\\d\\d:\\d\\d)"));
}

TEST_CASE("what stands in a log file also stands on standard error, bare") {
  Bundle b;
  b.global_options = {"--log", b.path("log"), "--log-format", "json"};
  const auto r = b.set("process.args", R"(["/nope"])").create();
  CHECK(r.err.find(Tree::parse(test::slurp(b.path("log"))).at("msg")) != std::string::npos);
}

TEST_CASE("a log in the text format has one line for the error") {
  Bundle b;
  b.global_options = {"--log", b.path("log")};
  CHECK(b.state().status == 1);
  const std::string log = test::slurp(b.path("log"));
  CHECK_THAT(log, StartsWith("time=\"") && Contains("level=error") && Contains("does not exist"));
  CHECK(std::count(log.begin(), log.end(), '\n') == 1);
}

TEST_CASE("a succeeding command writes nothing to the log and to standard error") {
  Bundle b;
  b.global_options = {"--log", b.path("log"), "--log-format", "json"};
  const auto r = b.args({"say", "x"}).run();
  CHECK(r.out == "x\n");
  CHECK(r.err.empty());
  CHECK(test::slurp(b.path("log")).empty());
}

TEST_CASE("an unknown log format is refused") {
  Bundle b;
  b.global_options = {"--log-format", "xml"};
  CHECK(b.state().status == 1);
}

// spec, features, version
// -----------------------------------------------------------------------------------------------

TEST_CASE("spec writes a config.json that runs, and does not replace one") {
  Bundle b;
  ::mkdir(b.path("new").c_str(), 0755);
  const auto r = b.runtime({"spec", "--bundle", b.path("new")});
  CHECK(r.status == 0);
  CHECK(r.out.empty());
  Tree config = Tree::parse(test::slurp(b.path("new/config.json")));
  CHECK(config.at("process.args") == R"(["sh"])");
  config.set("process.args", R"(["/inside", "say", "runs"])");
  config.set("process.terminal", "false");
  config.set("root.path", test::quoted(b.path("rootfs")));
  CHECK(b.config(config.text()).run().out == "runs\n");
  CHECK_THAT(b.runtime({"spec", "--bundle", b.path("new")}).err, Contains("exists"));
}

TEST_CASE("features is JSON and says what engines ask for") {
  Bundle b;
  const auto r = b.runtime({"features"});
  CHECK(r.status == 0);
  CHECK(r.err.empty());
  const Tree features = Tree::parse(r.out);
  CHECK_FALSE(features.at("ociVersionMin").empty());
  CHECK_FALSE(features.at("ociVersionMax").empty());
  CHECK_THAT(features.at("mountOptions"), Contains("\"rro\""));
  CHECK_THAT(features.at("linux.namespaces"), Contains("\"user\""));
  CHECK_FALSE(features.at("linux.mountExtensions.idmap.enabled").empty());
  CHECK_THAT(features.at("hooks"), Contains("\"createContainer\""));
}

TEST_CASE("--version says name, version and spec, one a line") {
  Bundle b;
  const auto r = b.runtime({"--version"});
  CHECK(r.status == 0);
  CHECK_THAT(r.out, Matches("\\S+ version \\d+\\.\\d+[^\\n]*\\n(.|\\n)*spec: \\d+\\.\\d+\\.\\d+(.|\\n)*"));
}

TEST_CASE("an unknown command and an unknown option are refused") {
  Bundle b;
  CHECK(b.runtime({"dance"}).status != 0);
  CHECK(b.runtime({"state", "--sing", "ID"}).status != 0);
}

TEST_CASE("a command with the wrong number of words is refused") {
  Bundle b;
  for (const test::Words& words :
       {test::Words{"state"}, {"state", "ID", "more"}, {"create"}, {"start"}, {"delete"}, {"kill"}}) {
    INFO(words[0]);
    CHECK(b.runtime(words).status != 0);
  }
}

TEST_CASE("options are taken as --option=value and behind the id, too") {
  Bundle b;
  b.args({"pause"});
  CHECK(b.runtime({"create", "ID", "--bundle=" + b.path(), "--pid-file=" + b.path("pid")}).status == 0);
  CHECK(test::slurp(b.path("pid")) == std::to_string(b.pid()));
}

TEST_CASE("commands work with an empty environment") {
  Bundle b;
  b.environment = test::Words{};
  b.args({"pause"}).launch();
  CHECK(b.status() == "running");
  CHECK(b.kill("KILL").status == 0);
  CHECK(b.becomes("stopped"));
  CHECK(b.remove_container().status == 0);
}
