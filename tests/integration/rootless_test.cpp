// SPDX-License-Identifier: Apache-2.0
// The runtime in the hands of an ordinary user (docs/rootless.md). The user is a number that the machine does not know;
// where he needs a name and subordinate ids, his commands see an /etc of their own.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::has_line;
using test::line_with;
using test::Result;
using test::unquoted;
using test::Words;
using namespace Catch::Matchers;

namespace {

constexpr unsigned uid = 3'200'100;
constexpr unsigned gid = 3'200'200;
constexpr unsigned subordinate = 3'300'000;

std::string text(unsigned number) {
  return std::to_string(number);
}

/// A bundle that belongs to an ordinary user, and his way of calling the runtime.
class Rootless {
 public:
  Rootless() {
    if (::geteuid() != 0) test::skip("needs root, to become somebody else");
    // Out of his reach where the test machine's is: below a home of root's.
    if (::link(test::runtime_path().c_str(), b.path("runtime").c_str()) != 0) copy_runtime();
    for (const auto& name : {b.path(), b.rootfs()}) give(name);
    for (const auto* name : {"proc", "sys", "dev", "etc", "tmp", "run", "root", "bin"}) give(b.rootfs(name));
    ::mkdir(b.root().c_str(), 0700);
    give(b.root());
    b.args({"ids"});
  }

  void copy_runtime() {
    ::unlink(b.path("runtime").c_str());
    test::spill(b.path("runtime"), test::slurp(test::runtime_path()), 0755);
  }

  static void give(const std::string& path) { REQUIRE(::lchown(path.c_str(), uid, gid) == 0); }

  /// The user has a name, and the machine these files.
  void etc(const std::string& subuid, const std::string& subgid) {
    ::mkdir(b.path("etc").c_str(), 0755);
    test::spill(b.path("etc/passwd"),
                "root:x:0:0::/:/bin/sh\nalice:x:" + text(uid) + ":" + text(gid) + "::/:/bin/sh\n");
    test::spill(b.path("etc/group"), "root:x:0:\nalice:x:" + text(gid) + ":\n");
    test::spill(b.path("etc/nsswitch.conf"), "passwd: files\ngroup: files\n");
    test::spill(b.path("etc/subuid"), subuid);
    test::spill(b.path("etc/subgid"), subgid);
    before_ = "mount --bind " + b.path("etc") + " /etc || exit 99; ";
  }

  void subordinate_ids() {
    const auto line = "alice:" + text(subordinate) + ":65536\n";
    etc(line, line);
    if (::access("/usr/bin/newuidmap", X_OK) != 0) test::skip("newuidmap is not installed");
  }

  /// Shell, as root, in a mount namespace that ends with the command.
  void as_root_first(const std::string& script) { before_ += script + "; "; }

  Result runtime(const Words& words) {
    const std::string drop = "exec setpriv " + setpriv + " --reuid " + text(uid) + " --regid " + text(gid) + " " +
                             groups + " " + (environment.empty() ? "" : "env " + environment + " ") +
                             b.path("runtime") + (drops_root ? "" : " --root \"$2\"") + " \"${@:3}\"";
    const std::string quoted = "unshare --mount --propagation private bash -c '" + before_ + drop + "' \"$0\" \"$@\"";
    return b.through_shell("exec " + quoted, words);
  }

  Result run() { return runtime({"run", "--bundle", b.path("."), "ID"}); }
  Result create() { return runtime({"create", "--bundle", b.path("."), "ID"}); }
  void launch() {
    b.args({"pause"});
    REQUIRE(create().status == 0);
    REQUIRE(runtime({"start", "ID"}).status == 0);
  }

  Bundle b;
  std::string setpriv;  ///< more of its options
  std::string groups = "--clear-groups";
  std::string environment;  ///< for env(1)
  bool drops_root = false;  ///< calls the runtime without --root

