// SPDX-License-Identifier: Apache-2.0
// config.md, "Mounts" and "Root": what is mounted where, with which flags, and that nothing lands outside the rootfs.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::line_with;
using namespace Catch::Matchers;

namespace {

/// The line of mountinfo for `point`, seen from inside.
std::string mount_at(const std::string& mountinfo, const std::string& point) {
  return line_with(mountinfo, " " + point + " ");
}

/// A directory of the bundle with one file in it.
std::string source(const Bundle& b, const std::string& name = "source") {
  ::mkdir(b.path(name).c_str(), 0755);
  test::spill(b.path(name) + "/file", "from outside");
  return b.path(name);
}

/// Every mount point in mountinfo, sorted.
std::vector<std::string> points(const std::string& mountinfo) {
  std::vector<std::string> found;
  std::istringstream lines(mountinfo);
  for (std::string line, field; std::getline(lines, line);) {
    std::istringstream words(line);
    for (int number = 0; number < 5; ++number) words >> field;
    found.push_back(field);
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// A command whose system calls go to the bundle's file "trace", and fail as `options` of strace(1) say.
test::Result traced(Bundle& b, const std::string& options, const test::Words& words) {
  if (::access("/usr/bin/strace", X_OK) != 0) test::skip("strace is not installed");
  // LeakSanitizer cannot look for leaks below strace, and would say so with a status of its own.
  b.environment = test::Words{"PATH=/usr/bin:/bin", "ASAN_OPTIONS=detect_leaks=0"};
  return b.through_shell("exec /usr/bin/strace -qq -o " + b.path("trace") + " " + options + R"( "$0" "$@")", words);
}

bool exists(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

}  // namespace

// The default file systems
// ----------------------------------------------------------------------------------------------

TEST_CASE("the configured file systems are mounted, in their order, and nothing else of the host") {
  Bundle b;
  const auto out = b.args({"cat", "/proc/self/mountinfo"}).run().out;
  for (const auto& [point, type] : {std::pair{"/proc", "- proc "},
                                    {"/dev", "- tmpfs "},
                                    {"/dev/pts", "- devpts "},
                                    {"/dev/shm", "- tmpfs "},
                                    {"/dev/mqueue", "- mqueue "},
                                    {"/sys", "- sysfs "}}) {
    INFO(point << " in " << out);
    CHECK_THAT(mount_at(out, point), Contains(type));
  }
  CHECK_FALSE(mount_at(out, "/").empty());
  CHECK_THAT(out, !Contains("/old") && !Contains("pivot"));
}

TEST_CASE("a mount has the configured flags") {
  Bundle b;
  const auto out = b.args({"cat", "/proc/self/mountinfo"}).run().out;
  CHECK_THAT(mount_at(out, "/dev/shm"), Contains("nosuid") && Contains("nodev") && Contains("noexec"));
  CHECK_THAT(mount_at(out, "/sys"), Contains(" ro,"));
  CHECK_THAT(mount_at(out, "/dev"), Contains("nosuid") && !Contains("noexec"));
}

TEST_CASE("a tmpfs has the configured size and mode") {
  Bundle b;
  b.mount("/scratch", "tmpfs", "tmpfs", "size=1m,mode=1700,nodev");
  const auto out = b.args({"do", "stat", "/scratch", "--", "cat", "/proc/self/mountinfo"}).run().out;
  CHECK_THAT(out, Contains("/scratch directory mode=1700"));
  CHECK_THAT(mount_at(out, "/scratch"), Contains("size=1024k") && Contains("nodev"));
}

TEST_CASE("a tmpfs without a mode takes that of the directory it covers") {
  Bundle b;
  ::mkdir(b.rootfs("covered").c_str(), 0711);
  b.mount("/covered", "tmpfs", "tmpfs", "nodev");
  CHECK_THAT(b.args({"stat", "/covered"}).run().out, Contains("mode=0711"));
}

TEST_CASE("tmpcopyup copies what the tmpfs covers") {
  Bundle b;
  ::mkdir(b.rootfs("covered").c_str(), 0755);
  ::mkdir(b.rootfs("covered/sub").c_str(), 0750);
  test::spill(b.rootfs("covered/sub/file"), "copied", 0640);
  b.mount("/covered", "tmpfs", "tmpfs", "tmpcopyup");
  const auto out =
      b.args({"do", "stat", "/covered/sub", "/covered/sub/file", "--", "cat", "/covered/sub/file"}).run().out;
  CHECK_THAT(out, Contains("sub directory mode=0750") && Contains("file file mode=0640") && EndsWith("copied"));
}

TEST_CASE("an unknown file system type is refused by name") {
  Bundle b;
  const auto r = b.mount("/mnt", "nosuchfs", "nosuchfs", "").create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("nosuchfs"));
  CHECK(b.leftovers().empty());
}

// Binds
// -----------------------------------------------------------------------------------------------------------------

TEST_CASE("a bind shows a directory of the host") {
  Bundle b;
  b.mount("/mnt", "none", source(b), "bind");
  CHECK(b.args({"cat", "/mnt/file"}).run().out == "from outside");
}

TEST_CASE("a bind source that is relative is below the bundle") {
  Bundle b;
  source(b);
  b.mount("/mnt", "bind", "source", "rbind");
  CHECK(b.args({"cat", "/mnt/file"}).run().out == "from outside");
}

TEST_CASE("a file is bound on a file that is not there yet") {
  Bundle b;
  b.mount("/etc/deep/name", "none", source(b) + "/file", "bind");
  CHECK(b.args({"cat", "/etc/deep/name"}).run().out == "from outside");
  CHECK(exists(b.rootfs("etc/deep/name")));
}

TEST_CASE("a bind with ro cannot be written to") {
  Bundle b;
  b.mount("/mnt", "none", source(b), "bind,ro");
  CHECK_THAT(b.args({"write", "/mnt/file", "x"}).run().out, Contains("EROFS"));
  CHECK(test::slurp(b.path("source/file")) == "from outside");
}

TEST_CASE("a bind has the flags that its options name") {
  Bundle b;
  b.mount("/mnt", "none", source(b), "bind,nosuid,nodev,noexec,noatime");
  const auto line = mount_at(b.args({"cat", "/proc/self/mountinfo"}).run().out, "/mnt");
  CHECK_THAT(line, Contains("nosuid") && Contains("nodev") && Contains("noexec") && Contains("noatime"));
}

TEST_CASE("a bind without rbind leaves out what is mounted below") {
  Bundle b;
  ::mkdir((source(b) + "/below").c_str(), 0755);
  REQUIRE(::mount("tmpfs", b.path("source/below").c_str(), "tmpfs", 0, nullptr) == 0);
  test::spill(b.path("source/below/deep"), "deep");
  b.mount("/plain", "none", b.path("source"), "bind").mount("/recursive", "none", b.path("source"), "rbind");
  const auto r = b.args({"do", "cat", "/recursive/below/deep", "--", "cat", "/plain/below/deep"}).run();
  ::umount2(b.path("source/below").c_str(), MNT_DETACH);
  CHECK(r.out == "deep/plain/below/deep: ENOENT\n");
}

TEST_CASE("rro makes everything below read-only, ro only the top") {
  Bundle b;
  ::mkdir((source(b) + "/below").c_str(), 0755);
  REQUIRE(::mount("tmpfs", b.path("source/below").c_str(), "tmpfs", 0, nullptr) == 0);
  b.mount("/top", "none", b.path("source"), "rbind,ro").mount("/all", "none", b.path("source"), "rbind,rro");
  const auto r = b.args({"do", "mkdir", "/all/below/x", "--", "mkdir", "/top/x", "--", "mkdir", "/top/below/x"}).run();
  ::umount2(b.path("source/below").c_str(), MNT_DETACH);
  CHECK(r.out == "/all/below/x: EROFS\n/top/x: EROFS\n");
}

TEST_CASE("a bind source that does not exist is named") {
  Bundle b;
  const auto r = b.mount("/mnt", "none", b.path("missing"), "bind").create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("missing") && Contains("no such file or directory", Catch::CaseSensitive::No));
  CHECK(b.leftovers().empty());
}

TEST_CASE("a directory is not bound on a file") {
  Bundle b;
  test::spill(b.rootfs("etc/file"), "");
  const auto r = b.mount("/etc/file", "none", source(b), "bind").create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("not a directory", Catch::CaseSensitive::No));
}

