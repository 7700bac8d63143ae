// SPDX-License-Identifier: Apache-2.0
// Which ids an id-mapped mount shows, and what of config.json is refused.
#include "plan/mount_id_maps.hpp"

#include "oci/error.hpp"
#include "spec/check.hpp"
#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

const IdMaps container{.uids = {{0, 100000, 10}, {10, 500, 90}}, .gids = {{0, 200000, 100}}};

std::optional<MountIdMaps> maps_of(const std::vector<std::string>& options, const IdMaps& of_container = container) {
  Mount mount;
  mount.options = options;
  return mount_id_maps(mount, parse_mount_options(options), of_container);
}

std::string error_of(const std::vector<std::string>& options, const IdMaps& of_container = container) {
  try {
    maps_of(options, of_container);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

using Ranges = std::vector<IdMapping>;

}  // namespace

TEST_CASE("a mount maps ids only when it is asked to") {
  CHECK_FALSE(maps_of({"bind", "ro"}));
  CHECK(maps_of({"bind", "idmap"}));
}

TEST_CASE("idmap without mappings takes those of the container's user namespace, and needs one") {
  const auto maps = maps_of({"idmap"});
  REQUIRE(maps);
  CHECK(maps->uids == container.uids);
  CHECK(maps->gids == container.gids);
  CHECK_FALSE(maps->recursive);
  CHECK(maps_of({"ridmap"})->recursive);
  CHECK_THAT(error_of({"idmap"}, {}), StartsWith("options: idmap needs uidMappings and gidMappings"));
}

TEST_CASE("a mount's own mappings imply idmap, and come in pairs") {
  Mount mount;
  mount.uid_mappings = {{0, 7, 1}};
  CHECK_THROWS_WITH(mount_id_maps(mount, {}, container), StartsWith("gidMappings: missing"));
  mount.gid_mappings = {{0, 8, 1}};
  const auto maps = mount_id_maps(mount, {}, container);
  REQUIRE(maps);
  CHECK(maps->uids == Ranges{{0, 7, 1}});
  CHECK(maps->gids == Ranges{{0, 8, 1}});
  CHECK_FALSE(maps->recursive);
  mount.uid_mappings.clear();
  CHECK_THROWS_WITH(mount_id_maps(mount, {}, container), StartsWith("uidMappings: missing"));
}

TEST_CASE("idmap= has ranges of the file system's ids and the host's") {
  const auto maps = maps_of({"bind", "ridmap=uids=0-1-10#10-11-10;gids=0-100-10"});
  REQUIRE(maps);
  CHECK(maps->uids == Ranges{{0, 1, 10}, {10, 11, 10}});
  CHECK(maps->gids == Ranges{{0, 100, 10}});
  CHECK(maps->recursive);
  CHECK(maps_of({"idmap=gids=5-6-7;uids=1-2-3"})->uids == Ranges{{1, 2, 3}});
}

TEST_CASE("a range with @ names the container's ids, and is cut where these are") {
  CHECK(maps_of({"idmap=uids=@1-3-5;gids=@0-0-1"})->uids == Ranges{{1, 100003, 5}});
  CHECK(maps_of({"idmap=uids=@0-8-5#7-7-7;gids=@0-0-1"})->uids == Ranges{{0, 100008, 2}, {2, 500, 3}, {7, 7, 7}});
  CHECK(maps_of({"idmap=uids=0-0-1;gids=@5-6-7"})->gids == Ranges{{5, 200006, 7}});
  CHECK_THAT(error_of({"idmap=uids=@0-95-6;gids=0-0-1"}), Contains("id 100 is not mapped in the container's"));
  CHECK_THAT(error_of({"idmap=uids=@0-0-1;gids=0-0-1"}, {}), Contains("id 0 is not mapped"));
}

TEST_CASE("what idmap= cannot mean is refused") {
  for (const char* range : {"", "1", "1-2", "1-2-", "1-2-3-", "1-2-3-4", "a-2-3", "1-2-0", "-1-2-3", "1-2-4294967296"})
    CHECK_THAT(error_of({std::string("idmap=uids=") + range + ";gids=0-0-1"}), Contains("is no range of ids"));
  CHECK_THAT(error_of({"idmap=uids=0-0-1"}), Contains("both uids and gids"));
  CHECK_THAT(error_of({"idmap="}), Contains("both uids and gids"));
  CHECK_THAT(error_of({"idmap=uids=0-0-1;uids=1-1-1;gids=0-0-1"}), Contains("uids twice"));
  CHECK_THAT(error_of({"idmap=pids=0-0-1"}), Contains("\"pids\" is neither uids nor gids"));
  Mount mount;
  mount.uid_mappings = mount.gid_mappings = {{0, 7, 1}};
  CHECK_THROWS_WITH(mount_id_maps(mount, parse_mount_options({"idmap=uids=0-0-1;gids=0-0-1"}), container),
                    Contains("contradicts uidMappings"));
}

TEST_CASE("the container's maps are looked up only for mounts that need them") {
  Spec spec;
  auto& mount = spec.mounts.emplace_back();
  const auto needs = [&](const std::string& option) {
    mount.options = {"bind", option};
    return needs_container_ids(spec);
  };
  CHECK_FALSE(needs("ro"));
  CHECK_FALSE(needs("idmap=uids=0-0-1;gids=0-0-1"));
  CHECK(needs("idmap"));
  CHECK(needs("ridmap"));
  CHECK(needs("idmap=uids=0-0-1;gids=@0-0-1"));
  mount.uid_mappings = mount.gid_mappings = {{0, 7, 1}};
  CHECK_FALSE(needs("idmap"));
}
