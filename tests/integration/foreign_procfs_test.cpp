// SPDX-License-Identifier: Apache-2.0
// The procfs of a pid namespace that others live in, made as before Linux 6.17: under the eyes of those others.
#include "container/foreign_procfs.hpp"

#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include <csignal>

#include "base/channel.hpp"
#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "support/bundle.hpp"
#include "support/catch.hpp"

using namespace oci;
using namespace Catch::Matchers;
using test::Bundle;

namespace {

MountFilesystem procfs_of(FdRef pid_namespace) {
  return {.type = "proc",
          .source = "proc",
          .target = "/proc",
          .parameters = {"hidepid=2"},
          .attributes = {.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV},
          .foreign_processes = true,
          .pid_namespace = pid_namespace};
}

Fd namespace_of(pid_t pid, const std::string& type) {
  return sys::openat(working_directory, "/proc/" + std::to_string(pid) + "/ns/" + type, O_RDONLY);
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

/// In a user namespace that permits no others: what it says.
std::string refusal() {
  auto [ours, theirs] = make_channel();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    try {
      if (::unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS) < 0) throw Error::system("unshare");
      write_file(working_directory, "/proc/self/setgroups", "deny");
      write_file(working_directory, "/proc/self/uid_map", "0 0 1");
      write_file(working_directory, "/proc/self/gid_map", "0 0 1");
      write_file(working_directory, "/proc/sys/user/max_user_namespaces", "0");
      // Without a first process the namespace cannot be opened. It dies with this one.
      const pid_t first = ::fork();
      if (first == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::execl("/bin/sleep", "sleep", "60", nullptr);
        ::_exit(1);
      }
      const auto space = sys::openat(working_directory, "/proc/self/ns/pid_for_children", O_RDONLY);
      open_foreign_procfs(procfs_of(space), "");
      send(theirs, {Word::go, 0, 0, "made", {}});
    } catch (const Error& error) {
      send(theirs, {Word::failure, 0, error.code(), error.what(), {}});
    }
    ::_exit(0);
  }
  theirs.reset();
  auto said = receive(ours);
  ::waitpid(child, nullptr, 0);
  return said ? said->text : "nothing";
}

}  // namespace

TEST_CASE("the procfs of a pid namespace is made as the mount says") {
  Bundle b;
  b.args({"pause"}).launch();
  const auto space = namespace_of(b.pid(), "pid");
  const auto mount = open_foreign_procfs(procfs_of(space), "");
  CHECK(sys::filesystem_magic(mount) == PROC_SUPER_MAGIC);
  CHECK_THAT(read_file(mount, "1/cmdline"), StartsWith("/inside"));
  struct statvfs flags {};
  REQUIRE(::fstatvfs(mount.get(), &flags) == 0);
  CHECK((flags.f_flag & (ST_NOSUID | ST_NOEXEC | ST_NODEV)) == (ST_NOSUID | ST_NOEXEC | ST_NODEV));
  auto unknown = procfs_of(space);
  unknown.parameters = {"no_such=1"};
  CHECK_THROWS_WITH(open_foreign_procfs(unknown, ""), Contains("no_such"));
  CHECK(::waitpid(-1, nullptr, WNOHANG) < 0);  // nothing was left to reap
}

TEST_CASE("whoever makes a procfs among others is worth nothing to them") {
  Bundle b;
  static constexpr auto capabilities = R"(["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"])";
  for (const auto* set : {"bounding", "effective", "permitted"})
    b.set(std::string("process.capabilities.") + set, capabilities);
  b.args({"hunt", "60"}).launch();
  REQUIRE(b.outputs("hunting"));
  const auto space = namespace_of(b.pid(), "pid");
  ::setenv("PROXY_PASSWORD", "of-the-engine", 1);
  const auto seized = [&] { return test::line_with(b.output(), "seized"); };
  int made = 0;
  for (int tries = 0; tries < 3000 && (seized().empty() || tries < 100); ++tries) {
    try {
      open_foreign_procfs(procfs_of(space), "");
      ++made;
    } catch (const Error& error) {
      INFO(error.what());
      CHECK(error.code() != EPERM);
    }
  }
  CHECK(made > 0);
  REQUIRE(!seized().empty());
  std::string rest = b.output();
  while (!rest.empty()) {
    const auto line = first_line(rest);
    rest.erase(0, line.size() + 1);
    if (line == "hunting" || line.empty()) continue;
    INFO(line);
    // In a filter, or killed by it (SECCOMP_MODE_DEAD): the sanitizers make calls of their own.
    CHECK_THAT(line, Contains("root=0 cwd=0 fds=1 environ=0 Seccomp:2 Uid:65534") ||
                         Contains("root=0 cwd=0 fds=1 environ=0 Seccomp:3 Uid:65534"));
    for (const auto* type : {"cgroup", "ipc", "mnt", "net", "user", "uts"})
      CHECK_THAT(line, !Contains(sys::readlinkat(working_directory, std::string("/proc/self/ns/") + type)));
  }
}

TEST_CASE("a host without user namespaces is told what to do instead") {
  CHECK_THAT(refusal(), StartsWith("procfs of another pid namespace: before Linux 6.17 this takes a user namespace") &&
                            Contains("/proc/sys/user/max_user_namespaces"));
}
