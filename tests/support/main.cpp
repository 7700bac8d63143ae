// SPDX-License-Identifier: Apache-2.0
// Runs the tests, one line for each on standard output, "ok NAME", "not ok NAME" or "skip NAME  REASON", and a last
// line "N passed, N failed, N skipped". What failed in a test stands above its line.
#define CATCH_CONFIG_RUNNER
#include <csignal>
#include <cstdio>
#include <optional>

#include "support/catch.hpp"

namespace {

struct Tally {
  unsigned passed = 0;
  unsigned failed = 0;
  unsigned skipped = 0;
  std::optional<std::string> reason;  ///< why the running test case was skipped
};

// The listener is made by Catch2, so what it counts has to live where main() finds it.
Tally tally;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

#if CATCH_VERSION_MAJOR >= 3
using Listener = Catch::EventListenerBase;
#else
using Listener = Catch::TestEventListenerBase;
#endif

class Lines : public Listener {
 public:
  using Listener::Listener;

  void testCaseStarting(const Catch::TestCaseInfo& test) override {
    Listener::testCaseStarting(test);
    tally.reason.reset();
  }

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    const std::string& name = stats
                                  .testInfo
#if CATCH_VERSION_MAJOR >= 3
                                  ->name;
#else
                                  .name;
#endif
    // A test that asserted nothing cannot have passed.
    if (!stats.totals.assertions.allPassed() || (!tally.reason && stats.totals.assertions.total() == 0)) {
      ++tally.failed;
      std::printf("not ok %s\n", name.c_str());
    } else if (tally.reason) {
      ++tally.skipped;
      std::printf("skip %s  %s\n", name.c_str(), tally.reason->c_str());
    } else {
      ++tally.passed;
      std::printf("ok %s\n", name.c_str());
    }
    std::fflush(stdout);
    Listener::testCaseEnded(stats);
  }
};

CATCH_REGISTER_LISTENER(Lines)

}  // namespace

void test::skip(const std::string& reason) {
  tally.reason = reason;
#if CATCH_VERSION_MAJOR >= 3
  SKIP(reason);
#else
  throw Catch::TestFailureException();  // leaves the test case; nothing has been counted as a failure
#endif
}

int main(int argc, char* argv[]) {
  // A shell cannot trap what was ignored when it began (nohup, CI): tests that send signals would wait for ever.
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  Catch::Session session;
#if CATCH_VERSION_MAJOR >= 3
  session.configData().allowZeroTests = true;  // as version 2: a filter may match in another suite
#endif
  const int status = session.run(argc, argv);
  if (tally.passed + tally.failed + tally.skipped > 0)
    std::printf("%u passed, %u failed, %u skipped\n", tally.passed, tally.failed, tally.skipped);
  return status != 0 || tally.failed > 0 ? 1 : 0;
}
