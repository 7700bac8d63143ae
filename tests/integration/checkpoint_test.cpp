// SPDX-License-Identifier: Apache-2.0
// checkpoint and restore, with the machine's own CRIU.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::Receiver;
using test::Result;
using test::Running;
using test::unquoted;
using test::Words;
using namespace Catch::Matchers;

namespace {

test::Command command(Words words) {
  test::Command command;
  command.words = std::move(words);
  return command;
}

/// CRIU knows best whether it can do anything here.
void require_criu() {
  static const Result check = test::execute(command({"/bin/sh", "-c", "criu check"}), "/dev/null", "/dev/null");
  if (check.status == 127) test::skip("criu is not installed");
  if (check.status != 0) test::skip("criu check: this kernel or this criu cannot do it");
}

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Result checkpoint(Bundle& b, const Words& options = {}) {
  return b.runtime(with(with({"checkpoint", "--image-path", b.path("images")}, options), {"ID"}));
}

Words restore_words(const Bundle& b, const Words& options = {}) {
  return with(with({"restore", "--bundle", b.path(), "--image-path", b.path("images")}, options), {"ID"});
}

/// A container whose program has said "started" and gives back what it is told from then on.
Running begin_echo(Bundle& b) {
  b.args({"do", "say", "started", "--", "echo", "--", "keyring"});
  auto running = b.begin_run();
  CHECK_THAT(running.read_until("started"), Contains("started"));
  return running;
}

/// The same, in images, and gone.
void checkpoint_echo(Bundle& b) {
  auto running = begin_echo(b);
  REQUIRE(checkpoint(b).status == 0);
  CHECK(running.finish().status == 128 + 9);
}

/// `restore` in the foreground, once the container runs.
Running begin_restore(Bundle& b, const Words& options = {}) {
  auto restored = b.begin(restore_words(b, options));
  // Every command writes config.json anew, so none may run while this one reads it.
  const auto file = b.root() + "/" + b.id() + "/state.json";
  const bool stands = test::eventually([&] { return ::access(file.c_str(), F_OK) == 0; }, test::Seconds(20));
  if (!stands || !b.becomes("running")) FAIL("not restored: " << restored.finish(test::Seconds(5)).err);
  return restored;
}

/// A command that leaves a container behind, which keeps its pipes open.
bool succeeds(const Running& command) {
  siginfo_t end{};
  return ::waitid(P_PID, static_cast<id_t>(command.pid()), &end, WEXITED | WNOWAIT) == 0 && end.si_status == 0;
}

/// Root, point and flags of each mount that `pid` sees, sorted.
std::string mounts_of(pid_t pid) {
  std::istringstream table(test::slurp("/proc/" + std::to_string(pid) + "/mountinfo"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string skipped, root, point, flags;
    words >> skipped >> skipped >> skipped >> root >> point >> flags;
    lines.push_back(point);
    lines.back().append(" ").append(root).append(" ").append(flags).append("\n");
  }
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const auto& line : lines) all += line;
  return all;
}

}  // namespace

TEST_CASE("checkpoint: the container is gone, and restored its program goes on where it was") {
  require_criu();
  Bundle b;
  checkpoint_echo(b);
  CHECK(b.status().empty());
  CHECK(b.leftovers().empty());
  auto again = begin_restore(b, {"--pid-file", b.path("pid")});
  CHECK(test::slurp(b.path("pid")) == std::to_string(b.pid()));
  again.write("ping\n");
  CHECK_THAT(again.read_until("ping"), Contains("ping") && !Contains("started"));
  CHECK_THAT(b.exec({"say", "inside"}).out, Contains("inside"));
  again.close_input();
  const auto end = again.finish();
  CHECK(end.status == 0);
  CHECK(end.err.empty());
  // The caller's session keyring would be a way to the caller's keys.
  CHECK_THAT(end.out, Contains("_ses." + b.id()));
  CHECK(b.status().empty());
}

TEST_CASE("checkpoint: a detached restore leaves a running container that can be checkpointed again") {
  require_criu();
  Bundle b;
  b.args({"pause"}).launch();
  // Streams that are files of the host are none that CRIU could find in the container.
  REQUIRE(b.remove_container({"--force"}).status == 0);
  auto first = b.begin_run({"--detach"});
  CHECK(succeeds(first));
  for (int round = 0; round < 2; ++round) {
    REQUIRE(checkpoint(b).status == 0);
    CHECK(b.status().empty());
    auto restored = b.begin(restore_words(b, {"-d", "-no-subreaper"}));
    CHECK(succeeds(restored));
    CHECK(b.status() == "running");
  }
  REQUIRE(b.kill("TERM").status == 0);
  CHECK(b.becomes("stopped"));
}

