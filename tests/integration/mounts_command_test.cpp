// SPDX-License-Identifier: Apache-2.0
// mounts add and mounts remove: other mounts for a container that runs.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "support/catch.hpp"
#include "support/mount_changes.hpp"

using test::bound;
using test::Bundle;
using test::ChangedMounts;
using test::check_refusal;
using test::fresh;
using test::line_with;
using test::list;
using test::unquoted;
using namespace Catch::Matchers;

namespace {

/// The container's own directory with the name that `path` has on the host.
std::string own_directory(const Bundle& bundle, const std::string& path) {
  auto same = bundle.rootfs(path.substr(1));
  for (auto slash = bundle.rootfs().size(); slash != same.npos; slash = same.find('/', slash + 1))
    ::mkdir(same.substr(0, slash).c_str(), 0755);
  ::mkdir(same.c_str(), 0755);
  return same;
}

}  // namespace

TEST_CASE("mounts add brings a directory and a file of the host") {
  ChangedMounts b;
  if (GENERATE(false, true)) b.map_ids(100000, 65536);
  b.launch();
  REQUIRE(::chmod(b.path().c_str(), 0700) == 0);  // the mapped root may not reach it
  const auto r = b.add(list(bound("/new/place", "volume", R"("rbind","ro","nosuid","nodev")"),
                            bound("/tmp/one", b.path("volume/file"))));
  INFO(r.err);
  REQUIRE(r.status == 0);
  CHECK_THAT(b.flags("/new/place"), StartsWith("ro,nosuid,nodev"));
  CHECK_THAT(b.flags("/tmp/one"), StartsWith("rw"));
  CHECK(b.exec({"cat", "/new/place/file"}).out == "of the host");
  CHECK(b.exec({"cat", "/tmp/one"}).out == "of the host");
  CHECK(line_with(test::slurp("/proc/self/mountinfo"), b.rootfs("new")).empty());
}

TEST_CASE("mounts add makes new file systems of the container's own") {
  ChangedMounts b;
  b.launch();
  const auto r = b.add(list(fresh("tmpfs", "/mnt", R"("ro","nosuid","size=64k","mode=0711")"), fresh("proc", "/second"),
                            fresh("mqueue", "/queue", R"("noexec")")));
  INFO(r.err);
  REQUIRE(r.status == 0);
  CHECK_THAT(b.flags("/mnt"), StartsWith("ro,nosuid"));
  CHECK_THAT(line_with(b.mountinfo(), " /mnt "), Contains("size=64k,mode=711"));
  CHECK_THAT(b.flags("/queue"), StartsWith("rw,noexec"));
  // Its processes, not the host's.
  const auto first = b.exec({"cat", "/second/1/cmdline"});
  CHECK_THAT(first.out, Contains("pause"));
  CHECK(b.exec({"ls", "/second/" + std::to_string(b.pid())}).status != 0);
}

TEST_CASE("what a file system is made from is the host's, too") {
  ChangedMounts b;
  ::mkdir(b.path("empty").c_str(), 0755);
  const auto same = own_directory(b, b.path("volume"));
  own_directory(b, b.path("empty"));
  test::spill(same + "/file", "of the container");
  b.launch();
  const auto lower = "\"lowerdir=" + b.path("volume") + ":" + b.path("empty") + "\"";
  const auto r = b.add(list(fresh("overlay", "/mnt", lower)));
  INFO(r.err);
  REQUIRE(r.status == 0);
  CHECK(b.exec({"cat", "/mnt/file"}).out == "of the host");
}

TEST_CASE("a user namespace cannot take away flags of the host's mount, nor uncover what is below one") {
  ChangedMounts b;
  b.map_ids(100000, 65536);
  REQUIRE(::mount("tmpfs", b.path("volume").c_str(), "tmpfs", MS_NOEXEC, nullptr) == 0);
  ::mkdir(b.path("volume/below").c_str(), 0755);
  REQUIRE(::mount("tmpfs", b.path("volume/below").c_str(), "tmpfs", 0, nullptr) == 0);
  b.launch();
  const auto whole = b.add(list(bound("/mnt", "volume", R"("rbind")")));
  const auto flags = b.flags("/mnt");
  const auto uncovered = b.add(list(bound("/tmp", "volume")));
  const auto executable = b.add(list(bound("/tmp", "volume", R"("rbind","exec")")));
  REQUIRE(b.add(list(fresh("tmpfs", "/tmp/deep/er"))).status == 0);
  const auto mounted = b.mountinfo();
  const auto below = b.drop(list(fresh("tmpfs", "/tmp/../mnt/below"), fresh("tmpfs", "/tmp/deep/er")));
  CHECK(b.mountinfo() == mounted);
  ::umount2(b.path("volume").c_str(), MNT_DETACH);
  INFO(whole.err);
  CHECK(whole.status == 0);
  CHECK_THAT(flags, Contains("noexec"));
  CHECK(uncovered.status == 1);
  CHECK_THAT(unquoted(uncovered.err), Contains("mounts[0]: ") && Contains("needs rbind"));
  CHECK(executable.status == 1);
  CHECK(below.status == 1);
  CHECK_THAT(unquoted(below.err), Contains("mounts[0]: unmount /mnt/below: it is locked"));
}

