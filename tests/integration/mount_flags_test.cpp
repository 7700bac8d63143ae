// SPDX-License-Identifier: Apache-2.0
// mounts[].options, word by word: what each makes of a mount and of the one below it; and the words of crun that are no
// flags.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::line_with;
using namespace Catch::Matchers;

namespace {

/// A mount with another one below it, both with the flags that are asked for.
class HostMounts {
 public:
  HostMounts(const Bundle& b, unsigned long flags) : point_(b.path("source")) {
    ::mkdir(point_.c_str(), 0755);
    REQUIRE(::mount("tmpfs", point_.c_str(), "tmpfs", flags & ~static_cast<unsigned long>(MS_RDONLY), nullptr) == 0);
    ::mkdir((point_ + "/below").c_str(), 0755);
    REQUIRE(::mount("tmpfs", (point_ + "/below").c_str(), "tmpfs", flags, nullptr) == 0);
    if ((flags & MS_RDONLY) != 0)
      REQUIRE(::mount(nullptr, point_.c_str(), nullptr, MS_REMOUNT | MS_BIND | flags, nullptr) == 0);
  }
  HostMounts(const HostMounts&) = delete;
  ~HostMounts() { ::umount2(point_.c_str(), MNT_DETACH); }

 private:
  std::string point_;
};

/// The flags of /mnt and /mnt/below: "rw,relatime rw,relatime". The kernel's word for strictatime is none.
std::string flags_of(Bundle& b) {
  const auto r = b.args({"cat", "/proc/self/mountinfo"}).run();
  INFO(r.err);
  std::string all;
  for (const char* point : {" /mnt ", " /mnt/below "}) {
    const auto line = line_with(r.out, point);
    REQUIRE_FALSE(line.empty());
    const auto start = line.find(point) + std::string(point).size();
    all += (all.empty() ? "" : " ") + line.substr(start, line.find(' ', start) - start);
  }
  return all;
}

struct Case {
  const char* options;
  unsigned long before;
  const char* after;
};

}  // namespace

TEST_CASE("a recursive flag changes the mounts below as well") {
  const auto row = GENERATE(values<Case>({
      {"rro", 0, "ro,relatime ro,relatime"},
      {"rrw", MS_RDONLY, "rw,relatime rw,relatime"},
      {"rnosuid", 0, "rw,nosuid,relatime rw,nosuid,relatime"},
      {"rsuid", MS_NOSUID, "rw,relatime rw,relatime"},
      {"rnodev", 0, "rw,nodev,relatime rw,nodev,relatime"},
      {"rdev", MS_NODEV, "rw,relatime rw,relatime"},
      {"rnoexec", 0, "rw,noexec,relatime rw,noexec,relatime"},
      {"rexec", MS_NOEXEC, "rw,relatime rw,relatime"},
      {"rnoatime", 0, "rw,noatime rw,noatime"},
      {"rnoatime", MS_STRICTATIME, "rw,noatime rw,noatime"},
      {"ratime", MS_NOATIME, "rw,relatime rw,relatime"},
      {"rnodiratime", 0, "rw,nodiratime,relatime rw,nodiratime,relatime"},
      {"rdiratime", MS_NODIRATIME, "rw,relatime rw,relatime"},
      {"rrelatime", MS_NOATIME, "rw,relatime rw,relatime"},
      {"rrelatime", MS_STRICTATIME, "rw,relatime rw,relatime"},
      {"rnorelatime", MS_NOATIME, "rw,relatime rw,relatime"},
      {"rstrictatime", 0, "rw rw"},
      {"rstrictatime", MS_NOATIME, "rw rw"},
      {"rnostrictatime", MS_STRICTATIME, "rw,relatime rw,relatime"},
      {"rnosymfollow", 0, "rw,relatime,nosymfollow rw,relatime,nosymfollow"},
      {"rnosymfollow,rsymfollow", 0, "rw,relatime rw,relatime"},
      {"ro,rro", 0, "ro,relatime ro,relatime"},
      {"ro", 0, "ro,relatime rw,relatime"},
  }));
  INFO(row.options << " on " << row.before);
  Bundle b;
  const HostMounts mounts(b, row.before);
  b.mount("/mnt", "none", "source", std::string("rbind,") + row.options);
  CHECK(flags_of(b) == row.after);
}

