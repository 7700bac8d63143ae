// SPDX-License-Identifier: Apache-2.0
#include "plan/process.hpp"

#include <sched.h>

#include "plan/create.hpp"
#include "plan/namespaces.hpp"
#include "support/catch.hpp"

using namespace oci;

namespace {

std::vector<std::string> environment_of(std::vector<std::string> env) {
  Process process;
  process.env = std::move(env);
  const Host host;
  const Linux linux;
  return environment({.process = process, .host = host, .linux = linux});
}

Linux with(std::vector<Namespace> namespaces) {
  Linux linux;
  linux.namespaces = std::move(namespaces);
  return linux;
}

}  // namespace

TEST_CASE("of two values of a variable the last counts, at the place where it stands") {
  CHECK(environment_of({"A=1", "B=2", "A=3"}) == std::vector<std::string>{"B=2", "A=3"});
  CHECK(environment_of({"A=", "AB=1"}) == std::vector<std::string>{"A=", "AB=1"});
}

TEST_CASE("an empty HOME is none") {
  CHECK(environment_of({"HOME=/x", "HOME="}).empty());
  CHECK(environment_of({"HOME=/x"}) == std::vector<std::string>{"HOME=/x"});
}

TEST_CASE("no capabilities object means no capabilities") {
  const auto sets = capability_sets(std::nullopt, Host{}, false);
  CHECK((sets.bounding | sets.effective | sets.permitted | sets.inheritable | sets.ambient) == 0);
}

TEST_CASE("a process gets no capability that the runtime does not have, but in a user namespace") {
  Capabilities all;
  all.bounding = all.effective = all.permitted = {"CAP_CHOWN", "CAP_KILL"};
  const Host host{.euid = 0, .in_user_namespace = false, .may_set_groups = true, .has_kcore = false, .capabilities = 1};
  CHECK(capability_sets(all, host, false).permitted == 1);
  CHECK(capability_sets(all, host, false).bounding == (1 | 1 << 5));
  CHECK(capability_sets(all, host, true).permitted == (1 | 1 << 5));
}

TEST_CASE("ambient capabilities are permitted and inheritable ones") {
  Capabilities wanted;
  wanted.permitted = {"CAP_CHOWN", "CAP_KILL"};
  wanted.inheritable = {"CAP_CHOWN"};
  wanted.ambient = {"CAP_CHOWN", "CAP_KILL"};
  CHECK(capability_sets(wanted, Host{}, false).ambient == 1);
}

TEST_CASE("effective capabilities are permitted ones") {
  Capabilities wanted;
  wanted.effective = {"CAP_CHOWN", "CAP_KILL"};
  wanted.permitted = {"CAP_KILL"};
  CHECK(capability_sets(wanted, Host{}, false).effective == 1 << 5);
}

TEST_CASE("new namespaces come with the process, but for the ones it must be in its cgroup or unborn for") {
  const auto plan =
      plan_namespaces(with({{NamespaceType::pid, ""}, {NamespaceType::mount, ""}, {NamespaceType::cgroup, ""}}));
  CHECK(plan.clone_flags == (CLONE_NEWPID | CLONE_NEWNS));
  CHECK(plan.unshare_flags == CLONE_NEWCGROUP);
  CHECK(plan.birth == Birth::direct);
}

TEST_CASE("a joined pid namespace is entered last of all, a new one beside a time namespace at once") {
  CHECK(plan_namespaces(with({{NamespaceType::pid, "/x"}, {NamespaceType::mount, ""}})).birth == Birth::late);
  const auto time = plan_namespaces(with({{NamespaceType::pid, ""}, {NamespaceType::time, ""}}));
  CHECK(time.birth == Birth::early);
  CHECK(time.clone_flags == 0);
  CHECK(plan_namespaces(with({{NamespaceType::time, ""}, {NamespaceType::mount, ""}})).birth == Birth::late);
}

TEST_CASE("what belongs to a joined user namespace is made inside it") {
  const auto plan =
      plan_namespaces(with({{NamespaceType::user, "/x"}, {NamespaceType::mount, ""}, {NamespaceType::pid, ""}}));
  CHECK(plan.clone_flags == 0);
  CHECK(plan.unshare_flags == (CLONE_NEWNS | CLONE_NEWPID));
  CHECK(plan.birth == Birth::early);
  CHECK(plan.user);
  CHECK_FALSE(plan.new_user);
}

TEST_CASE("network devices are moved once the process is in its namespace, by a runtime that may do that") {
  Spec spec;
  spec.root.path = "rootfs";
  spec.process.emplace().args = {"sh"};
  spec.linux.namespaces = {{NamespaceType::network, ""}, {NamespaceType::mount, ""}};
  spec.linux.net_devices = {{"eth1", {}}};
  const auto plan_on = [&](const Host& host) {
    return plan_create({.spec = spec, .host = host, .id = "c1", .bundle = "/b", .rootfs = "/b/rootfs", .cgroup = ""});
  };
  Host host;
  CHECK(describe(plan_on(host).steps.front().action) == "wait for the runtime to move network devices");
  for (const unsigned missing : {12U, 21U}) {  // CAP_NET_ADMIN, CAP_SYS_ADMIN
    host.capabilities = ~(std::uint64_t{1} << missing);
    CHECK_THROWS_WITH(plan_on(host),
                      "linux.netDevices.eth1: moving network devices needs CAP_NET_ADMIN and "
                      "CAP_SYS_ADMIN on the host");
  }
}
