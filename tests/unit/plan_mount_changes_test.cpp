// SPDX-License-Identifier: Apache-2.0
// How mounts get into a container that runs: what is entered, and when.
#include "plan/mount_changes.hpp"

#include <sched.h>

#include <initializer_list>
#include <utility>

#include "oci/error.hpp"
#include "spec/decode.hpp"
#include "support/catch.hpp"

using namespace oci;
using namespace Catch::Matchers;

namespace {

constexpr int usual = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC;

std::vector<OpenNamespace> opened(int types) {
  std::vector<OpenNamespace> result;
  for (const auto& [type, name] : std::initializer_list<std::pair<int, const char*>>{{CLONE_NEWUSER, "user"},
                                                                                     {CLONE_NEWNS, "mnt"},
                                                                                     {CLONE_NEWNET, "net"},
                                                                                     {CLONE_NEWIPC, "ipc"},
                                                                                     {CLONE_NEWCGROUP, "cgroup"}})
    if ((types & type) != 0) result.push_back({Fd(), type, name});
  return result;
}

std::string plan_of(const std::string& mounts, int namespaces, InitPlan (*planner)(MountChange),
                    const std::string& propagation = {}) {
  Spec spec;
  spec.mounts = decode_mounts(mounts);
  spec.linux.rootfs_propagation = propagation;
  const MountHost host{.bundle = "/bundle", .container_runs = true};
  std::string text;
  for (const auto& step : planner({.spec = spec, .host = host, .namespaces = opened(namespaces)}).steps)
    text += describe(step.action) + (step.field.starts_with("mounts") ? " | " + step.field : "") + "\n";
  return text;
}

constexpr const char* bind_and_tmpfs = R"([{"destination":"/a","source":"a","options":["bind","ro"]},
    {"destination":"/t","type":"tmpfs","options":["ro"]},{"destination":"/b","source":"/b","options":["rbind"]}])";

}  // namespace

TEST_CASE("sources are opened before the container's mounts are entered") {
  CHECK(plan_of(bind_and_tmpfs, usual, plan_added_mounts) == R"(remember the mounts that are added
unshare namespaces mount
make the host's mounts rslave
open /bundle/a for /a | mounts[0]
open /b for /b | mounts[2]
join namespaces mnt
use the root of the mount namespace
bind /bundle/a at /a (bind,ro,suid,dev,exec,symfollow) | mounts[0]
mount tmpfs at /t (ro) | mounts[1]
bind /b at /b (rbind) | mounts[2]
wait for the runtime no more: ready
)");
}

TEST_CASE("a user namespace is entered before anything is opened") {
  const auto text = plan_of(bind_and_tmpfs, usual | CLONE_NEWUSER, plan_added_mounts);
  CHECK_THAT(text, StartsWith("remember the mounts that are added\njoin namespaces user\n"
                              "become root of the user namespace\nunshare namespaces mount\n"));
}

TEST_CASE("a file system is made before the container's names could lead elsewhere, and in the namespace it shows") {
  const auto first_steps = [](const std::string& type) {
    const auto text =
        plan_of(R"([{"destination":"/m","type":")" + type + "\"}]", usual | CLONE_NEWCGROUP, plan_added_mounts);
    return text.substr(0, text.find("use the root"));
  };
  const std::string start = "remember the mounts that are added\n";
  const std::string made = "unshare namespaces mount\nmake the host's mounts rslave\n";
  CHECK(first_steps("tmpfs") == start + "join namespaces mnt\n");
  CHECK(first_steps("proc") == start + made + "make proc for /m | mounts[0]\njoin namespaces mnt\n");
  CHECK(first_steps("sysfs") ==
        start + "join namespaces net\n" + made + "make sysfs for /m | mounts[0]\njoin namespaces mnt\n");
  CHECK(first_steps("mqueue") ==
        start + "join namespaces ipc\n" + made + "make mqueue for /m | mounts[0]\njoin namespaces mnt\n");
  CHECK(first_steps("cgroup") ==
        start + "join namespaces cgroup\n" + made + "make cgroup2 for /m | mounts[0]\njoin namespaces mnt\n");
}

TEST_CASE("rootfsPropagation counts for mounts that are added, as at create") {
  CHECK_THAT(plan_of(bind_and_tmpfs, usual, plan_added_mounts, "shared"), !Contains("make the host's mounts"));
  CHECK_THAT(plan_of(bind_and_tmpfs, usual, plan_added_mounts, "private"), Contains("make the host's mounts rprivate"));
}

TEST_CASE("every mount is looked for before the deepest is unmounted first") {
  CHECK(plan_of(R"([{"destination":"/a/b"},{"destination":"/a"},{"destination":"/c"}])", usual, plan_removed_mounts) ==
        R"(remember the mounts that are added
join namespaces mnt
use the root of the mount namespace
look for a mount at /a/b | mounts[0]
look for a mount at /a | mounts[1]
look for a mount at /c | mounts[2]
unmount /a/b | mounts[0]
unmount /c | mounts[2]
unmount /a | mounts[1]
wait for the runtime no more: ready
)");
}

TEST_CASE("one mount cannot be removed twice") {
  CHECK_THROWS_WITH(
      plan_of(R"([{"destination":"/a"},{"destination":"/b"},{"destination":"/b/../a/"}])", usual, plan_removed_mounts),
      R"(mounts[2].destination: "/b/../a/" is given twice)");
}

TEST_CASE("the host's /sys is no stand-in where the container's would be found by that name") {
  Spec spec;
  spec.mounts = decode_mounts(R"([{"destination":"/s","type":"sysfs"},{"destination":"/c","type":"cgroup2"}])");
  const MountHost host{.bundle = "/bundle", .container_runs = true};
  InitPlan plan;
  add_mounts(plan, spec, host);
  for (const auto& step : plan.steps) CHECK(std::get<MountFilesystem>(step.action).stand_in.empty());
}
