// SPDX-License-Identifier: Apache-2.0
#include "kernel/subordinate_ids.hpp"

#include "kernel/id_maps.hpp"
#include "support/catch.hpp"

using namespace oci;

namespace {

const UserName alice{"alice", 1000};
const UserName nameless{"", 4711};
constexpr const char* subuid =
    "root:1000000:10\n"
    "alice:100000:65536\n"
    "# alice:5:5\n"
    "4711:300000:10\n"
    "alice:not:anumber\n"
    "alice:4294967290:10\n"
    "alice:7\n"
    "alice:9:0\n"
    "1000:200000:100";

}  // namespace

TEST_CASE("subordinate ids are given to a name or to a number") {
  CHECK(subordinate_ids(subuid, alice) == std::vector<IdRange>{{100000, 65536}, {200000, 100}});
  CHECK(subordinate_ids(subuid, nameless) == std::vector<IdRange>{{300000, 10}});
  CHECK(subordinate_ids(subuid, {"bob", 1001}).empty());
  CHECK(subordinate_ids(":5:5\n", nameless).empty());  // an empty name is nobody's
}

TEST_CASE("an ordinary user is root of his container, and the ids subordinate to him come behind") {
  CHECK(default_id_map(1000, {}) == std::vector<IdMapping>{{0, 1000, 1}});
  CHECK(default_id_map(1000, {{100000, 65536}, {200000, 100}}) ==
        std::vector<IdMapping>{{0, 1000, 1}, {1, 100000, 65536}, {65537, 200000, 100}});
}

TEST_CASE("no id is mapped twice, and none beyond the last one") {
  CHECK(default_id_map(1000, {{900, 200}, {5000, 10}}) == std::vector<IdMapping>{{0, 1000, 1}, {1, 5000, 10}});
  const auto all = default_id_map(7, {{100, 4294967000}, {8, 90}, {98, 2}});
  REQUIRE(all.size() == 4);
  CHECK(all.back().container_id + std::uint64_t{all.back().size} <= 0xFFFFFFFF);
  std::vector<IdRange> many;
  for (std::uint32_t i = 0; i < 400; ++i) many.push_back({100 + i, 1});
  CHECK(default_id_map(7, many).size() == 340);  // the kernel's most
}

TEST_CASE("ids that are granted twice, by name and by number, are mapped once") {
  CHECK(default_id_map(1000, {{100000, 65536}, {100000, 65536}}) ==
        std::vector<IdMapping>{{0, 1000, 1}, {1, 100000, 65536}});
  CHECK(default_id_map(1000, {{100000, 10}, {100009, 10}, {100010, 5}}) ==
        std::vector<IdMapping>{{0, 1000, 1}, {1, 100000, 10}, {11, 100010, 5}});
}

TEST_CASE("a map that asks for more than was granted is told what") {
  const std::vector<IdRange> granted{{100000, 65536}};
  CHECK(ungranted({{0, 1000, 1}, {1, 100000, 65536}}, 1000, granted).size == 0);
  CHECK(ungranted({{0, 1000, 1}, {1, 100000, 65537}}, 1000, granted) == IdRange{165536, 1});
  CHECK(ungranted({{0, 99990, 20}}, 1000, granted) == IdRange{99990, 10});
  CHECK(ungranted({{0, 0, 1}}, 1000, granted) == IdRange{0, 1});
  CHECK(ungranted({{0, 999, 3}}, 1000, granted) == IdRange{999, 1});
  CHECK(ungranted({{0, 100000, 100000}}, 1000, {{165536, 10}, {100000, 65536}}) == IdRange{165546, 34454});
}

TEST_CASE("the line that grants ids names some that nobody has") {
  CHECK(free_ids("") == IdRange{100000, 65536});
  CHECK(free_ids(subuid) == IdRange{1000010, 65536});
  CHECK(free_ids("a:4294900000:67000\n") == IdRange{0xFFFFFFFF - 65536, 65536});
  CHECK(command_to_grant("subuid", {100000, 65536}, alice) == "usermod --add-subuids 100000-165535 alice");
  CHECK(command_to_grant("subgid", {100000, 65536}, nameless) == "echo 4711:100000:65536 >>/etc/subgid");
}

TEST_CASE("an id is mapped when a range has it") {
  const std::vector<IdMapping> map{{0, 1000, 1}, {10, 5000, 5}};
  for (const unsigned id : {0U, 10U, 14U}) CHECK(mapping_of(map, id));
  for (const unsigned id : {1U, 9U, 15U, 4294967294U}) CHECK_FALSE(mapping_of(map, id));
}