TEST_CASE("checkpoint --leave-running lets the container go on") {
  require_criu();
  Bundle b;
  auto running = begin_echo(b);
  REQUIRE(checkpoint(b, {"--leave-running", "--work-path", b.path("work")}).status == 0);
  CHECK(b.status() == "running");
  CHECK(!test::slurp(b.path("work/dump.log")).empty());
  running.write("ping\n");
  CHECK_THAT(running.read_until("ping"), Contains("ping"));
}

TEST_CASE("checkpoint: a paused container runs when it is restored; with cgroup v1 it has to be resumed before") {
  require_criu();
  Bundle b;
  auto running = begin_echo(b);
  REQUIRE(b.runtime({"pause", "ID"}).status == 0);
  if (!test::pure_cgroup2()) {
    CHECK_THAT(checkpoint(b).err, Contains("resume it first"));
    CHECK(b.status() == "paused");
    return;
  }
  REQUIRE(checkpoint(b).status == 0);
  auto again = begin_restore(b);
  again.write("ping\n");
  CHECK_THAT(again.read_until("ping"), Contains("ping"));
}

TEST_CASE("checkpoint: what is hidden, read-only or without set-user-ID stays so") {
  require_criu();
  Bundle b;
  for (const auto* name : {"first", "second"}) ::mkdir(b.path(name).c_str(), 0755);
  b.mount("/first", "bind", b.path("first"), "bind,ro,nosuid,nodev");
  b.mount("/second", "bind", b.path("second"), "rbind,ro,noexec");
  b.mount("/again", "bind", b.path("second"), "bind,rw");
  b.set("linux.maskedPaths", R"(["/proc/keys", "/proc/timer_list", "/proc/interrupts", "/proc/acpi"])");
  auto running = begin_echo(b);
  const auto before = mounts_of(b.pid());
  REQUIRE(checkpoint(b).status == 0);
  CHECK(running.finish().status == 128 + 9);
  auto again = begin_restore(b);
  const auto after = mounts_of(b.pid());
  CHECK_THAT(after, Contains("/proc/keys /null ro") && Contains("/proc/timer_list /null ro"));
  // CRIU gives flags to the first of several mounts of one file only; the others have those of what they were made of.
  const auto without_atime = [](std::string text) {
    for (const std::string word : {",relatime", ",noatime"})
      for (auto at = text.find(word); at != text.npos; at = text.find(word)) text.erase(at, word.size());
    return text;
  };
  CHECK(without_atime(after) == without_atime(before));
}

TEST_CASE("checkpoint: mountpoints that have gone are made again, also below links and in other mounts") {
  require_criu();
  Bundle b;
  for (const auto* name : {"outer", "inner", "conf", "rootfs/real"}) ::mkdir(b.path(name).c_str(), 0755);
  REQUIRE(::symlink("/real", b.rootfs("link").c_str()) == 0);
  b.mount("/outer", "bind", b.path("outer"), "bind").mount("/outer/for/inner", "bind", b.path("inner"), "bind");
  b.mount("/link/conf", "bind", b.path("conf"), "bind");
  checkpoint_echo(b);
  REQUIRE(::rmdir(b.path("outer/for/inner").c_str()) == 0);
  REQUIRE(::rmdir(b.path("outer/for").c_str()) == 0);
  REQUIRE(::rmdir(b.rootfs("outer").c_str()) == 0);
  REQUIRE(::rmdir(b.rootfs("real/conf").c_str()) == 0);
  auto again = begin_restore(b);
  const auto mounts = mounts_of(b.pid());
  CHECK_THAT(mounts, Contains("\n/outer ") && Contains("\n/outer/for/inner ") && Contains("\n/real/conf "));
}

TEST_CASE("restore sends a new terminal to the console socket") {
  require_criu();
  Bundle b;
  Receiver first(b.path("first.sock"));
  b.set("process.terminal", "true").args({"do", "say", "started", "--", "echo"});
  b.launch({"--console-socket", b.path("first.sock")});
  const oci::Fd master = first.receive();
  REQUIRE(master);
  std::string seen;
  test::read_until(master, seen, "started", test::Seconds(10));
  REQUIRE(checkpoint(b).status == 0);
  CHECK_THAT(b.runtime(restore_words(b, {"--detach"})).err, Contains("console socket"));
  Receiver second(b.path("second.sock"));
  REQUIRE(b.runtime(restore_words(b, {"--detach", "--console-socket", b.path("second.sock")})).status == 0);
  const oci::Fd again = second.receive();
  REQUIRE(again);
  CHECK(::isatty(again.get()) == 1);
  REQUIRE(::write(again.get(), "ping\n", 5) == 5);
  std::string answer;
  test::read_until(again, answer, "ping\r\nping", test::Seconds(10));
  CHECK_THAT(answer, Contains("ping\r\nping"));
}

