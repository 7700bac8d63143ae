// SPDX-License-Identifier: Apache-2.0
// exec: another process in a running container, with every option.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::has_line;
using test::line_with;
using test::Tree;
using namespace Catch::Matchers;

namespace {

bool put(const std::string& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool done = file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(file);
  return done;
}

/// A container that does nothing but wait.
struct Waiting : Bundle {
  Waiting() { args({"pause"}).launch(); }
};

std::string process_json(const std::string& members) {
  return R"({"cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin"], )" + members + "}";
}

}  // namespace

TEST_CASE("exec returns the exit status and connects the three streams") {
  Waiting b;
  b.input = "words";
  const auto r = b.exec({"do", "echo", "--", "complain", "oh", "--", "exit", "9"});
  CHECK(r.status == 9);
  CHECK(r.out == "words");
  CHECK(r.err == "oh\n");
}

TEST_CASE("exec returns 128 and the signal's number") {
  Waiting b;
  CHECK(b.exec({"signal", "9"}).status == 128 + 9);
}

TEST_CASE("exec runs in all of the container's namespaces and in its root") {
  Waiting b;
  const auto r = b.exec({"do", "ns", "--", "hostname", "--", "ls", "/"});
  const std::string pid = std::to_string(b.pid());
  for (const auto* name : {"pid", "net", "ipc", "uts", "mnt", "cgroup"}) {
    std::string target(64, '\0');
    const auto size = ::readlink(("/proc/" + pid + "/ns/" + name).c_str(), target.data(), target.size());
    REQUIRE(size > 0);
    CHECK(has_line(r.out, target.substr(0, static_cast<std::size_t>(size))));
  }
  CHECK(has_line(r.out, "box"));
  CHECK(has_line(r.out, "inside"));
}

TEST_CASE("exec is in the container's cgroup") {
  Waiting b;
  REQUIRE(b.exec({"pause"}, {"--detach", "--pid-file", b.path("pid")}).status == 0);
  CHECK(test::slurp("/proc/" + test::slurp(b.path("pid")) + "/cgroup") ==
        test::slurp("/proc/" + std::to_string(b.pid()) + "/cgroup"));
}

TEST_CASE("exec has the configured user, capabilities, limits, umask and noNewPrivileges") {
  Bundle b;
  b.set("process.user", R"({"uid": 0, "gid": 7, "additionalGids": [8], "umask": 63})").args({"pause"}).launch();
  const auto out = b.exec({"do", "status", "--", "umask", "--", "rlimit", "7", "--", "ids"}).out;
  CHECK(line_with(out, "CapEff") == "CapEff:\t0000000020000420");
  CHECK(line_with(out, "CapBnd") == "CapBnd:\t0000000020000420");
  CHECK(line_with(out, "CapInh") == "CapInh:\t0000000000000000");
  CHECK(line_with(out, "NoNewPrivs") == "NoNewPrivs:\t1");
  CHECK(has_line(out, "0077"));
  CHECK(has_line(out, "1024 1024"));
  CHECK(has_line(out, "uid=0 gid=7 groups=8"));
}

TEST_CASE("exec --user, with and without a group") {
  Waiting b;
  CHECK_THAT(b.exec({"ids"}, {"--user", "1000:77"}).out, StartsWith("uid=1000 gid=77 "));
  CHECK_THAT(b.exec({"ids"}, {"-u", "1000"}).out, StartsWith("uid=1000 gid="));
}

TEST_CASE("exec --user takes a number as a number, whatever /etc/passwd calls by it") {  // CVE-2016-3697
  Waiting b;
  test::spill(b.rootfs("etc/passwd"), "31337:x:0:0::/:/bin/sh\n");
  CHECK_THAT(b.exec({"ids"}, {"--user", "31337"}).out, StartsWith("uid=31337 "));
}

TEST_CASE("exec --user refuses what is no id") {
  Waiting b;
  for (const auto* user : {"root", "-1", "4294967296", "1:x", "1:2:3", ""}) {
    INFO(user);
    const auto r = b.exec({"ids"}, {"--user", user});
    CHECK((r.status == 255 || (std::string(user).empty() && r.out.starts_with("uid=0 "))));
  }
}