 private:
  std::string before_;
};

/// The config.json that `spec --rootless` makes for the user, without a terminal.
void use_own_spec(Rootless& r, const Words& args) {
  REQUIRE(r.runtime({"spec", "--rootless", "--bundle", r.b.path("generated")}).status == 0);
  auto tree = test::Tree::parse(test::slurp(r.b.path("generated/config.json")));
  tree.set("process.terminal", "false");
  tree.set("process.args", test::quoted(args));
  tree.set("root.readonly", "false");
  r.b.config(tree.text());
}

void make_generated(Rootless& r) {
  ::mkdir(r.b.path("generated").c_str(), 0755);
  Rootless::give(r.b.path("generated"));
}

/// A cgroup of cgroup2 that belongs to the user, with an inner one that commands start in.
class DelegatedCgroup {
 public:
  explicit DelegatedCgroup(const Bundle& b)
      : path_(std::string(test::pure_cgroup2() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified") + "/delegated-" +
              b.id()) {
    if (::mkdir(path_.c_str(), 0755) != 0) test::skip("no cgroup2 that cgroups can be made in");
    ::mkdir((path_ + "/inner").c_str(), 0755);
    for (const auto* name : {"", "/cgroup.procs", "/cgroup.subtree_control", "/cgroup.threads", "/inner",
                             "/inner/cgroup.procs", "/inner/cgroup.threads"})
      Rootless::give(path_ + name);
  }
  ~DelegatedCgroup() {
    test::eventually([&] { return ::rmdir((path_ + "/inner").c_str()) == 0; });
    test::eventually([&] { return ::rmdir(path_.c_str()) == 0; });
  }
  DelegatedCgroup(const DelegatedCgroup&) = delete;
  DelegatedCgroup& operator=(const DelegatedCgroup&) = delete;

  std::string enter() const { return "echo $$ >" + path_ + "/inner/cgroup.procs || exit 99"; }
  std::string of(const Bundle& b) const { return path_ + "/" + b.id(); }

 private:
  std::string path_;
};

bool is_undumpable(pid_t pid) {
  struct stat status {};
  return ::stat(("/proc/" + std::to_string(pid) + "/environ").c_str(), &status) == 0 && status.st_uid == 0;
}

/// The container runs, and the caller is told.
void check_warning(Rootless& r, const std::string& warning) {
  const auto adapted = r.run();
  CHECK(adapted.status == 0);
  CHECK_THAT(adapted.err, Contains(warning));
}

}  // namespace

TEST_CASE("an ordinary user runs what spec --rootless describes") {
  Rootless r;
  make_generated(r);
  use_own_spec(r, {"/inside", "status", "/proc/self/uid_map", "/proc/self/gid_map", "/proc/self/setgroups"});
  const auto result = r.run();
  CHECK(result.status == 0);
  CHECK(result.err.empty());
  CHECK_THAT(line_with(result.out, text(uid)), Matches(" +0 +" + text(uid) + " +1"));
  CHECK_THAT(line_with(result.out, text(gid)), Matches(" +0 +" + text(gid) + " +1"));
  CHECK(has_line(result.out, "deny"));
}

TEST_CASE("an ordinary user runs root's config.json as root of a user namespace") {
  Rootless r;
  r.etc("", "");
  r.b.args({"status", "/proc/self/uid_map"});
  const auto result = r.run();
  CHECK(result.status == 0);
  CHECK_THAT(result.out, Matches(" +0 +" + text(uid) + " +1\n"));
  CHECK_THAT(result.err, Contains("/etc/subuid has no ids for alice: usermod --add-subuids 100000-165535 alice"));
  CHECK_THAT(result.err, Contains("/etc/subgid has no ids for alice: usermod --add-subgids 100000-165535 alice"));
}

TEST_CASE("an ordinary user's container has the ids that are subordinate to him") {
  Rootless r;
  r.subordinate_ids();
  r.b.args({"status", "/proc/self/uid_map", "/proc/self/gid_map", "/proc/self/setgroups"});
  const auto result = r.run();
  CHECK(result.status == 0);
  CHECK(result.err.empty());
  CHECK_THAT(result.out, Contains(text(uid)) && Contains(text(subordinate)) && Contains("65536"));
  CHECK_THAT(result.out, Contains(text(gid)));
  CHECK(has_line(result.out, "allow"));
}

TEST_CASE("an ordinary user's container can be any of its users, in any of its groups") {
  Rootless r;
  r.subordinate_ids();
  r.b.set("process.user", R"({"uid":1000,"gid":100,"additionalGids":[5,6]})");
  CHECK(r.run().out == "uid=1000 gid=100 groups=5,6\n");
}

TEST_CASE("a user that has no number on the host is refused, with the line that gives him one") {
  Rootless r;
  r.etc("", "");
  r.b.set("process.user.uid", "1000");
  CHECK_THAT(r.run().err, Contains("process.user.uid: 1000 is none of the ids") && Contains("usermod --add-subuids"));
}

TEST_CASE("groups that cannot be set are refused, not left out") {
  Rootless r;
  r.etc("", "");
  r.b.set("process.user.additionalGids", "[0]");
  CHECK_THAT(r.run().err, Contains("cannot set any additional groups in a rootless container"));
}

TEST_CASE("id mappings that nobody granted are refused with the line that grants them") {
  Rootless r;
  r.subordinate_ids();
  r.b.map_ids(subordinate, 70'000);
  const auto error = r.run().err;
  CHECK_THAT(error, Contains("linux.uidMappings: newuidmap ") && Contains("not allowed"));
  CHECK_THAT(error, Contains("/etc/subuid does not give " + text(subordinate + 65536)));
  CHECK_THAT(error, Contains("usermod --add-subuids " + text(subordinate + 65536) + "-" + text(subordinate + 69999) +
                             " alice"));
}

TEST_CASE("without newuidmap there is an error for who asks for it, and a warning for who does not") {
  Rootless r;
  r.subordinate_ids();
  r.environment = "PATH=/nowhere";
  check_warning(r, "newuidmap is in no directory of $PATH: install uidmap");
  r.b.map_ids(subordinate, 10);
  CHECK_THAT(r.run().err, Contains("linux.uidMappings: ") && Contains("newuidmap is in no directory of $PATH"));
}

TEST_CASE("newuidmap below no_new_privs is not tried, and the reason given") {
  Rootless r;
  r.subordinate_ids();
  r.setpriv = "--no-new-privs";
  check_warning(r, "the caller has no_new_privs");
}

TEST_CASE("an ordinary user's container goes through its life") {
  Rootless r;
  r.subordinate_ids();
  r.launch();
  CHECK_THAT(r.runtime({"state", "ID"}).out, Contains("\"running\""));
  CHECK_THAT(r.runtime({"list", "-q"}).out, Contains(r.b.id()));
  CHECK_THAT(r.runtime({"exec", "ID", "/inside", "ids"}).out, Equals("uid=0 gid=0 groups=\n"));
  CHECK_THAT(r.runtime({"exec", "--user", "7:8", "--additional-gids", "9", "ID", "/inside", "ids"}).out,
             Equals("uid=7 gid=8 groups=9\n"));
  CHECK_THAT(r.runtime({"ps", "--format", "json", "ID"}).out, Contains(std::to_string(r.b.pid())));
  CHECK_THAT(r.runtime({"pause", "ID"}).err, Contains("the container has no cgroup"));
  CHECK(r.runtime({"kill", "ID", "KILL"}).status == 0);
  CHECK(r.b.becomes("stopped"));
  CHECK(r.runtime({"delete", "ID"}).status == 0);
  CHECK(r.b.leftovers().empty());
}

TEST_CASE("an ordinary user's groups go, or stay, which is for files that only they may use") {
  Rootless r;
  r.subordinate_ids();
  r.groups = "--groups " + text(gid) + ",4242";
  CHECK(r.run().out == "uid=0 gid=0 groups=\n");
  r.b.set("annotations", R"({"run.oci.keep_original_groups": "1"})");
  CHECK_THAT(r.run().out, Contains("65534"));
}

TEST_CASE("exec into an ordinary user's container with one id refuses groups") {
  Rootless r;
  r.etc("", "");
  r.launch();
  CHECK(r.runtime({"exec", "ID", "/inside", "ids"}).status == 0);
  CHECK_THAT(r.runtime({"exec", "--additional-gids", "0", "ID", "/inside", "ids"}).err,
             Contains("cannot set any additional groups in a rootless container"));
}

TEST_CASE("who waits for start can be looked into by nobody, who runs by the user") {
  Rootless r;
  r.b.args({"pause"});
  REQUIRE(r.create().status == 0);
  CHECK(is_undumpable(r.b.pid()));
  CHECK_THAT(r.runtime({"exec", "ID", "/inside", "ids"}).err,
             Contains("cannot exec in a container that waits for start"));
  REQUIRE(r.runtime({"start", "ID"}).status == 0);
  CHECK(test::eventually([&] { return !is_undumpable(r.b.pid()); }));
}

TEST_CASE("an ordinary user runs a runtime of his own, which his containers cannot change") {
  Rootless r;
  r.copy_runtime();
  Rootless::give(r.b.path("runtime"));
  const auto before = test::slurp(r.b.path("runtime"));
  CHECK(r.run().status == 0);
  CHECK(test::slurp(r.b.path("runtime")) == before);
}

TEST_CASE("containers of one user share a user namespace by its path") {
  Rootless infra;
  infra.subordinate_ids();
  infra.launch();
  Rootless r;
  const auto ns = "/proc/" + std::to_string(infra.b.pid()) + "/ns/";
  r.b.set("linux.namespaces", R"([{"type":"mount"},{"type":"cgroup"},{"type":"user","path":")" + ns +
                                  R"(user"},{"type":"network","path":")" + ns + R"(net"},{"type":"ipc","path":")" + ns +
                                  R"(ipc"},{"type":"uts","path":")" + ns + R"(uts"},{"type":"pid","path":")" + ns +
                                  R"(pid"}])");
  r.b.remove("hostname");
  r.b.set("process.user", R"({"uid":3,"gid":4,"additionalGids":[5]})");
  CHECK(r.run().out == "uid=3 gid=4 groups=5\n");
}