TEST_CASE("what is bound is no peer of the host's mount") {
  ChangedMounts b;
  REQUIRE(::mount("tmpfs", b.path("volume").c_str(), "tmpfs", 0, nullptr) == 0);
  REQUIRE(::mount(nullptr, b.path("volume").c_str(), nullptr, MS_SHARED, nullptr) == 0);
  b.launch();
  const auto r = b.add(list(bound("/mnt", "volume")));
  const auto line = line_with(b.mountinfo(), " /mnt ");
  const auto inner = b.add(list(fresh("tmpfs", "/mnt/inner")));
  const auto outside = line_with(test::slurp("/proc/self/mountinfo"), b.path("volume/inner"));
  ::umount2(b.path("volume").c_str(), MNT_DETACH);
  CHECK(r.status == 0);
  CHECK_THAT(line, Contains("master:") && !Contains("shared:"));
  CHECK(inner.status == 0);
  CHECK(outside.empty());
}

TEST_CASE("a destination that leads out of the container stays in it") {
  ChangedMounts b;
  ::mkdir(b.path("outside").c_str(), 0755);
  REQUIRE(::symlink(b.path("outside").c_str(), b.rootfs("absolute").c_str()) == 0);
  REQUIRE(::symlink("../../../../../../../../tmp", b.rootfs("up").c_str()) == 0);
  REQUIRE(::symlink("/proc/1", b.rootfs("kernel").c_str()) == 0);
  REQUIRE(::symlink("/", b.rootfs("again").c_str()) == 0);
  b.launch();
  const auto r = b.add(list(fresh("tmpfs", "/absolute"), fresh("tmpfs", "/up")));
  INFO(r.err);
  REQUIRE(r.status == 0);
  CHECK_FALSE(b.flags(b.path("outside")).empty());
  CHECK_FALSE(b.flags("/tmp").empty());
  CHECK(line_with(test::slurp("/proc/self/mountinfo"), " " + b.path("outside") + " ").empty());
  const auto proc = b.add(list(fresh("tmpfs", "/kernel/fd")));
  CHECK(proc.status == 1);
  CHECK_THAT(unquoted(proc.err), Contains("leads inside /proc"));
  const auto whole = b.add(list(bound("/again/proc", "volume", R"("bind","dest-nofollow")")));
  CHECK(whole.status == 1);
  CHECK_THAT(unquoted(whole.err), Contains("\"/again/proc\" cannot be mounted because it leads inside /proc"));
  const auto entry = b.add(list(bound("/kernel/environ", "volume/file", R"("bind","dest-nofollow")")));
  CHECK(entry.status == 1);
  CHECK_THAT(unquoted(entry.err), Contains("leads inside /proc"));
}

TEST_CASE("a source is the host's, whatever the container has by that name") {
  ChangedMounts b;
  const auto same = own_directory(b, b.path("volume"));
  test::spill(same + "/file", "of the container");
  b.launch();
  REQUIRE(b.add(list(bound("/mnt", b.path("volume")))).status == 0);
  CHECK(b.exec({"cat", "/mnt/file"}).out == "of the host");
}