TEST_CASE("a later mount sees what an earlier one brought") {
  Bundle b;
  b.mount("/first", "none", source(b), "bind").mount("/first/inner", "tmpfs", "tmpfs", "");
  CHECK(b.args({"do", "ls", "/first", "--", "cat", "/first/file"}).run().out == "file\ninner\nfrom outside");
}

// Links in the rootfs: image content is hostile
// ---------------------------------------------------------------------------

TEST_CASE("a mountpoint behind an absolute link stays in the rootfs") {
  Bundle b;
  const std::string outside = source(b, "outside");
  REQUIRE(::symlink(outside.c_str(), b.rootfs("link").c_str()) == 0);
  b.mount("/link/point", "tmpfs", "tmpfs", "");
  const auto r = b.args({"exit", "0"}).run();
  CHECK_FALSE(exists(outside + "/point"));
  CHECK((r.status != 0 || exists(b.rootfs() + outside + "/point")));
}

TEST_CASE("a mountpoint behind a link with .. stays in the rootfs") {
  Bundle b;
  const std::string outside = source(b, "outside");
  REQUIRE(::symlink("../../outside", b.rootfs("etc/link").c_str()) == 0);
  b.mount("/etc/link/point", "none", source(b), "bind").args({"exit", "0"}).run();
  CHECK_FALSE(exists(outside + "/point"));
}