TEST_CASE("exec --additional-gids adds groups") {
  Waiting b;
  CHECK_THAT(b.exec({"ids"}, {"--additional-gids", "100", "--additional-gids", "200"}).out, Contains("groups=100,200"));
}

TEST_CASE("exec --env adds to the configured environment, --cwd replaces the directory") {
  Waiting b;
  const auto out = b.exec({"do", "env", "--", "cwd"}, {"--env", "A=1", "--env", "B=two words", "--cwd", "/tmp"}).out;
  CHECK(has_line(out, "A=1"));
  CHECK(has_line(out, "B=two words"));
  CHECK(has_line(out, "TERM=xterm"));
  CHECK(has_line(out, "/tmp"));
}

TEST_CASE("exec --cwd with a directory that does not exist fails, and does not make it") {
  Waiting b;
  const auto r = b.exec({"cwd"}, {"--cwd", "/no/such"});
  CHECK(r.status == 255);
  CHECK_THAT(r.err, Contains("chdir to cwd") && Contains("No such file or directory"));
  CHECK(::access(b.rootfs("no").c_str(), F_OK) != 0);
}

TEST_CASE("exec --cwd through a descriptor is refused") {  // CVE-2024-21626
  Waiting b;
  for (int fd = 3; fd < 20; ++fd) {
    const auto r = b.exec({"cwd"}, {"--cwd", "/proc/self/fd/" + std::to_string(fd)});
    INFO("descriptor " << fd << ": " << r.out);
    CHECK((r.status != 0 || r.out == "/\n"));
  }
}

TEST_CASE("exec --cap adds capabilities, none of them inheritable") {
  Waiting b;
  const auto out = b.exec({"status"}, {"--cap", "CAP_CHOWN", "--cap", "CAP_FOWNER"}).out;
  CHECK(line_with(out, "CapEff") == "CapEff:\t0000000020000429");
  CHECK(line_with(out, "CapInh") == "CapInh:\t0000000000000000");
  CHECK(line_with(out, "CapAmb") == "CapAmb:\t0000000000000000");
}

TEST_CASE("exec has short options, too") {
  Waiting b;
  const auto out = b.exec({"do", "ids", "--", "env"}, {"-u", "5:6", "-g", "7", "-e", "A=1", "-c", "CAP_CHOWN"}).out;
  CHECK_THAT(line_with(out, "uid="), StartsWith("uid=5 gid=6 ") && EndsWith("7"));
  CHECK(has_line(out, "A=1"));
}

TEST_CASE("exec --no-new-privs") {
  Bundle b;
  b.set("process.noNewPrivileges", "false").args({"pause"}).launch();
  CHECK(line_with(b.exec({"status"}).out, "NoNewPrivs") == "NoNewPrivs:\t0");
  CHECK(line_with(b.exec({"status"}, {"--no-new-privs"}).out, "NoNewPrivs") == "NoNewPrivs:\t1");
}

TEST_CASE("exec --process takes the whole process from a file") {
  Waiting b;
  test::spill(b.path("process.json"), process_json(R"("args": ["/inside", "do", "ids", "--", "env"])"));
  const auto r = b.runtime({"exec", "--process", b.path("process.json"), "ID"});
  CHECK_THAT(r.out, StartsWith("uid=0 gid=0"));
  CHECK(has_line(r.out, "PATH=/bin"));
  CHECK_FALSE(has_line(r.out, "TERM=xterm"));
}

TEST_CASE("exec --process with a field of the wrong type is refused by its name") {
  Waiting b;
  test::spill(b.path("process.json"), R"({"cwd": "/", "user": {"uid": "zero", "gid": 0}, "args": ["/inside", "ids"]})");
  const auto r = b.runtime({"exec", "--process", b.path("process.json"), "ID"});
  CHECK(r.status == 255);
  CHECK_THAT(r.err, Contains("user.uid"));
}

TEST_CASE("exec --detach returns while the process runs, its streams being the caller's") {
  Waiting b;
  REQUIRE(b.exec({"pause"}, {"--detach", "--pid-file", b.path("pid")}).status == 0);
  CHECK(test::slurp("/proc/" + test::slurp(b.path("pid")) + "/comm") == "inside\n");
}