TEST_CASE("when one mount fails, those before it are gone") {
  ChangedMounts b;
  if (GENERATE(false, true)) b.map_ids(100000, 65536);
  b.launch();
  const auto before = b.mountinfo();
  const auto r = b.add(list(bound("/mnt", "volume"), fresh("tmpfs", "/mnt/over"), fresh("nosuchfs", "/tmp")));
  CHECK(r.status == 1);
  // The directory cannot be made: /mnt is the host's volume, and read-only.
  const auto again = b.add(list(bound("/mnt", "volume", R"("bind","ro")"), fresh("tmpfs", "/mnt/missing")));
  CHECK(again.status == 1);
  const auto broken =
      b.add(list(fresh("tmpfs", "/mnt"), bound("/mnt/file", "volume/file"), bound("/mnt/file", "volume")));
  CHECK(broken.status == 1);
  CHECK_THAT(unquoted(broken.err), Contains("mounts[2]: ") && Contains("not a directory"));
  CHECK(b.mountinfo() == before);
}

TEST_CASE("mounts remove unmounts the destinations, the last one first") {
  ChangedMounts b;
  if (GENERATE(false, true)) b.map_ids(100000, 65536);
  b.launch();
  const auto before = b.mountinfo();
  const auto mounts = list(fresh("tmpfs", "/mnt"), bound("/mnt/file", "volume/file"), fresh("tmpfs", "/mnt/tree"));
  REQUIRE(b.add(mounts).status == 0);
  CHECK(b.mountinfo() != before);
  const auto r = b.drop(mounts);
  INFO(r.err);
  CHECK(r.status == 0);
  CHECK(b.mountinfo() == before);
}

TEST_CASE("mounts remove unmounts what lies in another destination first, whatever the order") {
  ChangedMounts b;
  b.launch();
  const auto before = b.mountinfo();
  REQUIRE(b.add(list(fresh("tmpfs", "/mnt"), fresh("tmpfs", "/mnt/tree"))).status == 0);
  const auto r = b.drop(list(fresh("tmpfs", "/mnt/tree"), fresh("tmpfs", "/mnt")));
  INFO(r.err);
  CHECK(r.status == 0);
  CHECK(b.mountinfo() == before);
}

TEST_CASE("mounts remove unmounts nothing when one destination is no mount point") {
  ChangedMounts b;
  REQUIRE(::symlink("/proc/kcore", b.rootfs("link").c_str()) == 0);
  b.launch();
  REQUIRE(b.add(list(fresh("tmpfs", "/mnt"))).status == 0);
  const auto before = b.mountinfo();
  const auto fails = [&](const std::string& target, const std::string& why) {
    const auto r = b.drop(list(fresh("tmpfs", "/mnt"), fresh("tmpfs", target)));
    INFO(target << ": " << r.err);
    CHECK(r.status == 1);
    CHECK_THAT(unquoted(r.err), Contains("mounts[1]") && Contains(why));
    CHECK(b.mountinfo() == before);
  };
  fails("/tmp", "unmount /tmp: it is not a mount point");
  fails("/missing", "unmount /missing: No such file or directory");
  fails("/link", "there is a symbolic link on the way");
  fails("/", "is the root itself");
  fails("/tmp/../mnt/", "mounts[1].destination: \"/tmp/../mnt/\" is given twice");
  fails("/proc/kcore", "cannot be unmounted because it is inside /proc");
}

TEST_CASE("mounts takes the list from standard input, and the states that crun takes") {
  ChangedMounts b;
  if (GENERATE(false, true)) b.map_ids(100000, 65536);
  b.create();
  b.input = list(fresh("tmpfs", "/mnt"));
  const auto created = b.runtime({"mounts", "add", "ID", "-"});
  INFO(created.err);
  CHECK(created.status == 0);
  b.input.clear();
  CHECK_FALSE(b.flags("/mnt").empty());
  REQUIRE(b.start().status == 0);
  if (b.runtime({"pause", "ID"}).status == 0) {
    CHECK(b.add(list(fresh("tmpfs", "/tmp"))).status == 0);
    CHECK_FALSE(b.flags("/tmp").empty());
    REQUIRE(b.runtime({"resume", "ID"}).status == 0);
  }
  REQUIRE(b.kill("KILL").status == 0);
  REQUIRE(b.becomes("stopped"));
  check_refusal(b.add(list(fresh("tmpfs", "/mnt"))), "container not running");
}

