// SPDX-License-Identifier: Apache-2.0
// config.md, "Process": the program, its environment, directory, user and limits.
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::has_line;
using test::line_with;
using namespace Catch::Matchers;

namespace {

/// Everybody may read the rootfs, only its owner may write: what an image's files look like.
constexpr const char* passwd = "root:x:0:0:root:/root:/bin/sh\nbuilder:x:1000:1000::/home/builder:/bin/sh\n";

}  // namespace

// The program
// -----------------------------------------------------------------------------------------------------------

TEST_CASE("the program gets exactly the words of args") {
  Bundle b;
  CHECK(b.args({"say", "two words", "", "'quoted\"", "$HOME"}).run().out == "two words  'quoted\" $HOME\n");
}

TEST_CASE("a program's name is looked up in the PATH of the container's environment") {
  Bundle b;
  ::mkdir(b.rootfs("opt").c_str(), 0755);
  ::link(b.rootfs("inside").c_str(), b.rootfs("opt/found").c_str());
  b.set("process.env", R"(["PATH=/nowhere:/opt"])").set("process.args", R"(["found", "say", "here"])");
  CHECK(b.run().out == "here\n");
}

TEST_CASE("a file that may not be executed does not end the search through PATH") {
  Bundle b;
  ::mkdir(b.rootfs("opt").c_str(), 0755);
  test::spill(b.rootfs("bin/found"), "no program", 0644);
  ::link(b.rootfs("inside").c_str(), b.rootfs("opt/found").c_str());
  b.set("process.env", R"(["PATH=/bin:/opt"])").set("process.args", R"(["found", "say", "here"])");
  CHECK(b.run().out == "here\n");
}