TEST_CASE("restore in the foreground connects the caller's terminal with the container's new one") {
  require_criu();
  Bundle b;
  b.set("process.terminal", "true").args({"do", "say", "started", "--", "echo"});
  auto running = b.begin_run({}, Running::Streams::terminal);
  CHECK_THAT(running.read_until("started"), Contains("started"));
  REQUIRE(checkpoint(b).status == 0);
  CHECK(running.finish().status == 128 + 9);
  auto again = b.begin(restore_words(b), Running::Streams::terminal);
  again.write("ping\n");
  CHECK_THAT(again.read_until("ping\r\nping"), Contains("ping\r\nping"));
  REQUIRE(b.kill("KILL").status == 0);
  CHECK(again.finish().status == 128 + 9);
  CHECK(b.status().empty());
}

TEST_CASE("restore runs the host's hooks with the restored process, and a failing one leaves nothing behind") {
  require_criu();
  Bundle b;
  checkpoint_echo(b);
  b.hook("createRuntime", {"/bin/sh", "-c", "cat >" + b.path("state")});
  {
    auto again = begin_restore(b);
    CHECK_THAT(test::slurp(b.path("state")), Contains("\"pid\":" + std::to_string(b.pid())));
    REQUIRE(b.remove_container({"--force"}).status == 0);
  }
  b.hook("createRuntime", {"/bin/sh", "-c", "exit 3"});
  const auto failed = b.runtime(restore_words(b, {"--pid-file", b.path("pid")}));
  CHECK(failed.status == 1);
  CHECK_THAT(failed.err, Contains("createRuntime hook #1: exit status 3"));
  CHECK(b.status().empty());
  CHECK(b.leftovers().empty());
  CHECK(::access(b.path("pid").c_str(), F_OK) != 0);
}

TEST_CASE("restore: images that are damaged are an error that quotes criu's log, and nothing is left") {
  require_criu();
  Bundle b;
  checkpoint_echo(b);
  test::spill(b.path("images/pstree.img"), "this is no image");
  const auto failed = b.runtime(restore_words(b, {"--work-path", b.path("work")}));
  CHECK(failed.status == 1);
  CHECK_THAT(failed.err, Contains("criu failed: Error (") && Contains("see " + b.path("work/restore.log")));
  CHECK(b.status().empty());
  CHECK(b.leftovers().empty());
}

TEST_CASE("restore --manage-cgroups-mode ignore uses the cgroup that config.json names now") {
  require_criu();
  Bundle b;
  b.set("linux.cgroupsPath", "\"/" + b.id() + "-old\"");
  auto running = begin_echo(b);
  REQUIRE(checkpoint(b, {"--manage-cgroups-mode", "ignore"}).status == 0);
  CHECK(running.finish().status == 128 + 9);
  CHECK(b.leftovers().empty());
  b.set("linux.cgroupsPath", "\"/" + b.id() + "-new\"");
  auto again = begin_restore(b, {"--manage-cgroups-mode", "ignore"});
  CHECK_THAT(test::slurp("/proc/" + std::to_string(b.pid()) + "/cgroup"), Contains("0::/" + b.id() + "-new\n"));
  CHECK_THAT(b.leftovers(), !Contains(b.id() + "-old"));
}

TEST_CASE("checkpoint and restore hand CRIU the configuration file that an annotation names") {
  require_criu();
  Bundle b;
  test::spill(b.path("criu.conf"), "log-file=other.log\n");
  b.set("annotations", R"({"org.criu.config":")" + b.path("criu.conf") + "\"}");
  checkpoint_echo(b);
  CHECK(!test::slurp(b.path("images/other.log")).empty());
  CHECK(::access(b.path("images/dump.log").c_str(), F_OK) != 0);
  REQUIRE(::unlink(b.path("images/other.log").c_str()) == 0);
  begin_restore(b);
  CHECK(!test::slurp(b.path("images/other.log")).empty());
}

TEST_CASE("restore: what it cannot bring back is refused by name") {
  Bundle b;
  ::mkdir(b.path("images").c_str(), 0700);
  b.set("linux.netDevices", R"({"eth7":{}})");
  CHECK_THAT(b.runtime(restore_words(b)).err, Contains("linux.netDevices is not implemented for restore yet"));
  CHECK(b.status().empty());
}

