// SPDX-License-Identifier: Apache-2.0
// crun's annotations: what containers ask of the runtime beyond the specification.
#include <grp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/handle.hpp"
#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using namespace Catch::Matchers;

TEST_CASE("run.oci.hooks.stdout and stderr collect what the hooks outside of the new root say") {
  Bundle b;
  for (const auto* kind : {"createRuntime", "createContainer", "poststart", "poststop"})
    b.hook(kind, {"/bin/sh", "-c", std::string("echo out-") + kind + "; echo err-" + kind + " >&2"});
  b.set("annotations",
        R"({"run.oci.hooks.stdout": ")" + b.path("out") + R"(", "run.oci.hooks.stderr": ")" + b.path("err") + "\"}");
  REQUIRE(b.args({"pause"}).create().status == 0);
  REQUIRE(b.start().status == 0);
  REQUIRE(b.remove_container({"--force"}).status == 0);
  CHECK(test::slurp(b.path("out")) == "out-createRuntime\nout-createContainer\nout-poststart\nout-poststop\n");
  CHECK(test::slurp(b.path("err")) == "err-createRuntime\nerr-createContainer\nerr-poststart\nerr-poststop\n");
}

TEST_CASE("a file for the hooks' output that cannot be opened ends create") {
  Bundle b;
  b.hook("createRuntime", {"/bin/true"});
  b.set("annotations", R"({"run.oci.hooks.stdout": "/nowhere/at/all"})");
  const auto r = b.args({"pause"}).create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("annotation run.oci.hooks.stdout: ") && Contains("No such file"));
}

TEST_CASE("run.oci.keep_original_groups leaves the caller's supplementary groups to the container") {
  Bundle b;
  b.args({"do", "cat", "/proc/self/status"});
  b.set("annotations", R"({"run.oci.keep_original_groups": "1"})");
  const gid_t mine[] = {4242, 4343};
  std::vector<gid_t> before(static_cast<std::size_t>(::getgroups(0, nullptr)));
  ::getgroups(static_cast<int>(before.size()), before.data());
  REQUIRE(::setgroups(2, mine) == 0);
  const auto kept = b.run();
  const auto cleared = b.remove("annotations").run();
  ::setgroups(before.size(), before.data());
  CHECK_THAT(test::line_with(kept.out, "Groups:"), Contains("4242 4343"));
  CHECK_THAT(test::line_with(cleared.out, "Groups:"), !Contains("4242"));
}

TEST_CASE("another handler is refused, and nothing is made") {
  Bundle b;
  const auto r = b.args({"pause"}).set("annotations", R"({"run.oci.handler": "krun"})").create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("annotation run.oci.handler: this runtime has no handler") && Contains("krun"));
}

TEST_CASE("run.oci.pidfd_receiver gets a pidfd of the container's process from create") {
  Bundle b;
  test::Receiver receiver(b.path("pidfd.sock"));
  b.set("annotations", R"({"run.oci.pidfd_receiver": ")" + b.path("pidfd.sock") + "\"}");
  REQUIRE(b.args({"pause"}).create().status == 0);
  const auto pidfd = receiver.receive();
  REQUIRE(pidfd);
  CHECK_THAT(test::slurp("/proc/self/fdinfo/" + std::to_string(pidfd.get())),
             Contains("Pid:\t" + std::to_string(b.pid()) + "\n"));
}