TEST_CASE("without a cgroup a container runs, and a limit is refused by name") {
  Rootless r;
  CHECK(r.run().status == 0);
  r.b.set("linux.resources.memory", R"({"limit":100000000})");
  CHECK_THAT(r.run().err, Contains("linux.resources.memory.limit: rootless needs no limits") &&
                              (Contains("systemd-run --user --scope") || Contains("chown " + text(uid))));
  r.b.remove("linux.resources.memory");
  r.b.set("linux.cgroupsPath", "\"/" + r.b.id() + "\"");
  CHECK_THAT(r.run().err, Contains("unable to apply cgroup configuration") && Contains("permission denied"));
  r.b.global_options = {"--cgroup-manager", "disabled"};
  CHECK(r.run().status == 0);
}

TEST_CASE("a delegated cgroup is used") {
  Rootless r;
  const DelegatedCgroup cgroup(r.b);
  r.as_root_first(cgroup.enter());
  r.b.set("linux.resources.unified", R"({"cgroup.max.descendants":"7"})");
  r.launch();
  CHECK(test::slurp(cgroup.of(r.b) + "/cgroup.procs") == std::to_string(r.b.pid()) + "\n");
  CHECK(test::slurp(cgroup.of(r.b) + "/cgroup.max.descendants") == "7\n");
  CHECK(r.runtime({"exec", "ID", "/inside", "ids"}).status == 0);
  CHECK(r.runtime({"pause", "ID"}).status == 0);
  CHECK(r.b.becomes("paused"));
  CHECK(r.runtime({"resume", "ID"}).status == 0);
  CHECK(r.runtime({"delete", "--force", "ID"}).status == 0);
  CHECK(::access(cgroup.of(r.b).c_str(), F_OK) != 0);
}