TEST_CASE("crun's recursive words for file systems have no say in a bind, and are taken") {
  Bundle b;
  const HostMounts mounts(b, 0);
  b.mount("/mnt", "none", "source", "rbind,rsync,rdirsync,rmand,rasync,rnomand");
  CHECK_THAT(flags_of(b), StartsWith("rw,relatime "));
}

TEST_CASE("a user namespace keeps the flags of a source that nobody named, and refuses to lose them") {
  Bundle b;
  b.map_ids(100000, 65536);
  const HostMounts mounts(b, MS_NOSUID | MS_NODEV | MS_NOATIME);
  b.mount("/mnt", "none", "source", "rbind,ro");
  CHECK_THAT(flags_of(b), StartsWith("ro,nosuid,nodev,noatime "));
  for (const char* word : {"dev", "suid", "strictatime"}) {
    b.set("mounts[7].options", std::string(R"(["rbind",")") + word + "\"]");
    const auto r = b.create();
    INFO(r.err);
    CHECK(r.status == 1);
    CHECK_THAT(test::unquoted(r.err), Contains("error during container init: error mounting \"" + b.path("source") +
                                               "\" to rootfs at \"/mnt\": ") &&
                                          Contains("operation not permitted"));
  }
}

TEST_CASE("a word that only takes back another one leaves a bind its access times") {
  Bundle b;
  if (GENERATE(false, true)) b.map_ids(100000, 65536);
  const auto row = GENERATE(values<Case>({
      {"diratime", MS_NODIRATIME, "rw,nodiratime,relatime"},
      {"norelatime", MS_NODIRATIME, "rw,nodiratime,relatime"},
      {"atime", MS_NOATIME, "rw,noatime"},
      {"nostrictatime", MS_STRICTATIME, "rw"},
  }));
  INFO(row.options);
  const HostMounts mounts(b, row.before);
  b.mount("/mnt", "none", "source", std::string("rbind,") + row.options);
  CHECK_THAT(flags_of(b), StartsWith(row.after + std::string(" ")));
}

TEST_CASE("a user namespace sees no mount without those that the host has put below it") {
  Bundle b;
  b.map_ids(100000, 65536);
  const HostMounts mounts(b, 0);
  const auto r = b.mount("/mnt", "none", "source", "bind").create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err,
             Contains("source: the host has mounts below it, so a user namespace needs rbind: invalid argument"));
}

// What covers a directory
// ---------------------------------------------------------------------------------------------

TEST_CASE("tmpcopyup keeps modes, links and owners") {
  Bundle b;
  ::mkdir(b.rootfs("covered").c_str(), 0777);
  ::chmod(b.rootfs("covered").c_str(), 0777);
  ::mkdir(b.rootfs("covered/group").c_str(), 0755);
  ::chmod(b.rootfs("covered/group").c_str(), 02775);
  test::spill(b.rootfs("covered/tool"), "x", 0755);
  ::chown(b.rootfs("covered/tool").c_str(), 3, 4);
  ::chmod(b.rootfs("covered/tool").c_str(), 04755);
  REQUIRE(::symlink("/etc/nowhere", b.rootfs("covered/link").c_str()) == 0);
  b.mount("/covered", "tmpfs", "tmpfs", "tmpcopyup");
  const auto before = ::umask(022);
  const auto out =
      b.args({"do", "stat", "/covered", "/covered/group", "/covered/tool", "--", "readlink", "/covered/link"})
          .run()
          .out;
  ::umask(before);
  CHECK_THAT(line_with(out, "/covered directory"), Contains("mode=0777"));
  CHECK_THAT(line_with(out, "/covered/group"), Contains("mode=2775"));
  CHECK_THAT(line_with(out, "/covered/tool"), Contains("mode=4755 uid=3 gid=4"));
  CHECK_THAT(out, EndsWith("/etc/nowhere\n"));
}

TEST_CASE("directories made for a mount inherit the set-group-id bit") {
  Bundle b;
  ::mkdir(b.rootfs("shared").c_str(), 0755);
  ::chown(b.rootfs("shared").c_str(), 0, 7);
  ::chmod(b.rootfs("shared").c_str(), 02755);
  b.mount("/shared/made/point", "tmpfs", "tmpfs", "");
  const auto out = b.args({"stat", "/shared/made"}).run().out;
  CHECK_THAT(out, Contains("mode=2755 uid=0 gid=7"));
}

