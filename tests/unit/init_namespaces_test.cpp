// SPDX-License-Identifier: Apache-2.0
// When the process of an ordinary user's runtime becomes undumpable (CVE-2016-9962).
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "init/perform_process.hpp"
#include "support/catch.hpp"

using namespace oci;

namespace {

constexpr unsigned id = 3'200'100;

bool is_undumpable() {
  return ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
}

/// A process that lives in a user namespace of its own, in which it is root. Its number, or -1.
pid_t make_inhabitant() {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (::unshare(CLONE_NEWUSER);;) ::pause();
}

Fd user_namespace_of(pid_t pid) {
  struct stat own {
  }, other{};
  const auto file = "/proc/" + std::to_string(pid) + "/ns/user";
  do {
    ::stat("/proc/self/ns/user", &own);
    ::stat(file.c_str(), &other);
  } while (own.st_ino == other.st_ino);
  const auto map = "0 " + std::to_string(id) + " 1\n";
  write_file(working_directory, "/proc/" + std::to_string(pid) + "/uid_map", map);
  write_file(working_directory, "/proc/" + std::to_string(pid) + "/setgroups", "deny");
  write_file(working_directory, "/proc/" + std::to_string(pid) + "/gid_map", map);
  return sys::openat(working_directory, file, O_RDONLY);
}

/// In a process of an ordinary user, beside the inhabitant of a user namespace of his. What `act` returns.
int as_user(int (*act)(JoinNamespaces join)) {
  if (::geteuid() != 0) test::skip("needs root, to become somebody else");
  const pid_t pid = ::fork();
  if (pid == 0) {
    int result = 100;
    pid_t inhabitant = -1;
    try {
      if (::setgroups(0, nullptr) == 0 && ::setresgid(id, id, id) == 0 && ::setresuid(id, id, id) == 0 &&
          ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0) {
        inhabitant = make_inhabitant();
        JoinNamespaces join;
        join.namespaces.push_back({user_namespace_of(inhabitant), CLONE_NEWUSER, "its user namespace"});
        result = act(std::move(join));
      }
    } catch (const Error& error) {
      (void)!::write(STDERR_FILENO, error.what(), std::string_view(error.what()).size());
    }
    if (inhabitant > 0) ::kill(inhabitant, SIGKILL);
    ::_exit(result);
  }
  int status = -1;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("who joins a user namespace to set its clocks cannot be looked into there") {
  if (::access("/proc/self/timens_offsets", F_OK) != 0) test::skip("the kernel has no time namespaces");
  CHECK(as_user([](JoinNamespaces join) {
          init::Scene scene;
          join.sets_time_offsets = true;
          perform(join, scene);
          if (!is_undumpable()) return 1;
          perform(Unshare{CLONE_NEWTIME}, scene);
          perform(SetTimeOffsets{"monotonic 1000 0\n"}, scene);
          return scene.time_offsets ? 2 : 0;
        }) == 0);
}

TEST_CASE("the host's procfs is kept for labels, and not longer") {
  init::Scene scene;
  init::perform(UseHostProc{}, scene);
  REQUIRE(scene.host_proc);
  const int number = scene.host_proc.get();
  CHECK(sys::is_proc_root(scene.host_proc));
  init::perform(ForgetHostProc{}, scene);
  CHECK_FALSE(scene.host_proc);
  CHECK(::fcntl(number, F_GETFD) < 0);
}

TEST_CASE("a process that the kernel has made dumpable again is hidden again") {
  CHECK(as_user([](JoinNamespaces join) {
          init::Scene scene;
          perform(join, scene);
          // What a change of ids does with fs.suid_dumpable=1.
          ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
          perform(BecomeRoot{}, scene);
          return is_undumpable() && ::geteuid() == 0 ? 0 : 1;
        }) == 0);
}