TEST_CASE("a network namespace that config.json names is the same after restore") {
  require_criu();
  Bundle b;
  Running holder(command({"/usr/bin/unshare", "-n", "sh", "-c", "echo ready; exec sleep 300"}),
                 Running::Streams::pipes);
  holder.read_until("ready");
  const auto path = "/proc/" + std::to_string(holder.pid()) + "/ns/net";
  b.remove("linux.namespaces")
      .set("linux.namespaces", R"([{"type":"pid"},{"type":"mount"},{"type":"ipc"},{"type":"uts"}])");
  b.set("linux.namespaces[]", R"({"type":"network","path":")" + path + "\"}");
  checkpoint_echo(b);
  auto again = begin_restore(b);
  struct stat wanted {
  }, found{};
  REQUIRE(::stat(path.c_str(), &wanted) == 0);
  REQUIRE(::stat(("/proc/" + std::to_string(b.pid()) + "/ns/net").c_str(), &found) == 0);
  CHECK(found.st_ino == wanted.st_ino);
}

TEST_CASE("a container that does not run cannot be checkpointed") {
  Bundle b;
  REQUIRE(b.args({"pause"}).create().status == 0);
  const auto r = checkpoint(b);
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("Container cannot be checkpointed in created state"));
}

TEST_CASE("checkpoint: options that make no sense are refused, and the container goes on") {
  Bundle b;
  b.args({"pause"}).launch();
  const auto refusal = [&](const Words& options) {
    const auto r = checkpoint(b, options);
    CHECK(r.status == 1);
    return unquoted(r.err);
  };
  CHECK_THAT(refusal({"--parent-path", "/absolute"}), Contains("--parent-path must be relative"));
  CHECK_THAT(refusal({"--parent-path", "../missing"}), Contains("invalid --parent-path: "));
  CHECK_THAT(refusal({"--page-server", "localhost"}), Contains("Use --page-server ADDRESS:PORT"));
  CHECK_THAT(refusal({"--page-server", "localhost:http"}), Contains("Invalid port number"));
  CHECK_THAT(refusal({"--manage-cgroups-mode", "hard"}), Contains("invalid manage-cgroups-mode value"));
  CHECK_THAT(refusal({"--network-lock", "hard"}), Contains("invalid network-lock value"));
  CHECK_THAT(refusal({"--empty-ns", "ipc"}), Contains("namespace \"ipc\" is not supported"));
  CHECK_THAT(refusal({"--status-fd", "77"}), Contains("invalid --status-fd argument 77: Bad file descriptor"));
  CHECK_THAT(refusal({"--status-fd", "0"}), Contains("invalid --status-fd argument 0: not writable"));
  CHECK(b.status() == "running");
}

TEST_CASE("checkpoint and restore say which package is missing") {
  Bundle b;
  b.args({"pause"}).launch();
  b.environment = Words{"PATH=" + b.path("rootfs/bin") + ":relative:"};
  CHECK_THAT(checkpoint(b).err, Contains("criu is not in $PATH: install the package criu"));
  CHECK(b.status() == "running");
  REQUIRE(b.remove_container({"--force"}).status == 0);
  test::spill(b.path("images/descriptors.json"), R"(["","",""])");
  const auto r = b.runtime(restore_words(b));
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("criu is not in $PATH: install the package criu"));
  CHECK(b.status().empty());
}

TEST_CASE("restore: an id that is taken, and images that are not there, are errors") {
  Bundle b;
  b.args({"pause"}).launch();
  CHECK_THAT(b.runtime(restore_words(b)).err, Contains("images"));
  ::mkdir(b.path("images").c_str(), 0700);
  CHECK_THAT(b.runtime(restore_words(b)).err, Contains("container with given ID already exists"));
  REQUIRE(b.remove_container({"--force"}).status == 0);
  CHECK_THAT(b.runtime(restore_words(b)).err, Contains("descriptors.json"));
  CHECK(b.status().empty());
}

TEST_CASE("a restore that cannot come back from CRIU's mount namespace goes no further") {
  if (::access("/usr/bin/strace", X_OK) != 0) test::skip("strace is not installed");
  Bundle b;
  b.args({"pause"});
  ::mkdir(b.path("images").c_str(), 0700);
  ::mkdir(b.path("programs").c_str(), 0755);
  test::spill(b.path("images/descriptors.json"), R"(["","",""])");
  test::spill(b.path("programs/criu"), "#!/bin/sh\nexit 0\n", 0755);
  // LeakSanitizer cannot look for leaks below strace, and would say so with a status of its own.
  b.environment = Words{"PATH=" + b.path("programs") + ":/usr/bin:/bin", "ASAN_OPTIONS=detect_leaks=0"};
  const auto r = b.through_shell(
      "exec /usr/bin/strace -qq -o /dev/null -e inject=setns:error=EINVAL:when=1 \"$0\" \"$@\"", restore_words(b));
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("return to the mount namespace: Invalid argument") && !Contains("criu ended"));
  CHECK(b.leftovers().empty());
}
