// SPDX-License-Identifier: Apache-2.0
#include "kernel/id_map_helper.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::Contains;

namespace {

/// A directory with a program in it.
class ProgramDirectory {
 public:
  ProgramDirectory(const char* name, mode_t mode) {
    REQUIRE(::mkdtemp(path.data()));
    program = path + "/" + name;
    const int file = ::open(program.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    REQUIRE(file >= 0);
    ::close(file);
    REQUIRE(::chmod(program.c_str(), mode) == 0);
  }
  ~ProgramDirectory() {
    ::unlink(program.c_str());
    ::rmdir(path.c_str());
  }
  ProgramDirectory(const ProgramDirectory&) = delete;
  ProgramDirectory& operator=(const ProgramDirectory&) = delete;

  std::string path{"/var/tmp/id_map_helper_XXXXXX"};
  std::string program;
};

}  // namespace

TEST_CASE("a process may map its own id alone, unless it has the capability") {
  CHECK(map_writer({{0, 1000, 1}}, 1000, false) == MapWriter::runtime);
  CHECK(map_writer({{7, 1000, 1}}, 1000, false) == MapWriter::runtime);
  CHECK(map_writer({{0, 1001, 1}}, 1000, false) == MapWriter::helper);
  CHECK(map_writer({{0, 1000, 2}}, 1000, false) == MapWriter::helper);
  CHECK(map_writer({{0, 1000, 1}, {1, 1001, 1}}, 1000, false) == MapWriter::helper);
  CHECK(map_writer({{0, 0, 100}, {100, 1000, 1}}, 1000, true) == MapWriter::runtime);
}

TEST_CASE("newuidmap is looked for in the absolute directories of PATH") {
  const ProgramDirectory first("newuidmap", 04755);
  const ProgramDirectory second("newuidmap", 04755);
  const auto path = "relative::/nowhere:" + first.path + ":" + second.path;
  CHECK(find_id_map_helper("uid", path.c_str(), false).program == first.program);
  CHECK(find_id_map_helper("uid", path.c_str(), false).obstacle.empty());
  const auto absent = find_id_map_helper("gid", path.c_str(), false);
  CHECK(absent.program.empty());
  CHECK_THAT(absent.obstacle, Contains("newgidmap is in no directory of $PATH: install uidmap"));
}

TEST_CASE("what is no program that can be executed is not newuidmap") {
  const ProgramDirectory plain("newuidmap", 0644);
  CHECK(find_id_map_helper("uid", plain.path.c_str(), false).program.empty());
}

TEST_CASE("a newuidmap that cannot work is told apart") {
  const ProgramDirectory plain("newuidmap", 0755);
  CHECK_THAT(find_id_map_helper("uid", plain.path.c_str(), false).obstacle, Contains("chmod u+s " + plain.program));
  const ProgramDirectory raised("newuidmap", 04755);
  CHECK_THAT(find_id_map_helper("uid", raised.path.c_str(), true).obstacle, Contains("no_new_privs"));
}

TEST_CASE("a refusal says which ids are missing and the line that grants them") {
  const UserName alice{"alice", 1000};
  const std::vector<IdMapping> map{{0, 1000, 1}, {1, 100000, 65536}};
  CHECK(what_is_not_granted("uid", map, 1000, alice, "") ==
        "/etc/subuid does not give 100000-165535 to alice: usermod --add-subuids 100000-165535 alice");
  CHECK(what_is_not_granted("gid", {{0, 5, 1}}, 1000, {"", 1000}, "") ==
        "/etc/subgid does not give 5 to 1000: echo 1000:5:1 >>/etc/subgid");
  CHECK(what_is_not_granted("uid", map, 1000, alice, "alice:100000:65536\n").empty());
}