TEST_CASE("a mountpoint behind links that lead nowhere is made where they lead, inside the rootfs") {
  Bundle b;
  REQUIRE(::symlink("/jump/baz", b.rootfs("dangling").c_str()) == 0);
  ::mkdir(b.path("source").c_str(), 0755);
  test::spill(b.path("source/file"), "from outside");
  b.mount("/dangling/deep/file", "none", "source/file", "bind");
  const auto out = b.args({"cat", "/jump/baz/deep/file"}).run().out;
  CHECK(out == "from outside");
}

TEST_CASE("/proc and /sys behind a link are refused") {
  Bundle b;
  const std::string name = GENERATE("proc", "sys");
  ::rmdir(b.rootfs(name).c_str());
  ::mkdir(b.rootfs("elsewhere").c_str(), 0755);
  REQUIRE(::symlink("elsewhere", b.rootfs(name).c_str()) == 0);
  const auto r = b.run();
  CHECK(r.status == 1);
  CHECK_THAT(test::unquoted(r.err), Contains("must be mounted on ordinary directory"));
}

TEST_CASE("a source that earlier mounts have put into the rootfs goes to a destination written from the host") {
  Bundle b;
  if (GENERATE(false, true)) b.map_ids(100000, 65536);
  ::mkdir(b.path("closed").c_str(), 0700);
  ::mkdir(b.path("closed/source").c_str(), 0755);
  test::spill(b.path("closed/source/file"), "from outside");
  b.mount("/first", "none", "closed/source", "rbind");
  b.mount(b.rootfs("final"), "none", b.rootfs("first"), "rbind");
  const auto r = b.args({"cat", "/final/file"}).run();
  INFO(r.err);
  CHECK(r.out == "from outside");
}

// Links as sources and targets
// ----------------------------------------------------------------------------------------

TEST_CASE("copy-symlink makes a link again, and binds what is none") {
  Bundle b;
  if (GENERATE(false, true)) b.map_ids(100000, 65536);
  ::mkdir(b.path("source").c_str(), 0700);  // only the runtime can look into it for a user namespace
  test::spill(b.path("source/file"), "from outside");
  REQUIRE(::symlink("/etc/target", b.path("source/link").c_str()) == 0);
  b.mount("/etc/link", "none", "source/link", "bind,copy-symlink");
  b.mount("/etc/file", "none", "source/file", "bind,copy-symlink");
  const auto r = b.args({"do", "readlink", "/etc/link", "--", "cat", "/etc/file"}).run();
  INFO(r.err);
  CHECK(r.out == "/etc/target\nfrom outside");
  CHECK(b.run().out == "/etc/target\nfrom outside");  // the link is there already
}

TEST_CASE("copy-symlink does not leave another link in its place") {
  Bundle b;
  REQUIRE(::symlink("/etc/target", b.path("link").c_str()) == 0);
  ::mkdir(b.rootfs("etc").c_str(), 0755);
  REQUIRE(::symlink("/etc/other", b.rootfs("etc/link").c_str()) == 0);
  const auto r = b.mount("/etc/link", "none", "link", "bind,copy-symlink").create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("make the link /etc/link to /etc/target: file exists"));
}

TEST_CASE("src-nofollow binds the link itself, dest-nofollow mounts on one") {
  Bundle b;
  if (GENERATE(false, true)) b.map_ids(100000, 65536);
  test::spill(b.path("file"), "from outside");
  REQUIRE(::symlink("/nowhere", b.path("link").c_str()) == 0);
  ::mkdir(b.rootfs("etc").c_str(), 0755);
  REQUIRE(::symlink("/elsewhere", b.rootfs("etc/one").c_str()) == 0);
  b.mount("/etc/one", "none", "link", "bind,src-nofollow,dest-nofollow");
  const auto r = b.args({"readlink", "/etc/one"}).run();
  INFO(r.err);
  CHECK(r.out == "/nowhere\n");
}

TEST_CASE("dest-nofollow does not lead onto /proc either") {
  Bundle b;
  REQUIRE(::mkdir(b.path("fake").c_str(), 0755) == 0);
  REQUIRE(::symlink("/", b.rootfs("again").c_str()) == 0);
  b.mount("/again/proc", "none", b.path("fake"), "bind,dest-nofollow");
  const auto r = b.args({"ls", "/proc"}).run();
  CHECK(r.status == 1);
  CHECK_THAT(test::unquoted(r.err), Contains("\"/again/proc\" cannot be mounted because it leads inside /proc"));
}