TEST_CASE("a dangling link as a mountpoint makes its target in the rootfs only") {
  Bundle b;
  REQUIRE(::symlink(b.path("made-outside").c_str(), b.rootfs("etc/link").c_str()) == 0);
  b.mount("/etc/link", "none", source(b) + "/file", "bind").args({"exit", "0"}).run();
  CHECK_FALSE(exists(b.path("made-outside")));
}

TEST_CASE("/proc as a link is refused or stays proc") {  // CVE-2019-19921
  Bundle b;
  ::rmdir(b.rootfs("proc").c_str());
  ::mkdir(b.rootfs("fake").c_str(), 0755);
  REQUIRE(::symlink("/fake", b.rootfs("proc").c_str()) == 0);
  const auto r = b.args({"exit", "0"}).create();
  CHECK(r.status == 1);
  CHECK(b.leftovers().empty());
}

TEST_CASE("nothing is bound over /proc but proc") {  // CVE-2019-16884
  Bundle b;
  CHECK(b.mount("/proc", "none", source(b), "bind").create().status == 1);
  CHECK(b.leftovers().empty());
}

TEST_CASE("nothing is mounted below /proc where the kernel's own files are") {
  Bundle b;
  CHECK(b.mount("/proc/sys", "none", source(b), "bind").create().status == 1);
  CHECK(b.leftovers().empty());
}

TEST_CASE("a mount on / is refused") {
  Bundle b;
  CHECK(b.mount("/", "tmpfs", "tmpfs", "").create().status == 1);
  CHECK(b.leftovers().empty());
}

// Root and propagation
// --------------------------------------------------------------------------------------------------

TEST_CASE("root.readonly makes the rootfs read-only but not its mounts") {
  Bundle b;
  b.set("root.readonly", "true").mount("/scratch", "tmpfs", "tmpfs", "");
  CHECK(b.args({"do", "mkdir", "/x", "--", "mkdir", "/scratch/x"}).run().out == "/x: EROFS\n");
}