TEST_CASE("exec writes the pid and nothing else to the pid file") {
  Waiting b;
  REQUIRE(b.exec({"pause"}, {"-d", "--pid-file", b.path("pid")}).status == 0);
  const std::string pid = test::slurp(b.path("pid"));
  CHECK(pid.find_first_not_of("0123456789") == std::string::npos);
  CHECK_FALSE(pid.empty());
}

TEST_CASE("a failed exec leaves no pid file") {
  Waiting b;
  const auto r = b.runtime({"exec", "--pid-file", b.path("pid"), "ID", "/nope"});
  CHECK(r.status == 255);
  CHECK(::access(b.path("pid").c_str(), F_OK) != 0);
}

TEST_CASE("exec says what it could not find") {
  Waiting b;
  const auto r = b.runtime({"exec", "ID", "nope"});
  CHECK(r.status == 255);
  CHECK_THAT(test::unquoted(r.err), Contains("exec: \"nope\": executable file not found in $PATH"));
  CHECK_THAT(b.runtime({"exec", "ID", "/nope"}).err, Contains("no such file or directory"));
}

TEST_CASE("exec without a command is refused") {
  Waiting b;
  CHECK(b.runtime({"exec", "ID"}).status != 0);
}

TEST_CASE("options behind the container's id belong to the command") {
  Waiting b;
  CHECK(b.runtime({"exec", "ID", "/inside", "say", "--cwd", "-x"}).out == "--cwd -x\n");
}

TEST_CASE("exec works in a container that is created only") {
  Bundle b;
  REQUIRE(b.args({"pause"}).create().status == 0);
  CHECK(b.exec({"hostname"}).out == "box\n");
}

TEST_CASE("exec has the HOME of its user") {
  Waiting b;
  test::spill(b.rootfs("etc/passwd"), "builder:x:1000:1000::/home/builder:/bin/sh\n");
  CHECK(has_line(b.exec({"env"}, {"--user", "1000"}).out, "HOME=/home/builder"));
}

TEST_CASE("exec --preserve-fds hands descriptors on, and no others") {
  Waiting b;
  test::spill(b.path("three"), "3");
  const oci::Fd kept(::open(b.path("three").c_str(), O_RDONLY | O_CLOEXEC));
  const oci::Fd closed(::open(b.path("three").c_str(), O_RDONLY | O_CLOEXEC));
  b.descriptors = {kept.get(), closed.get()};
  const auto out = b.exec({"fds"}, {"--preserve-fds", "1"}).out;
  CHECK_THAT(line_with(out, "3 "), EndsWith("/three"));
  CHECK_THAT(out, !Contains("\n4 "));
}

TEST_CASE("exec sends a pidfd of its process to the pidfd socket") {
  Waiting b;
  test::Receiver receiver(b.path("pidfd.sock"));
  REQUIRE(b.exec({"pause"}, {"--detach", "--pidfd-socket", b.path("pidfd.sock"), "--pid-file", b.path("pid")}).status ==
          0);
  const oci::Fd process = receiver.receive();
  REQUIRE(process);
  CHECK_THAT(test::slurp("/proc/self/fdinfo/" + std::to_string(process.get())),
             Contains("Pid:\t" + test::slurp(b.path("pid"))));
}

TEST_CASE("exec has a session of its own and a new session keyring") {
  Waiting b;
  const auto out = b.exec({"do", "session", "--", "keyring"}).out;
  CHECK_THAT(out, Contains("ppid=0"));
  CHECK_THAT(out, Contains(b.id()));
}

TEST_CASE("exec --cgroup puts the process below the container's cgroup") {
  if (!test::pure_cgroup2()) test::skip("the machine's cgroup2 is not the only hierarchy");
  Waiting b;
  const std::string own = line_with(test::slurp("/proc/" + std::to_string(b.pid()) + "/cgroup"), "0::").substr(3);
  REQUIRE(::mkdir(("/sys/fs/cgroup" + own + "/sub").c_str(), 0755) == 0);
  REQUIRE(b.exec({"pause"}, {"--detach", "--cgroup", "sub", "--pid-file", b.path("pid")}).status == 0);
  CHECK(line_with(test::slurp("/proc/" + test::slurp(b.path("pid")) + "/cgroup"), "0::") == "0::" + own + "/sub");
  CHECK(b.exec({"exit", "0"}, {"--cgroup", ".."}).status == 255);
  CHECK(b.exec({"exit", "0"}, {"--cgroup", "missing"}).status == 255);
}