TEST_CASE("create fails when the program is not in PATH") {
  Bundle b;
  const auto r = b.set("process.args", R"(["nope"])").create();
  CHECK(r.status == 1);
  CHECK_THAT(test::unquoted(r.err), Contains("exec: \"nope\": executable file not found in $PATH"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("create fails when the program's path does not exist") {
  Bundle b;
  const auto r = b.set("process.args", R"(["/nope"])").create();
  CHECK(r.status == 1);
  CHECK_THAT(test::unquoted(r.err), Contains("exec: \"/nope\": stat /nope: no such file or directory"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("a program whose interpreter is missing is a line of run's standard error, and nothing else") {
  Bundle b;
  test::spill(b.rootfs("script"), "#!/no/interpreter\n");
  ::chmod(b.rootfs("script").c_str(), 0755);
  const auto r = b.set("process.args", R"(["/script"])").run();
  CHECK(r.status == 255);
  CHECK(r.err == "exec /script: no such file or directory\n");
  CHECK(b.leftovers().empty());
  const auto logged = b.runtime({"--log", b.path("log"), "--log-format", "json", "run", "--bundle", b.path(), "ID"});
  CHECK(logged.err == "exec /script: no such file or directory\n");
  CHECK_THAT(test::slurp(b.path("log")), Contains(R"("level":"error","msg":"exec /script: no such file)"));
}

TEST_CASE("create fails when the program is a directory") {
  Bundle b;
  const auto r = b.set("process.args", R"(["/bin"])").create();
  CHECK(r.status == 1);
  // Debian 12's runc says "permission denied"; newer ones, and dockerd's table, know the better text.
  CHECK_THAT(r.err, Contains("is a directory"));
}

TEST_CASE("create fails when the program may not be executed") {
  Bundle b;
  test::spill(b.rootfs("text"), "no program", 0644);
  const auto r = b.set("process.args", R"(["/text"])").create();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("permission denied"));
}

TEST_CASE("a program that the kernel cannot execute fails on the container's standard error") {
  Bundle b;
  test::spill(b.rootfs("script"), "#!/no/interpreter\n", 0755);
  const auto r = b.set("process.args", R"(["/script"])").run();
  CHECK(r.status != 0);
  CHECK_THAT(r.err, Contains("no such file or directory"));
}

TEST_CASE("config.json without process, args or cwd is refused") {
  Bundle b;
  CHECK_THAT(b.set("process.args", "[]").create().err, Contains("args must not be empty"));
  CHECK_THAT(b.args({"cwd"}).set("process.cwd", R"("here")").create().err, Contains("Cwd must be an absolute path"));
  CHECK_THAT(b.set("process.cwd", R"("")").create().err, Contains("Cwd property must not be empty"));
  CHECK_THAT(b.remove("process").create().err, Contains("process property must not be empty"));
}

// The environment
// -------------------------------------------------------------------------------------------------------

TEST_CASE("the environment is the configured one and HOME") {
  Bundle b;
  test::spill(b.rootfs("etc/passwd"), passwd);
  b.environment = test::Words{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "FROM_OUTSIDE=yes"};
  const auto r = b.args({"env"}).set("process.env", R"(["A=1", "B=two words", "C="])").run();
  CHECK(has_line(r.out, "A=1"));
  CHECK(has_line(r.out, "B=two words"));
  CHECK(has_line(r.out, "C="));
  CHECK(has_line(r.out, "HOME=/root"));
  CHECK(std::count(r.out.begin(), r.out.end(), '\n') == 4);
}

TEST_CASE("HOME comes from the container's /etc/passwd, by uid") {
  Bundle b;
  test::spill(b.rootfs("etc/passwd"), passwd);
  CHECK(has_line(b.args({"env"}).set("process.user.uid", "1000").run().out, "HOME=/home/builder"));
}

TEST_CASE("HOME is / for a user whom /etc/passwd does not know, or without the file") {
  Bundle b;
  CHECK(has_line(b.args({"env"}).run().out, "HOME=/"));
  test::spill(b.rootfs("etc/passwd"), passwd);
  CHECK(has_line(b.set("process.user.uid", "77").run().out, "HOME=/"));
}

TEST_CASE("a configured HOME stays") {
  Bundle b;
  test::spill(b.rootfs("etc/passwd"), passwd);
  CHECK(has_line(b.args({"env"}).set("process.env", R"(["HOME=/elsewhere"])").run().out, "HOME=/elsewhere"));
}

TEST_CASE("an empty HOME counts as none") {
  Bundle b;
  test::spill(b.rootfs("etc/passwd"), passwd);
  CHECK(has_line(b.args({"env"}).set("process.env", R"(["HOME=/first", "HOME="])").run().out, "HOME=/root"));
}

TEST_CASE("of an environment variable that is given twice the last value counts") {
  Bundle b;
  const auto r = b.args({"env"}).set("process.env", R"(["A=1", "A=2", "HOME=/"])").run();
  CHECK(has_line(r.out, "A=2"));
  CHECK_FALSE(has_line(r.out, "A=1"));
}

TEST_CASE("an /etc/passwd that is a fifo does not keep create waiting") {
  Bundle b;
  REQUIRE(::mkfifo(b.rootfs("etc/passwd").c_str(), 0644) == 0);
  const auto r = b.args({"say", "on"}).run();
  CHECK((r.status == 0 ? r.out == "on\n" : !r.err.empty()));
}

// The working directory
// -------------------------------------------------------------------------------------------------

TEST_CASE("the program starts in cwd") {
  Bundle b;
  CHECK(b.args({"cwd"}).set("process.cwd", R"("/tmp")").run().out == "/tmp\n");
}

TEST_CASE("a cwd that is not there is made") {
  Bundle b;
  CHECK(b.args({"do", "cwd", "--", "stat", "/a/b/c"})
            .set("process.cwd", R"("/a/b/c")")
            .run()
            .out.starts_with("/a/b/c\n"));
  struct stat made {};
  REQUIRE(::stat(b.rootfs("a/b/c").c_str(), &made) == 0);
  CHECK((made.st_mode & 07777U) == 0755);
}

TEST_CASE("a cwd that is a file is refused") {
  Bundle b;
  const auto r = b.args({"cwd"}).set("process.cwd", R"("/inside")").run();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("not a directory", Catch::CaseSensitive::No));
}

TEST_CASE("a cwd that only root may enter is entered for another user") {
  Bundle b;
  ::mkdir(b.rootfs("private").c_str(), 0700);
  b.args({"say", "there"}).set("process.cwd", R"("/private")").set("process.user", R"({"uid": 1000, "gid": 1000})");
  CHECK(b.run().out == "there\n");
}

TEST_CASE("a cwd that only the user may enter is entered") {
  Bundle b;
  ::mkdir(b.rootfs("private").c_str(), 0700);
  ::chown(b.rootfs("private").c_str(), 1000, 1000);
  b.args({"cwd"}).set("process.cwd", R"("/private")").set("process.user", R"({"uid": 1000, "gid": 1000})");
  CHECK(b.run().out == "/private\n");
}

TEST_CASE("a cwd through a descriptor of the runtime is refused") {  // CVE-2024-21626
  Bundle b;
  for (int fd = 3; fd < 20; ++fd) {
    const auto r = b.args({"cwd"}).set("process.cwd", R"("/proc/self/fd/)" + std::to_string(fd) + "\"").run();
    INFO("descriptor " << fd << ": " << r.out);
    CHECK((r.status != 0 || r.out == "/\n"));
  }
}

// Who it is
// -------------------------------------------------------------------------------------------------------------

TEST_CASE("the program runs as the configured user with exactly the configured groups") {
  Bundle b;
  b.args({"ids"}).set("process.user", R"({"uid": 1000, "gid": 100, "additionalGids": [5, 77]})");
  CHECK(b.run().out == "uid=1000 gid=100 groups=5,77\n");
}

TEST_CASE("without additional groups there are none: the caller's do not come along") {
  Bundle b;
  const auto out = b.args({"ids"}).set("process.user", R"({"uid": 1000, "gid": 100})").run().out;
  CHECK((out == "uid=1000 gid=100 groups=\n" || out == "uid=1000 gid=100 groups=100\n"));
}

TEST_CASE("real, effective, saved and file system ids are all the configured ones") {
  Bundle b;
  const auto out = b.args({"status"}).set("process.user", R"({"uid": 7, "gid": 9})").run().out;
  CHECK(line_with(out, "Uid:") == "Uid:\t7\t7\t7\t7");
  CHECK(line_with(out, "Gid:") == "Gid:\t9\t9\t9\t9");
}

TEST_CASE("umask is the configured one, 0022 when none is") {
  Bundle b;
  ::umask(0077);
  CHECK(b.args({"umask"}).run().out == "0022\n");
  ::umask(0022);
  CHECK(b.set("process.user.umask", "63").run().out == "0077\n");
  CHECK(b.set("process.user.umask", "0").run().out == "0000\n");
}

TEST_CASE("capabilities are exactly the configured ones") {
  Bundle b;
  const auto out = b.args({"status"}).run().out;
  // CAP_KILL 5, CAP_NET_BIND_SERVICE 10, CAP_AUDIT_WRITE 29
  CHECK(line_with(out, "CapBnd") == "CapBnd:\t0000000020000420");
  CHECK(line_with(out, "CapEff") == "CapEff:\t0000000020000420");
  CHECK(line_with(out, "CapPrm") == "CapPrm:\t0000000020000420");
  CHECK(line_with(out, "CapInh") == "CapInh:\t0000000000000000");
  CHECK(line_with(out, "CapAmb") == "CapAmb:\t0000000000000000");
}

TEST_CASE("ambient capabilities reach a program of another user") {
  Bundle b;
  b.set("process.capabilities", R"({"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"],
                                    "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]})");
  const auto out = b.args({"status"}).set("process.user.uid", "1000").run().out;
  CHECK(line_with(out, "CapAmb") == "CapAmb:\t0000000000000020");
  CHECK(line_with(out, "CapEff") == "CapEff:\t0000000000000020");
}

TEST_CASE("no capability is left when the configured set is empty") {
  Bundle b;
  const auto out = b.args({"status"}).set("process.capabilities", "{}").run().out;
  for (const auto* set : {"CapBnd", "CapEff", "CapPrm", "CapInh", "CapAmb"})
    CHECK(line_with(out, set) == std::string(set) + ":\t0000000000000000");
}

TEST_CASE("without process.capabilities the program has none") {
  Bundle b;
  const auto out = b.args({"status"}).remove("process.capabilities").run().out;
  CHECK(line_with(out, "CapEff") == "CapEff:\t0000000000000000");
}

TEST_CASE("a user other than root has no effective capability without ambient ones") {
  Bundle b;
  const auto out = b.args({"status"}).set("process.user.uid", "1000").run().out;
  CHECK(line_with(out, "CapEff") == "CapEff:\t0000000000000000");
  CHECK(line_with(out, "CapPrm") == "CapPrm:\t0000000000000000");
}

TEST_CASE("an unknown capability is left out with a warning") {
  Bundle b;
  b.args({"status"}).set("process.capabilities.bounding[]", R"("CAP_NEWER_THAN_ALL")");
  const auto r = b.run();
  CHECK(r.status == 0);
  CHECK(line_with(r.out, "CapBnd") == "CapBnd:\t0000000020000420");
  CHECK_THAT(r.err, Contains("CAP_NEWER_THAN_ALL"));
}

TEST_CASE("noNewPrivileges is as configured") {
  Bundle b;
  CHECK(line_with(b.args({"status"}).run().out, "NoNewPrivs") == "NoNewPrivs:\t1");
  CHECK(line_with(b.set("process.noNewPrivileges", "false").run().out, "NoNewPrivs") == "NoNewPrivs:\t0");
}

// Limits
// ----------------------------------------------------------------------------------------------------------------

TEST_CASE("rlimits are the configured ones") {
  Bundle b;
  b.args({"do", "rlimit", "7", "--", "rlimit", "4"});  // RLIMIT_NOFILE, RLIMIT_CORE
  b.set("process.rlimits", R"([{"type": "RLIMIT_NOFILE", "soft": 500, "hard": 600},
                               {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}])");
  CHECK(b.run().out == "500 600\n0 0\n");
}

TEST_CASE("a limit that is not configured is the caller's") {
  Bundle b;
  b.remove("process.rlimits");
  rlimit mine{};
  ::getrlimit(RLIMIT_NOFILE, &mine);
  CHECK(b.args({"rlimit", "7"}).run().out ==
        std::to_string(mine.rlim_cur) + " " + std::to_string(mine.rlim_max) + "\n");
}

TEST_CASE("an unknown or repeated rlimit is refused by name") {
  Bundle b;
  const auto r = b.set("process.rlimits", R"([{"type": "RLIMIT_LUCK", "soft": 1, "hard": 1}])").run();
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("RLIMIT_LUCK"));
}

TEST_CASE("a soft limit above the hard one is refused") {
  Bundle b;
  CHECK(b.set("process.rlimits", R"([{"type": "RLIMIT_NOFILE", "soft": 9, "hard": 8}])").run().status == 1);
  CHECK(b.leftovers().empty());
}

TEST_CASE("oomScoreAdj is the configured one") {
  Bundle b;
  CHECK(b.args({"cat", "/proc/self/oom_score_adj"}).set("process.oomScoreAdj", "321").run().out == "321\n");
}

TEST_CASE("the personality is the configured one") {
  Bundle b;
  CHECK(b.args({"personality"}).set("linux.personality", R"({"domain": "LINUX32"})").run().out == "8\n");
}

TEST_CASE("the scheduling policy is the configured one") {
  Bundle b;
  CHECK(b.args({"sched"}).set("process.scheduler", R"({"policy": "SCHED_BATCH", "nice": 5})").run().out ==
        "policy=3 priority=0 nice=5\n");
}

TEST_CASE("the I/O priority is the configured one") {
  Bundle b;
  b.args({"ioprio"}).set("process.ioPriority", R"({"class": "IOPRIO_CLASS_BE", "priority": 6})");
  CHECK(b.run().out == "class=2 priority=6\n");
}

// What it must not inherit
// ----------------------------------------------------------------------------------------------

TEST_CASE("no signal is blocked or ignored in the container, whatever the caller did") {
  const std::array ignored{SIGHUP, SIGUSR1, SIGPIPE, SIGSYS, SIGRTMIN, SIGRTMAX};
  for (const int number : ignored) ::signal(number, SIG_IGN);
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGHUP);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  Bundle b;
  const auto out = b.args({"signals"}).run().out;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  for (const int number : ignored) ::signal(number, SIG_DFL);
  CHECK(out == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_CASE("the program does not get the CPU affinity of the caller") {
  cpu_set_t all;
  ::sched_getaffinity(0, sizeof(all), &all);
  if (CPU_COUNT(&all) < 2) test::skip("there is one CPU only");
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  ::sched_setaffinity(0, sizeof(one), &one);
  Bundle b;
  const auto out = b.args({"affinity"}).run().out;
  ::sched_setaffinity(0, sizeof(all), &all);
  CHECK(std::stoi(out) == CPU_COUNT(&all));
}

TEST_CASE("the program leads a session of its own and is the first process") {
  Bundle b;
  CHECK(b.args({"session"}).run().out == "pid=1 ppid=0 pgid=1 sid=1\n");
}

TEST_CASE("the session keyring is a new one, unless --no-new-keyring is given") {
  Bundle b;
  CHECK_THAT(b.args({"keyring"}).run().out, Contains(b.id()));
  CHECK_THAT(b.run({"--no-new-keyring"}).out, !Contains(b.id()));
}
