// SPDX-License-Identifier: Apache-2.0
#include "container/mount_hints.hpp"

#include <cerrno>

#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::Contains;

namespace {

std::string hint(std::string type, int code, std::vector<std::string> parameters = {}) {
  MountFilesystem mount;
  mount.type = std::move(type);
  mount.parameters = std::move(parameters);
  return mount_hint(Action(std::in_place_type<MountFilesystem>, std::move(mount)), code);
}

}  // namespace

TEST_CASE("a mount that a user namespace may not make is explained") {
  CHECK_THAT(hint("proc", EPERM), Contains("unmask=ALL"));
  CHECK_THAT(hint("mqueue", EPERM), Contains("ipc namespace"));
  CHECK_THAT(hint("devpts", EINVAL, {"mode=0620", "gid=5"}), Contains("linux.gidMappings"));
}

TEST_CASE("what an errno says itself is not explained") {
  CHECK(hint("proc", ENOENT).empty());
  CHECK(hint("tmpfs", EPERM).empty());
  CHECK(hint("devpts", EINVAL, {"mode=0620"}).empty());
  CHECK(mount_hint(Action(std::in_place_type<SetHostname>, SetHostname{}), EPERM).empty());
}
