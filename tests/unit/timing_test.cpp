// SPDX-License-Identifier: Apache-2.0
#include "base/timing.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "base/json.hpp"
#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::Contains;
using timing::Record;
using timing::Span;

namespace {

const json::Value& event(const json::Value& events, std::string_view name) {
  for (const auto* one = events.first; one != nullptr; one = one->next)
    if (one->find("name")->text == name) return *one;
  FAIL("no event " << name);
  throw;
}

}  // namespace

TEST_CASE("a trace has every phase and step as an event, in microseconds, each kind in its row") {
  const Record record{{{"seal", 1'000, 2'500}, {"clone", 3'500, 1'000'000}},
                      {{"mount \"proc\"\n", 4'000, 600}, {"execute /bin/true", 4'600, std::nullopt}}};
  const auto text = timing::chrome_trace(record, "runtime run");
  const auto document = json::Document::parse(text);
  const auto& events = *document.root().find("traceEvents");
  const auto& clone = event(events, "clone");
  CHECK(clone.find("ph")->text == "X");
  CHECK(clone.find("ts")->text == "3.5");
  CHECK(clone.find("dur")->text == "1000");
  const auto& mount = event(events, "mount \"proc\"\n");
  CHECK(mount.find("ts")->text == "4");
  CHECK(mount.find("dur")->text == "0.6");
  CHECK(mount.find("pid")->text == clone.find("pid")->text);
  CHECK(mount.find("tid")->text != clone.find("tid")->text);
  const auto& execute = event(events, "execute /bin/true");
  CHECK(execute.find("ph")->text == "i");
  CHECK(execute.find("dur") == nullptr);
  CHECK(event(events, "process_name").find("args")->find("name")->text == "runtime run");
}

TEST_CASE("the table of times is in milliseconds, and has nothing in it that a terminal would obey") {
  const auto text = timing::table({{{"seal", 0, 1'234'567}}, {{"set the hostname \x1b[2J", 2'000'000, std::nullopt}}});
  CHECK_THAT(text, Contains("     0.000      1.235  seal\n"));
  CHECK_THAT(text, Contains("     2.000             set the hostname \\x1b[2J\n"));
  CHECK(timing::table({}).empty());
}

TEST_CASE("phases follow each other, and a child's readings are its parent's to see") {
  timing::phase("nobody asks yet");
  timing::begin();
  timing::phase("first");
  timing::expect_steps({"one", "two", "never reached"});
  timing::phase("second");
  const pid_t child = ::fork();
  if (child == 0) {
    auto* readings = timing::readings();
    for (int step = 0; step < 2; ++step) readings[step] = timing::now();
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  const auto seen = timing::record();
  static const auto* const kept = std::exchange(timing::recorder, nullptr);  // off again; no leak, as it can be reached
  REQUIRE(kept);
  REQUIRE(seen.phases.size() == 2);
  CHECK(seen.phases[0].name == "first");
  CHECK(seen.phases[0].begin + *seen.phases[0].length == seen.phases[1].begin);
  REQUIRE(seen.steps.size() == 2);
  CHECK(seen.steps[0].name == "one");
  CHECK(seen.steps[0].begin >= seen.phases[1].begin);
  CHECK(seen.steps[0].begin + *seen.steps[0].length == seen.steps[1].begin);
  CHECK_FALSE(seen.steps[1].length);
}
