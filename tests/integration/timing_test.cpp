// SPDX-License-Identifier: Apache-2.0
// --timing: where a command's time goes.
#include <algorithm>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::Tree;
using test::Words;
using namespace Catch::Matchers;

namespace {

/// The events' names, in the order of their beginnings within the row `tid`.
Words names_of(const Tree& trace, const std::string& row) {
  Words names;
  double last = -1;
  for (unsigned number = 0;; ++number) {
    const auto event = "traceEvents[" + std::to_string(number) + "].";
    const auto name = trace.at(event + "name");
    if (name.empty()) return names;
    if (trace.at(event + "tid") != row || trace.at(event + "ph") == "M") continue;
    const double begin = std::stod(trace.at(event + "ts"));
    CHECK(begin >= last);
    last = begin;
    names.push_back(name);
  }
}

/// What --debug calls the steps.
Words steps_of_log(const std::string& log) {
  Words steps;
  for (std::size_t at = log.find("msg=\"step "); at != std::string::npos; at = log.find("msg=\"step ", at + 1)) {
    const auto begin = log.find(", ", at) + 2;
    steps.push_back(log.substr(begin, log.find("\"\n", begin) - begin));
  }
  return steps;
}

bool has(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

TEST_CASE("--timing=FILE traces the runtime's phases, and the steps of the plan in their order") {
  Bundle b;
  b.global_options = {"--timing=" + b.path("trace.json"), "--log", b.path("log"), "--debug"};
  REQUIRE(b.args({"exit", "3"}).run().status == 3);
  const Tree trace = Tree::parse(test::slurp(b.path("trace.json")));
  const auto phases = names_of(trace, "1");
  for (const auto* phase : {"seal", "config", "cgroup", "plan", "clone", "limits and device program", "serve", "save",
                            "start", "attend", "remove"}) {
    INFO(phase);
    CHECK(has(phases, phase));
  }
  const auto steps = names_of(trace, "2");
  CHECK(steps.size() > 20);
  CHECK(steps == steps_of_log(test::slurp(b.path("log"))));
}

TEST_CASE("--timing shows a table on standard error, also of a command that fails") {
  Bundle b;
  b.global_options = {"--timing"};
  const auto r = b.args({"exit", "0"}).run();
  CHECK(r.status == 0);
  CHECK_THAT(r.err, Contains("took ms  phase of the runtime\n"));
  CHECK_THAT(r.err, Contains("  execute /inside exit 0\n"));
  const auto failed = b.set("process.args", R"(["/no/such/program"])").run();
  CHECK(failed.status != 0);
  CHECK_THAT(failed.err, Contains("  find program /no/such/program\n"));
  CHECK_THAT(failed.err, !Contains("  execute /no/such/program\n"));
  CHECK_THAT(b.state().err, Contains("  state\n") && Contains("does not exist"));
}

TEST_CASE("no clock is read behind a seccomp filter, which may kill for it") {
  Bundle b;
  b.global_options = {"--timing"};
  b.set("linux.seccomp", R"({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
    "syscalls": [{"names": ["clock_gettime"], "action": "SCMP_ACT_KILL_PROCESS"}]})");
  const auto r = b.args({"exit", "0"}).run();
  CHECK(r.status == 0);
  CHECK_THAT(r.err, Contains("  load a seccomp filter of "));
  CHECK_THAT(r.err, !Contains("  execute /inside"));
}

TEST_CASE("a trace that cannot be written is a warning: the command has done its work") {
  Bundle b;
  b.global_options = {"--timing=" + b.path("no/such/directory")};
  const auto r = b.args({"exit", "0"}).run();
  CHECK(r.status == 0);
  CHECK_THAT(r.err, Contains("--timing: ") && Contains("No such file or directory"));
  b.global_options = {"--timing=false"};
  CHECK(b.run().err.empty());
}
