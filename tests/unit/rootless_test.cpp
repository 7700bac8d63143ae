// SPDX-License-Identifier: Apache-2.0
#include "container/rootless.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>

#include "spec/decode.hpp"
#include "spec/default_spec.hpp"
#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::Contains;

namespace {

Spec roots_own() {
  return decode_spec(default_spec(true, std::nullopt));
}

OwnIds single() {
  return {.uids = {{0, 1000, 1}}, .gids = {{0, 1001, 1}}, .limitation = "no ids: usermod --add-subuids 1-2 alice"};
}

OwnIds many() {
  return {.uids = {{0, 1000, 1}, {1, 100000, 65536}}, .gids = {{0, 1001, 1}, {1, 100000, 65536}}, .limitation = {}};
}

std::vector<std::string> terminal_options(const Spec& spec) {
  for (const auto& mount : spec.mounts)
    if (mount.type == "devpts") return mount.options;
  return {};
}

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

TEST_CASE("root's config.json gets a user namespace in which an ordinary user is root") {
  auto spec = roots_own();
  add_user_namespace(spec, many());
  const auto* user = spec.linux.find(NamespaceType::user);
  REQUIRE(user);
  CHECK(user->path.empty());
  CHECK(spec.linux.uid_mappings == many().uids);
  CHECK(spec.linux.gid_mappings == many().gids);
}

TEST_CASE("a terminal's group goes where it is not mapped, and nothing else") {
  auto spec = roots_own();
  REQUIRE(has(terminal_options(spec), "gid=5"));
  add_user_namespace(spec, many());
  CHECK(has(terminal_options(spec), "gid=5"));

  spec = roots_own();
  const auto before = terminal_options(spec).size();
  add_user_namespace(spec, single());
  CHECK_FALSE(has(terminal_options(spec), "gid=5"));
  CHECK(terminal_options(spec).size() == before - 1);
}

TEST_CASE("a user who has no number on the host is refused with the line that gives him one") {
  auto spec = roots_own();
  spec.process->user.uid = 1000;
  CHECK_THROWS_WITH(add_user_namespace(spec, single()),
                    Contains("process.user.uid: 1000 is none of") && Contains("usermod --add-subuids 1-2 alice"));
  spec = roots_own();
  spec.process->user.gid = 5;
  CHECK_THROWS_WITH(add_user_namespace(spec, single()), Contains("process.user.gid: 5"));
  spec = roots_own();
  spec.process->user.additional_gids = {0, 70000};
  CHECK_THROWS_WITH(add_user_namespace(spec, many()), Contains("process.user.additionalGids: 70000"));
  CHECK_FALSE(spec.linux.find(NamespaceType::user));
}

TEST_CASE("a config.json with a user namespace is left as it is") {
  auto spec = decode_spec(default_spec(true, Owner{1000, 1000}));
  Host host{.euid = 1000, .capabilities = 0};
  adapt_to_caller(spec, host);
  CHECK(spec.linux.uid_mappings == std::vector<IdMapping>{{0, 1000, 1}});
  CHECK(spec.linux.namespaces.size() == decode_spec(default_spec(true, Owner{1000, 1000})).linux.namespaces.size());
}

TEST_CASE("whoever may make namespaces needs no user namespace") {
  auto spec = roots_own();
  Host host{.euid = 1000};
  adapt_to_caller(spec, host);
  CHECK_FALSE(spec.linux.find(NamespaceType::user));
  CHECK(::prctl(PR_GET_DUMPABLE) == 0);  // nobody inside may look into the runtime, either
  ::prctl(PR_SET_DUMPABLE, 1);
}

TEST_CASE("a kernel that makes no user namespaces is told how to") {
  CHECK_THAT(why_no_user_namespace({.clone = "0\n", .most = "0\n", .apparmor = {}}),
             Contains("sysctl -w kernel.unprivileged_userns_clone=1"));
  CHECK_THAT(why_no_user_namespace({.clone = "1\n", .most = "0\n", .apparmor = {}}),
             Contains("sysctl -w user.max_user_namespaces="));
  CHECK_THAT(why_no_user_namespace({.clone = {}, .most = "15000\n", .apparmor = "1\n"}),
             Contains("apparmor_restrict_unprivileged_userns=0"));
  CHECK(why_no_user_namespace({.clone = {}, .most = "15000\n", .apparmor = "0\n"}).empty());
}

TEST_CASE("groups cannot be set where the caller writes the map himself") {
  auto spec = decode_spec(default_spec(true, Owner{::geteuid(), ::getegid()}));
  Host host{.euid = 1000, .capabilities = 0};
  adapt_to_caller(spec, host);
  CHECK_FALSE(host.may_set_groups);

  spec.linux.gid_mappings = {{0, ::getegid(), 1}, {1, 100000, 10}};
  host.may_set_groups = true;
  adapt_to_caller(spec, host);
  CHECK(host.may_set_groups);  // newgidmap writes that one
}
