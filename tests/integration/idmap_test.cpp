// SPDX-License-Identifier: Apache-2.0
// Id-mapped mounts (config.md, "Mounts": idmap, ridmap, uidMappings, gidMappings; crun's idmap=…): who owns what, seen
// from inside.
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::line_with;
using namespace Catch::Matchers;

namespace {

/// A directory of the bundle: `owned` belongs to 1:2, the directory itself to root.
void source(const Bundle& b, const std::string& name = "source") {
  REQUIRE(::mkdir(b.path(name).c_str(), 0755) == 0);
  test::spill(b.path(name) + "/owned", "text");
  REQUIRE(::chown((b.path(name) + "/owned").c_str(), 1, 2) == 0);
}

/// A bind of `from` at /mnt with mappings of its own: id 0 and those behind it become `uid` and `gid` and those behind.
Bundle& mapped(Bundle& b, unsigned uid, unsigned gid, const std::string& options, const std::string& from = "source") {
  const auto range = [](unsigned id) {
    return R"([{"containerID":0,"hostID":)" + std::to_string(id) + R"(,"size":10}])";
  };
  return b.set("mounts[]", R"({"destination":"/mnt","source":")" + from + R"(","options":)" + options +
                               R"(,"uidMappings":)" + range(uid) + R"(,"gidMappings":)" + range(gid) + "}");
}

/// tmpfs on a directory, gone with the object.
class HostTmpfs {
 public:
  explicit HostTmpfs(std::string point) : point_(std::move(point)) {
    ::mkdir(point_.c_str(), 0755);
    REQUIRE(::mount("tmpfs", point_.c_str(), "tmpfs", 0, nullptr) == 0);
  }
  HostTmpfs(const HostTmpfs&) = delete;
  ~HostTmpfs() { ::umount2(point_.c_str(), MNT_DETACH); }

 private:
  std::string point_;
};

}  // namespace

TEST_CASE("a mount with id mappings shows other owners") {
  Bundle b;
  source(b);
  mapped(b, 5000, 6000, R"(["bind"])");
  CHECK_THAT(b.args({"stat", "/mnt/owned"}).run().out, Contains("uid=5001 gid=6002"));
}

TEST_CASE("a mount with id mappings takes nothing from who is not mapped") {
  Bundle b;
  source(b);
  mapped(b, 5000, 6000, R"(["bind"])");
  const auto r = b.args({"write", "/mnt/new", "x"}).run();
  CHECK(r.status != 0);
  CHECK_THAT(r.out + r.err, Contains("EOVERFLOW"));
  struct stat found {};
  CHECK(::lstat(b.path("source/new").c_str(), &found) != 0);
}

TEST_CASE("what is written to an id-mapped mount belongs to the mapped owner outside") {
  Bundle b;
  b.map_ids(100000, 65536);
  source(b);
  b.mount("/mnt", "none", "source", "bind,idmap");
  const auto r = b.args({"do", "write", "/mnt/new", "x", "--", "stat", "/mnt/new", "/mnt/owned"}).run();
  INFO(r.err);
  CHECK_THAT(line_with(r.out, "/mnt/new"), Contains("uid=0 gid=0"));
  CHECK_THAT(line_with(r.out, "/mnt/owned"), Contains("uid=1 gid=2"));
  struct stat found {};
  REQUIRE(::lstat(b.path("source/new").c_str(), &found) == 0);
  CHECK(found.st_uid == 0);
}

TEST_CASE("without idmap a user namespace shows nobody as the owner") {
  Bundle b;
  b.map_ids(100000, 65536);
  source(b);
  b.mount("/mnt", "none", "source", "bind");
  CHECK_THAT(b.args({"stat", "/mnt/owned"}).run().out, Contains("uid=65534 gid=65534"));
}

TEST_CASE("idmap in a joined user namespace has that namespace's maps") {
  Bundle owner;
  owner.map_ids(100000, 65536).args({"pause"}).launch();
  Bundle b;
  b.map_ids(100000, 65536).remove("linux.uidMappings").remove("linux.gidMappings");
  b.set("linux.namespaces", R"([{"type":"pid"},{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},
                                {"type":"user","path":"/proc/)" +
                                std::to_string(owner.pid()) + R"(/ns/user"}])");
  source(b);
  b.mount("/mnt", "none", "source", "bind,idmap");
  b.mount("/relative", "none", "source", "bind,idmap=uids=@0-20-5;gids=@0-30-5");
  const auto r = b.args({"stat", "/mnt/owned", "/relative/owned"}).run();
  INFO(r.err);
  CHECK_THAT(line_with(r.out, "/mnt/owned"), Contains("uid=1 gid=2"));
  CHECK_THAT(line_with(r.out, "/relative/owned"), Contains("uid=21 gid=32"));
}