TEST_CASE("a rootfs that is not there is named") {
  Bundle b;
  const auto r = b.set("root.path", R"("nowhere")").create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("nowhere"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("an absolute root.path works") {
  Bundle b;
  CHECK(b.set("root.path", test::quoted(b.path("rootfs"))).args({"hostname"}).run().out == "box\n");
}

TEST_CASE("mounts of the container do not appear on the host, nor in its rootfs") {
  Bundle b;
  b.mount("/scratch", "tmpfs", "tmpfs", "").args({"pause"}).launch();
  CHECK_THAT(test::slurp("/proc/self/mountinfo"), !Contains(b.path()));
}

TEST_CASE("the container's mounts are private unless rootfsPropagation says otherwise") {
  Bundle b;
  b.args({"cat", "/proc/self/mountinfo"});
  CHECK_THAT(mount_at(b.run().out, "/"), !Contains("shared:"));
  CHECK_THAT(mount_at(b.set("linux.rootfsPropagation", R"("shared")").run().out, "/"), Contains("shared:"));
}

TEST_CASE("a bind has the propagation of its options") {
  Bundle b;
  ::mkdir(b.path("source").c_str(), 0755);
  REQUIRE(::mount("tmpfs", b.path("source").c_str(), "tmpfs", 0, nullptr) == 0);
  REQUIRE(::mount(nullptr, b.path("source").c_str(), nullptr, MS_SHARED, nullptr) == 0);
  b.mount("/shared", "none", b.path("source"), "bind,rshared").mount("/slave", "none", b.path("source"), "bind,rslave");
  b.mount("/private", "none", b.path("source"), "bind,rprivate");
  b.mount("/both", "none", b.path("source"), "bind,rslave,rshared");
  const auto out = b.args({"cat", "/proc/self/mountinfo"}).run().out;
  ::umount2(b.path("source").c_str(), MNT_DETACH);
  CHECK_THAT(mount_at(out, "/shared"), Contains("shared:"));
  CHECK_THAT(mount_at(out, "/slave"), Contains("master:") && !Contains("shared:"));
  CHECK_THAT(mount_at(out, "/both"), Contains("master:") && Contains("shared:"));
  CHECK_THAT(mount_at(out, "/private"), !Contains("shared:") && !Contains("master:"));
}

// Where the kernel says no
// --------------------------------------------------------------------------------------------------

TEST_CASE("where the kernel or a filter refuses a detached root, it is attached and pivoted") {
  // Before Linux 6.15 nothing can be attached to a detached mount; a first mount cannot be unmounted; and filters
  // around the runtime. strace counts for each process.
  const std::string fault = GENERATE("move_mount:error=EINVAL:when=2", "umount2:error=EINVAL:when=1",
                                     "setns:error=EPERM:when=1", "pidfd_open:error=ENOSYS", "move_mount:error=ENOSYS");
  Bundle b;
  b.set("linux.maskedPaths", R"(["/proc/keys"])").args({"cat", "/proc/self/mountinfo"});
  const auto expected = b.run();
  const auto r = traced(b, "-f -e inject=" + fault, {"run", "--bundle", b.path("."), "ID"});
  INFO(fault << ": " << r.err);
  CHECK(r.status == 0);
  CHECK(points(r.out) == points(expected.out));
  CHECK_THAT(test::slurp(b.path("trace")), Contains("(INJECTED)") && Contains("pivot_root(\".\", \".\""));
}

TEST_CASE("a mount that only mount(2) can say gets the root attached first") {
  Bundle b;
  const auto out = b.mount("/quiet", "tmpfs", "tmpfs", "silent").args({"cat", "/proc/self/mountinfo"}).run().out;
  CHECK_THAT(mount_at(out, "/quiet"), Contains("- tmpfs "));
}

TEST_CASE("the process makes sysfs and raises the loopback interface where the runtime cannot") {
  const std::string call = GENERATE("setns:error=EINVAL", "fsopen:error=EPERM", "fsconfig:error=EBUSY");
  Bundle b;
  b.args({"do", "cat", "/sys/class/net/lo/flags", "--", "cat", "/proc/self/mountinfo"});
  const auto r = traced(b, "-e inject=" + call + ":when=1", {"run", "--bundle", b.path("."), "ID"});
  INFO(call << ": " << r.err);
  CHECK_THAT(test::slurp(b.path("trace")), Contains("(INJECTED)"));
  CHECK_THAT(r.out, StartsWith("0x9\n") && Contains(" / /sys ro,nosuid,nodev,noexec,relatime - sysfs "));
}

TEST_CASE("a loopback interface that the runtime cannot raise fails create") {
  Bundle b;
  const auto r =
      traced(b.args({"pause"}), "-e inject=ioctl:error=EPERM:when=1", {"create", "--bundle", b.path("."), "ID"});
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("linux.namespaces: set lo up (SIOCSIFFLAGS): Operation not permitted"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("a file system has the propagation of its options, wherever the root hangs meanwhile") {
  Bundle b;
  const auto first = GENERATE(as<std::string>{}, "private", "shared");  // a shared one wants the root attached
  CAPTURE(first);
  b.mount("/first", "tmpfs", "tmpfs", first).mount("/first/below", "tmpfs", "tmpfs", "");
  b.mount("/private", "tmpfs", "tmpfs", "rprivate").mount("/slave", "tmpfs", "tmpfs", "slave,nosuid");
  b.mount("/unbindable", "tmpfs", "tmpfs", "unbindable").mount("/first/private", "tmpfs", "tmpfs", "private");
  const auto out = b.args({"cat", "/proc/self/mountinfo"}).run().out;
  CAPTURE(out);
  const bool shared = first == "shared";
  for (const auto* point : {"/first", "/first/below"})
    CHECK((mount_at(out, point).find("shared:") != std::string::npos) == shared);
  for (const auto* point : {"/private", "/slave", "/first/private"}) {
    REQUIRE_FALSE(mount_at(out, point).empty());
    CHECK_THAT(mount_at(out, point), !Contains("shared:") && !Contains("master:"));
  }
  CHECK_THAT(mount_at(out, "/unbindable"), Contains("unbindable"));
}

TEST_CASE("a mount can be changed by a later one") {
  Bundle b;
  b.mount("/scratch", "tmpfs", "tmpfs", "").mount("/scratch", "none", "none", "remount,ro,nosuid");
  const auto out = b.args({"cat", "/proc/self/mountinfo"}).run().out;
  CHECK_THAT(mount_at(out, "/scratch"), Contains(" ro,nosuid"));
}

TEST_CASE("run --no-pivot works where pivot_root cannot") {
  Bundle b;
  CHECK(b.args({"do", "hostname", "--", "ls", "/proc/self/task"}).run({"--no-pivot"}).out.starts_with("box\n"));
}

TEST_CASE("a container in the host's mount namespace has its mounts below its root, and delete takes them away") {
  Bundle b;
  b.set("linux.namespaces", R"([{"type": "pid"}, {"type": "uts"}, {"type": "ipc"}])");
  b.set("linux.maskedPaths", R"(["/proc/kcore"])").set("root.readonly", "true").args({"pause"});
  const auto mounted = [&] { return test::slurp("/proc/self/mountinfo").find(b.path("rootfs")) != std::string::npos; };
  b.launch();
  CHECK(mounted());
  const auto seen = b.exec({"cat", "/proc/self/mountinfo"}).out;
  CHECK_THAT(seen, Contains(" / /proc rw,relatime - proc ") && Contains(" / /dev/shm "));
  CHECK_THAT(b.exec({"write", "/x", "text"}).out, Contains("EROFS"));
  REQUIRE(b.remove_container({"--force"}).status == 0);
  CHECK_FALSE(mounted());
  CHECK(b.leftovers().empty());

  SECTION("also after a failure") {
    b.set("process.args", R"(["/no/such/program"])");
    CHECK(b.run().status == 1);
    CHECK_FALSE(mounted());
  }
}

TEST_CASE("what is mounted in the host's mount namespace is unmounted where a link had led to it") {
  Bundle b;
  b.set("linux.namespaces", R"([{"type": "pid"}, {"type": "uts"}, {"type": "ipc"}])").set("root.readonly", "true");
  REQUIRE(::symlink("rootfs", b.path("link").c_str()) == 0);
  b.set("root.path", "\"link\"").args({"pause"}).launch();
  const auto r = b.remove_container({"--force"});
  CHECK(r.status == 0);
  CHECK(r.err.empty());
  CHECK(test::slurp("/proc/self/mountinfo").find(b.path("rootfs")) == std::string::npos);
}

TEST_CASE("nothing is mounted over the host's root") {
  Bundle b;
  b.set("linux.namespaces", R"([{"type": "pid"}, {"type": "uts"}, {"type": "ipc"}])").set("root.readonly", "true");
  const auto before = test::slurp("/proc/self/mountinfo");
  const auto r = b.set("root.path", "\"/\"").create();
  CHECK(r.status == 1);
  CHECK_THAT(test::unquoted(r.err), Contains("root.path: the host's root needs a mount namespace"));
  CHECK(test::slurp("/proc/self/mountinfo") == before);
  CHECK(b.leftovers().empty());
}
