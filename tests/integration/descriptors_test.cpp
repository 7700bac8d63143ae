// SPDX-License-Identifier: Apache-2.0
// Which descriptors reach a container: its three streams, those that were asked for, and no other (CVE-2024-21626).
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::line_with;
using namespace Catch::Matchers;

namespace {

oci::Fd opened(const std::string& path, int flags = O_RDONLY) {
  return oci::Fd(::open(path.c_str(), flags | O_CLOEXEC));
}

/// The targets of a process's descriptors from 3 on, one a line.
std::string links_of(pid_t pid) {
  std::string all;
  const std::string directory = "/proc/" + std::to_string(pid) + "/fd";
  DIR* listing = ::opendir(directory.c_str());
  if (listing == nullptr) return all;
  while (const dirent* entry = ::readdir(listing)) {
    std::string target(512, '\0');
    const auto size = ::readlink((directory + "/" + entry->d_name).c_str(), target.data(), target.size());
    if (size > 0 && std::atoi(entry->d_name) > 2) all += target.substr(0, static_cast<std::size_t>(size)) + "\n";
  }
  ::closedir(listing);
  return all;
}

}  // namespace

TEST_CASE("the program has its three streams and no other descriptor") {
  Bundle b;
  const auto out = b.args({"fds"}).run().out;
  CHECK(std::count(out.begin(), out.end(), '\n') == 3);
}

TEST_CASE("descriptors that the caller left open do not reach the container") {
  Bundle b;
  const oci::Fd directory = opened("/");
  b.descriptors = {directory.get(), directory.get(), directory.get(), directory.get(),
                   directory.get(), directory.get(), directory.get()};
  const auto out = b.args({"fds"}).run().out;
  CHECK(std::count(out.begin(), out.end(), '\n') == 3);
}

TEST_CASE("a directory that the caller left open cannot be the working directory, nor hold the program") {
  Bundle b;
  const oci::Fd directory = opened("/usr/bin", O_RDONLY | O_DIRECTORY);
  b.descriptors = {directory.get()};
  CHECK((b.args({"cwd"}).set("process.cwd", R"("/proc/self/fd/3")").run().status != 0));
  CHECK(b.set("process.cwd", R"("/")").set("process.args", R"(["/proc/self/fd/3/true"])").run().status != 0);
  ::symlink("/proc/self/fd/3/true", b.rootfs("link").c_str());
  CHECK(b.set("process.args", R"(["/link"])").run().status != 0);
}

TEST_CASE("a script cannot reach a program of the host through a descriptor") {
  Bundle b;
  const oci::Fd directory = opened("/usr/bin", O_RDONLY | O_DIRECTORY);
  b.descriptors = {directory.get()};
  test::spill(b.rootfs("script"), "#!/proc/self/fd/3/true\n", 0755);
  CHECK(b.set("process.args", R"(["/script"])").run().status != 0);
}

TEST_CASE("--preserve-fds hands on as many descriptors as it says, at their numbers") {
  Bundle b;
  test::spill(b.path("three"), "");
  test::spill(b.path("four"), "");
  test::spill(b.path("five"), "");
  const oci::Fd three = opened(b.path("three"));
  const oci::Fd four = opened(b.path("four"));
  const oci::Fd five = opened(b.path("five"));
  b.descriptors = {three.get(), four.get(), five.get()};
  const auto out = b.args({"fds"}).run({"--preserve-fds", "2"}).out;
  CHECK_THAT(line_with(out, "3 "), EndsWith("/three"));
  CHECK_THAT(line_with(out, "4 "), EndsWith("/four"));
  CHECK_THAT(out, !Contains("five"));
}

TEST_CASE("a descriptor to preserve that is not open is an error that names it") {
  Bundle b;
  const auto r = b.args({"fds"}).run({"--preserve-fds", "2"});
  CHECK(r.status == 1);
  CHECK_THAT(r.err, Contains("preserved-fd 3"));
}

TEST_CASE("a process that waits for start holds nothing of the host's file system") {
  Bundle b;
  const oci::Fd leaked = opened("/usr", O_RDONLY | O_DIRECTORY);
  b.descriptors = {leaked.get()};
  REQUIRE(b.args({"pause"}).create().status == 0);
  const std::string links = links_of(b.pid());
  INFO(links);
  CHECK_THAT(links, !Contains("/usr") && !Contains("/rootfs") && !Contains("config.json") && !Contains("cgroup"));
}

TEST_CASE("LISTEN_FDS of this process are handed on with their variables") {
  Bundle b;
  test::spill(b.path("three"), "");
  const oci::Fd three = opened(b.path("three"));
  b.descriptors = {three.get()};
  b.args({"do", "fds", "--", "env"});
  // LISTEN_PID has to be the runtime's own pid: a shell can say what that will be.
  const std::string script = "export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$@\"";
  test::Words words{"/bin/sh", "-c",       script,   "sh",  test::runtime_path(), "--root", b.root(),
                    "run",     "--bundle", b.path(), b.id()};
  b.runtime({"--version"});  // writes config.json
  test::Command command;
  command.words = words;
  command.descriptors = b.descriptors;
  const auto r = test::execute(command, b.path("out"), b.path("err"));
  CHECK_THAT(line_with(r.out, "3 "), EndsWith("/three"));
  CHECK(test::has_line(r.out, "LISTEN_FDS=1"));
  CHECK(test::has_line(r.out, "LISTEN_PID=1"));
}

TEST_CASE("/dev/null as standard input is the container's, and keeps its owner") {
  Bundle b;
  b.set("process.user", R"({"uid": 1000, "gid": 1000})");
  const auto out = b.args({"stat", "/dev/null"}).run().out;
  CHECK_THAT(out, Contains("uid=0 gid=0"));
  struct stat host {};
  REQUIRE(::stat("/dev/null", &host) == 0);
  CHECK(host.st_uid == 0);
}
