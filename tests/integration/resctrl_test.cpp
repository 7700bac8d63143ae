// SPDX-License-Identifier: Apache-2.0
// linux.intelRdt where the machine has none: what happens where it has is in unit/resctrl_test.
#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using namespace Catch::Matchers;

TEST_CASE("without resctrl a container that asks for it is not made, and the error says what is missing") {
  if (test::slurp("/proc/self/mountinfo").find(" - resctrl ") != std::string::npos) test::skip("resctrl is mounted");
  for (const auto* rdt : {R"({})", R"({"closID": "/"})", R"({"l3CacheSchema": "L3:0=f", "enableMonitoring": true})"}) {
    Bundle b;
    const auto r = b.set("linux.intelRdt", rdt).args({"exit", "0"}).create();
    INFO(rdt);
    CHECK(r.status == 1);
    CHECK_THAT(test::unquoted(r.err), Contains("linux.intelRdt: resctrl is not mounted") &&
                                          Contains("mount -t resctrl resctrl /sys/fs/resctrl"));
    CHECK(b.state().status != 0);
  }
}

TEST_CASE("a closID that could be another directory is refused before anything is made") {
  Bundle b;
  const auto r = b.set("linux.intelRdt", R"({"closID": "../../tmp"})").args({"exit", "0"}).create();
  CHECK(r.status == 1);
  CHECK_THAT(test::unquoted(r.err), Contains("linux.intelRdt: closID: \"../../tmp\" cannot be the name"));
}