TEST_CASE("mounts says what it cannot take") {
  ChangedMounts b;
  b.launch();
  const auto before = b.mountinfo();
  check_refusal(b.add("{}"), "mounts.json: mounts must be an array");
  check_refusal(b.add("[{}]"), "mounts.json: mounts[0]: destination: missing");
  check_refusal(b.add(list(bound("/mnt", "missing"))), "mounts[0]: bind source " + b.path("missing"));
  check_refusal(b.add(list(fresh("tmpfs", "/mnt", R"("remount")"))), "mounts[0].options: remount");
  check_refusal(b.add(list(bound("/mnt", "volume", R"("bind","copy-symlink")"))), "mounts[0].options: copy-symlink");
  check_refusal(b.add(list(fresh("tmpfs", "/etc", R"("tmpcopyup")"))), "mounts[0].options: tmpcopyup");
  check_refusal(b.add(list(fresh("tmpfs", "/mnt", R"("nosuch=1")"))), "mounts[0]: ");
  check_refusal(b.add(list(fresh("overlay", "/mnt", "\"lowerdir=/" + std::string(300, 'x') + "\""))),
                "an option that fsconfig(2) cannot say");
  check_refusal(b.add(list(fresh("tmpfs", "/"))), "mounts[0].destination: ");
  check_refusal(b.change("swap", "[]"), "mounts swap");
  check_refusal(b.runtime({"mounts", "add", "ID", b.path("nothing")}), "nothing");
  CHECK(b.mountinfo() == before);
}

TEST_CASE("a container without a mount namespace has no mounts to change") {
  ChangedMounts b;
  b.remove("linux.maskedPaths").remove("linux.readonlyPaths").remove("hostname").set("mounts", "[]");
  b.set("linux.namespaces", R"([{"type":"pid"}])").launch();
  check_refusal(b.add(list(fresh("tmpfs", "/mnt"))), "no mount namespace");
}

TEST_CASE("the process that adds mounts is not seen in the container") {
  ChangedMounts b;
  b.launch();
  const auto r = b.add(list(fresh("tmpfs", "/mnt"), bound("/tmp", "volume")));
  CHECK(r.status == 0);
  // The next number is the next process's: nothing has been born in there.
  CHECK(b.exec({"readlink", "/proc/self"}).out == "2\n");
}

TEST_CASE("nothing is mounted where the first process could change the flags of it") {
  ChangedMounts b;
  if (GENERATE(false, true)) b.map_ids(100000, 65536);
  b.args({"do", "unsharemounts", "--", "say", "away", "--", "pause"}).launch();
  REQUIRE(b.outputs("away"));
  const auto before = b.mountinfo();
  const auto r = b.add(list(bound("/mnt", "volume", R"("bind","ro")")));
  CHECK(r.status == 1);
  CHECK_THAT(unquoted(r.err), Contains("has left its user or mount namespace"));
  CHECK(b.mountinfo() == before);
}

TEST_CASE("mounts remove takes away nothing that hides or protects, wherever renaming has put it") {
  ChangedMounts b;
  if (GENERATE(false, true)) b.map_ids(100000, 65536);
  for (const char* name : {"one", "one/data", "one/keep", "two", "two/data", "two/keep"})
    ::mkdir(b.rootfs(name).c_str(), 0755);
  test::spill(b.rootfs("one/file"), "secret");
  b.set("linux.maskedPaths", R"(["/one/data","/one/file"])").set("linux.readonlyPaths", R"(["/one/keep"])");
  b.launch();
  REQUIRE(b.add(list(fresh("tmpfs", "/two/data"), fresh("tmpfs", "/two/keep"))).status == 0);
  // In the container, whose root needs no CAP_SYS_ADMIN for it: the mounts come along.
  const auto inside = "/proc/" + std::to_string(b.pid()) + "/root/";
  for (const auto& [from, to] : {std::pair("one", "other"), std::pair("two", "one"), std::pair("other", "two")})
    REQUIRE(::rename((inside + from).c_str(), (inside + to).c_str()) == 0);
  const auto before = b.mountinfo();
  const auto fails = [&](const std::string& target, const std::string& why) {
    const auto r = b.drop(list(fresh("tmpfs", target)));
    CHECK(r.status == 1);
    CHECK_THAT(unquoted(r.err), Contains("mounts[0]: unmount " + target + ": it ") && Contains(why));
    CHECK(b.mountinfo() == before);
  };
  fails("/two/data", "hides a directory (linux.maskedPaths)");
  fails("/two/file", "hides a file (linux.maskedPaths)");
  fails("/two/keep", "keeps what it is mounted on read-only (linux.readonlyPaths)");
  CHECK(b.drop(list(fresh("tmpfs", "/one/data"), fresh("tmpfs", "/one/keep"))).status == 0);
}
