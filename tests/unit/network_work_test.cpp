// SPDX-License-Identifier: Apache-2.0
#include "plan/network_work.hpp"

#include <sched.h>

#include "base/syscalls.hpp"
#include "support/catch.hpp"

using namespace oci;

namespace {

MountFilesystem sysfs(const std::string& target = "/sys") {
  MountFilesystem mount;
  mount.type = "sysfs";
  mount.target = target;
  return mount;
}

/// Born in a network namespace of its own.
InitPlan usual_plan(MountFilesystem mount = sysfs()) {
  InitPlan plan;
  plan.clone_flags = CLONE_NEWNET | CLONE_NEWNS;
  plan.add(BindRoot{});
  plan.add(std::move(mount));
  plan.add(RaiseLoopback{}, "linux.namespaces");
  return plan;
}

/// What is left to the runtime.
std::string left(InitPlan& plan, const NamespacePlan& namespaces = {}) {
  leave_network_work(plan, namespaces);
  const auto work = network_work(plan);
  std::string text;
  if (work.sysfs) text += work.sysfs->target + " ";
  if (work.loopback) text += "loopback ";
  if (work.joined.get() >= 0) text += "joined";
  return text;
}

}  // namespace

TEST_CASE("sysfs and loopback of a new network namespace are left to the runtime") {
  auto plan = usual_plan();
  CHECK(left(plan) == "/sys loopback ");
  CHECK(network_work(plan).loopback->field == "linux.namespaces");
  auto tmpfs = sysfs();
  tmpfs.type = "tmpfs";
  auto without_sysfs = usual_plan(std::move(tmpfs));
  CHECK(left(without_sysfs) == "loopback ");
}

TEST_CASE("of several sysfs the runtime makes the first that it can") {
  auto first = sysfs("/a");
  first.parameters = {"x"};
  auto plan = usual_plan(std::move(first));
  plan.add(sysfs("/b"));
  plan.add(sysfs("/c"));
  CHECK(left(plan) == "/b loopback ");
}

TEST_CASE("a sysfs with something special is the process's own") {
  MountFilesystem labelled = sysfs();
  labelled.label = "label";
  MountFilesystem mapped = sysfs();
  mapped.id_maps.emplace();
  MountFilesystem silent = sysfs();
  silent.attributes.superblock = 1;
  for (auto* mount : {&labelled, &mapped, &silent}) {
    auto plan = usual_plan(std::move(*mount));
    CHECK(left(plan) == "loopback ");
  }
}

TEST_CASE("in a network namespace that is joined the loopback interface is somebody else's") {
  InitPlan plan;
  std::vector<OpenNamespace> joined(2);
  joined[0] = {sys::openat(working_directory, "/proc/self/ns/ipc", O_RDONLY), CLONE_NEWIPC, ""};
  joined[1] = {sys::openat(working_directory, "/proc/self/ns/net", O_RDONLY), CLONE_NEWNET, ""};
  const auto network = joined[1].fd.get();
  plan.add(JoinNamespaces{.namespaces = std::move(joined)});
  plan.add(sysfs());
  CHECK(left(plan) == "/sys joined");
  CHECK(network_work(plan).joined.get() == network);
}

TEST_CASE("nothing is left to the runtime that is in the way of something") {
  InitPlan host_network;
  host_network.clone_flags = CLONE_NEWNS;
  host_network.add(sysfs());
  CHECK(left(host_network).empty());

  auto plan = usual_plan();
  CHECK(left(plan, {.user = true}).empty());
  CHECK(left(plan, {.birth = Birth::early}).empty());

  InitPlan asks_first;
  asks_first.clone_flags = CLONE_NEWNET;
  asks_first.add(Meet{Word::network});
  asks_first.add(sysfs());
  asks_first.add(RaiseLoopback{});
  CHECK(left(asks_first).empty());
}