TEST_CASE("a delegated cgroup hands its controllers on, though the ones above may not be touched") {
  if (!test::pure_cgroup2()) test::skip("only where cgroup2 is alone");
  const std::string mount = "/sys/fs/cgroup/";
  const auto controllers = test::slurp(mount + "cgroup.controllers");
  const auto controller = controllers.substr(0, controllers.find_first_of(" \n"));
  if (controller.empty()) test::skip("cgroup2 has no controllers");
  Rootless r;
  const DelegatedCgroup cgroup(r.b);
  test::spill(mount + "cgroup.subtree_control", "+" + controller);
  r.as_root_first(cgroup.enter());
  r.launch();
  CHECK_THAT(test::slurp(cgroup.of(r.b) + "/cgroup.controllers"), Contains(controller));
  CHECK(r.runtime({"delete", "--force", "ID"}).status == 0);
}

TEST_CASE("exec from outside of what is delegated says what would help") {
  Rootless r;
  {
    const DelegatedCgroup cgroup(r.b);
    r.as_root_first(cgroup.enter());
    r.launch();
    const Result result = r.b.through_shell("exec setpriv --reuid " + text(uid) + " --regid " + text(gid) +
                                                " --clear-groups " + r.b.path("runtime") + " \"$@\"",
                                            {"exec", "ID", "/inside", "ids"});
    CHECK_THAT(result.err, Contains("not delegated to this user") && Contains("systemd-run --user --scope"));
    CHECK(r.runtime({"delete", "--force", "ID"}).status == 0);
  }
}

