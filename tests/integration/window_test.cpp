// SPDX-License-Identifier: Apache-2.0
// What others can see of the container's process before it is the program.
#include <fcntl.h>
#include <unistd.h>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using namespace Catch::Matchers;

TEST_CASE("the caller's environment is not in the process that waits for start") {
  Bundle b;
  b.environment = test::Words{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PROXY_PASSWORD=of-the-engine"};
  REQUIRE(b.args({"pause"}).create().status == 0);
  const auto environment = test::slurp("/proc/" + std::to_string(b.pid()) + "/environ");
  CHECK(!environment.empty());
  CHECK_THAT(environment, !Contains("of-the-engine"));
}