TEST_CASE("exec --cgroup says that a cgroup which hands controllers on cannot hold processes, in runc's words") {
  if (!test::pure_cgroup2()) test::skip("the machine's cgroup2 is not the only hierarchy");
  Waiting b;
  const auto own =
      "/sys/fs/cgroup" + line_with(test::slurp("/proc/" + std::to_string(b.pid()) + "/cgroup"), "0::").substr(3);
  if (test::slurp(own + "/cgroup.controllers").find("hugetlb") == std::string::npos)
    test::skip("no hugetlb controller");
  REQUIRE(::mkdir((own + "/sub").c_str(), 0755) == 0);
  REQUIRE(put(own + "/sub/cgroup.procs", std::to_string(b.pid())));
  REQUIRE(put(own + "/cgroup.subtree_control", "+hugetlb"));
  CHECK(b.exec({"exit", "0"}).status == 0);  // where the first process is
  const auto refused = b.exec({"exit", "0"}, {"--cgroup", "/"});
  CHECK(refused.status == 255);
  CHECK(refused.err.find(" adding pid of a new process to cgroups: ") != std::string::npos);
  CHECK(refused.err.find("Device or resource busy") != std::string::npos);
}

TEST_CASE("many processes can be executed one after the other, and leave no trace") {
  Waiting b;
  for (int i = 0; i < 20; ++i) REQUIRE(b.exec({"exit", std::to_string(i)}).status == i);
  CHECK(Tree::parse(b.runtime({"ps", "-f", "json", "ID"}).out).text() == "[" + std::to_string(b.pid()) + "]");
}

TEST_CASE("a failing exec ends its process, though that forks in the moment before it is killed") {
  if (::access("/usr/bin/strace", X_OK) != 0) test::skip("strace is not installed");
  Waiting b;
  // LeakSanitizer cannot look for leaks below strace, and would say so with a status of its own.
  b.environment = test::Words{"PATH=/usr/bin:/bin", "ASAN_OPTIONS=detect_leaks=0"};
  for (int race = 0; race < 6; ++race) {
    const auto r = b.through_shell(
        "exec /usr/bin/strace -qq -o /dev/null -e inject=recvmsg:error=EIO:when=1 "
        "-e inject=pidfd_send_signal:delay_enter=200000 \"$0\" \"$@\"",
        {"exec", "ID", "/inside", "pause"});
    CHECK(r.status == 255);
  }
  CHECK(Tree::parse(b.runtime({"ps", "-f", "json", "ID"}).out).text() == "[" + std::to_string(b.pid()) + "]");
}

TEST_CASE("exec works in a container without any namespace") {
  Bundle b;
  b.set("linux.namespaces", "[]").set("mounts", "[]").remove("hostname");
  b.remove("linux.maskedPaths").remove("linux.readonlyPaths").args({"pause"}).launch();
  CHECK(b.exec({"cwd"}).out == "/\n");
}

TEST_CASE("exec falls back on the copy of config.json where there is none, and not where it cannot be opened") {
  Waiting b;
  // Not by the bundle, which would write config.json again.
  const auto exec = [&] {
    test::Command command;
    command.words = {test::runtime_path(), "--root", b.root(), "exec", b.id(), "/inside", "exit", "3"};
    return test::execute(command, b.path("exec.out"), b.path("exec.err"));
  };
  const auto file = b.path("config.json");
  REQUIRE(::unlink(file.c_str()) == 0);
  CHECK(exec().status == 3);
  REQUIRE(::mknod(file.c_str(), S_IFSOCK | 0600, 0) == 0);  // open(2): ENXIO
  const auto r = exec();
  CHECK(r.status == 255);
  CHECK_THAT(r.err, Contains("config.json (O_RDONLY|O_NONBLOCK|O_NOCTTY): No such device or address"));
  REQUIRE(::unlink(file.c_str()) == 0);
}