TEST_CASE("what takes the host's privileges is left as it is, or refused by name") {
  Rootless r;
  r.b.set("process.oomScoreAdj", "-500");
  const auto result = r.run();
  CHECK(result.status == 0);
  CHECK_THAT(result.err, Contains("process.oomScoreAdj: ") && Contains("takes CAP_SYS_RESOURCE"));
  r.b.remove("process.oomScoreAdj");
  r.b.set("process.rlimits", R"([{"type":"RLIMIT_NOFILE","soft":1024,"hard":2000000000}])");
  CHECK_THAT(r.run().err, Contains("process.rlimits: raise RLIMIT_NOFILE from the caller's hard limit") &&
                              Contains("limits.conf(5)"));
}

TEST_CASE("an ordinary user's container has the host's devices, a sysfs and hidden paths") {
  Rootless r;
  r.b.args({"stat", "/dev/null", "/dev/tty", "/dev/pts/ptmx", "/sys/kernel"});
  const auto devices = r.run();
  CHECK(devices.status == 0);
  r.b.args({"openrw", "/dev/null"});
  CHECK(r.run().status == 0);
  r.b.args({"cat", "/proc/self/mountinfo"});
  const auto mounts = r.run().out;
  CHECK_THAT(line_with(mounts, " /proc/sys "), Contains(" ro,"));
  CHECK_THAT(line_with(mounts, " /sys/firmware "), Contains(" ro,") && Contains("tmpfs"));
  r.b.args({"mkdir", "/sys/x"});
  CHECK(r.run().status != 0);
}

TEST_CASE("an ordinary user's containers are remembered below XDG_RUNTIME_DIR, or an error says how to do that") {
  Rootless r;
  r.drops_root = true;
  r.environment = "-u XDG_RUNTIME_DIR";
  CHECK_THAT(r.run().err, Contains("no directory for the state of containers: $XDG_RUNTIME_DIR is not set") &&
                              Contains("export XDG_RUNTIME_DIR="));
  r.environment = "XDG_RUNTIME_DIR=/sys";
  CHECK_THAT(r.run().err, Contains("make the directory /sys/runtime") && Contains("export XDG_RUNTIME_DIR="));
  r.environment = "XDG_RUNTIME_DIR=" + r.b.root();
  CHECK(r.run().status == 0);
  CHECK(::access((r.b.root() + "/runtime").c_str(), F_OK) == 0);
}

TEST_CASE("a directory of the user's own at /run/user is where his containers are remembered without being told") {
  Rootless r;
  r.drops_root = true;
  r.environment = "-u XDG_RUNTIME_DIR";
  const auto directory = "/run/user/" + text(uid);
  r.as_root_first("mount -t tmpfs none /run && mkdir -p " + directory + " && chown " + text(uid) + " " + directory);
  CHECK(r.run().status == 0);
}
