// SPDX-License-Identifier: Apache-2.0
// linux.intelRdt where the machine has none: what happens where it has is in unit/resctrl_test.
#include <sys/stat.h>

#include "base/files.hpp"
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

TEST_CASE("update writes its schemata to the group that state.json remembers") {
  Bundle b;
  b.args({"pause"}).launch();
  // What create would have left on a machine with resctrl; there the kernel makes the file.
  std::string state = test::slurp(b.root() + "/" + b.id() + "/state.json");
  REQUIRE(state.front() == '{');
  state.insert(1, "\"intel_rdt_path\":\"" + b.path("group") + "\",");
  REQUIRE(::mkdir(b.path("group").c_str(), 0755) == 0);
  oci::replace_file(oci::working_directory, b.path("group/schemata"), "", 0644);
  oci::replace_file(oci::working_directory, b.root() + "/" + b.id() + "/state.json", state, 0600);
  const auto r = b.runtime({"update", "--l3-cache-schema", "L3:0=3", "--mem-bw-schema", "MB:0=20", "ID"});
  CHECK(r.status == 0);
  CHECK(test::slurp(b.path("group/schemata")) == "L3:0=3\nMB:0=20\n");
}