TEST_CASE("idmap= maps ranges, absolute ones and relative to the container's") {
  Bundle b;
  b.map_ids(100000, 65536);
  source(b);
  b.mount("/mnt", "none", "source", "bind,idmap=uids=@0-7-1#1-100050-1;gids=@2-9-1#0-100000-1");
  const auto out = b.args({"stat", "/mnt", "/mnt/owned"}).run().out;
  CHECK_THAT(line_with(out, "/mnt directory"), Contains("uid=7 gid=0"));
  CHECK_THAT(line_with(out, "/mnt/owned"), Contains("uid=50 gid=9"));
}

TEST_CASE("idmap maps the top of an rbind, ridmap all of it") {
  Bundle b;
  source(b);
  const HostTmpfs below(b.path("source/below"));
  const bool all = GENERATE(false, true);
  mapped(b, 5000, 6000, all ? R"(["rbind","ridmap"])" : R"(["rbind","idmap"])");
  const auto out = b.args({"stat", "/mnt/owned", "/mnt/below"}).run().out;
  CHECK_THAT(line_with(out, "/mnt/owned"), Contains("uid=5001 gid=6002"));
  CHECK_THAT(line_with(out, "/mnt/below"), Contains(all ? "uid=5000 gid=6000" : "uid=0 gid=0"));
}

TEST_CASE("an id-mapped source may be a link, or where an earlier mount of the container has put it") {
  Bundle b;
  const bool in_user_namespace = GENERATE(false, true);
  if (in_user_namespace) b.map_ids(100000, 65536);
  source(b);
  REQUIRE(::symlink("source", b.path("link").c_str()) == 0);
  b.mount("/first", "none", "source", "bind");
  mapped(b, 100005, 100006, R"(["bind"])", GENERATE("link", "rootfs/first"));
  const auto r = b.args({"stat", "/mnt/owned"}).run();
  INFO(r.err);
  CHECK_THAT(r.out, Contains(in_user_namespace ? "uid=6 gid=8" : "uid=100006 gid=100008"));
}

TEST_CASE("an id-mapped mount has the propagation and the flags of its options") {
  Bundle b;
  if (GENERATE(false, true)) b.map_ids(5000, 65536);
  source(b);
  mapped(b, 5000, 5000, R"(["bind","shared","ro","nosuid"])");
  const auto line = line_with(b.args({"cat", "/proc/self/mountinfo"}).run().out, " /mnt ");
  CHECK_THAT(line, Contains(" ro,nosuid") && Contains("idmapped") && Contains("shared:"));
}

TEST_CASE("a new file system is id-mapped like a bind") {
  Bundle b;
  if (GENERATE(false, true)) b.map_ids(0, 65536);
  b.mount("/scratch", "tmpfs", "tmpfs", "idmap=uids=0-7-1;gids=0-8-1");
  CHECK_THAT(b.args({"stat", "/scratch"}).run().out, Contains("uid=7 gid=8"));
}

TEST_CASE("more id-mapped mounts than descriptors, each with maps of its own") {
  Bundle b;
  source(b);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  for (int i = 0; i < 150; ++i)
    b.mount("/m" + std::to_string(i), "none", "source", "bind,idmap=uids=0-" + std::to_string(i) + "-10;gids=0-0-10");
  b.remove("process.rlimits").args({"stat", "/m149/owned"});
  const rlimit few{128, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  const auto r = b.run();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  INFO(r.err);
  CHECK_THAT(r.out, Contains("uid=150 gid=2"));
}

TEST_CASE("a source that only the host's root can reach is mounted in a user namespace") {
  Bundle b;
  b.map_ids(100000, 65536);
  REQUIRE(::mkdir(b.path("closed").c_str(), 0700) == 0);
  source(b, "closed/source");
  b.mount("/mnt", "none", "closed/source", GENERATE("bind", "bind,ro", "bind,idmap"));
  CHECK(b.args({"cat", "/mnt/owned"}).run().out == "text");
}

TEST_CASE("a file system that cannot be id-mapped is named, and nothing is left") {
  Bundle b;
  mapped(b, 5000, 6000, R"(["bind"])", "/proc/self/fdinfo");
  const auto r = b.create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("map the ids of /proc/self/fdinfo (MOUNT_ATTR_IDMAP): proc does not support id-mapped"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("mappings that the kernel does not take are told with their member") {
  Bundle b;
  source(b);
  b.mount("/mnt", "none", "source", "bind,idmap=uids=0-0-10#5-50-10;gids=0-0-10");
  const auto r = b.create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("uidMappings: write"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("idmap without a user namespace needs mappings, and features says that it is there") {
  Bundle b;
  source(b);
  CHECK_THAT(b.mount("/mnt", "none", "source", "bind,idmap").create().err,
             Contains("idmap needs uidMappings and gidMappings, or a container with a user namespace"));
  const auto features = test::Tree::parse(b.runtime({"features"}).out);
  CHECK(features.at("linux.mountExtensions.idmap.enabled") == "true");
}
