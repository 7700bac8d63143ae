// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "support/catch.hpp"

using namespace oci;

namespace {

constexpr std::size_t most = 256 << 20U;

std::string beside_this_program(const char* name) {
  auto path = sys::readlinkat(working_directory, "/proc/self/exe");
  return path.replace(path.rfind('/') + 1, path.npos, name);
}

/// A copy of the victim program, in a directory of its own, that may be destroyed.
struct Victim {
  std::string directory;
  std::string path;
  std::string original;
  std::string content;

  explicit Victim(const char* program = "sealed_victim") {
    std::array<char, 32> name{"/var/tmp/sealed_exe_XXXXXX"};
    REQUIRE(::mkdtemp(name.data()));
    directory = name.data();
    path = directory + "/victim";
    original = beside_this_program(program);
    content = read_file(working_directory, original, most);
    write_all(sys::openat(working_directory, path, O_WRONLY | O_CREAT | O_EXCL, 0755), content, path);
  }
  ~Victim() {
    ::unlink(path.c_str());
    ::rmdir(directory.c_str());
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  /// What it prints, until it and its children have ended.
  std::string run(const std::string& arguments, const std::string& prefix = {}) const {
    std::FILE* pipe = ::popen((prefix + path + " " + arguments + " 2>&1").c_str(), "re");
    REQUIRE(pipe);
    std::string output;
    std::array<char, 4096> block{};
    while (const auto got = std::fread(block.data(), 1, block.size(), pipe)) output.append(block.data(), got);
    const int status = ::pclose(pipe);
    if (status != 0) output += "status " + std::to_string(status) + "\n";
    return output;
  }
  bool unharmed() const { return read_file(working_directory, path, most) == content; }
};

/// Elsewhere a sealed copy is executed, which may be harmed as much as anybody likes.
void needs_remapping() {
  if (::geteuid() != 0) test::skip("needs root");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  test::skip("a program with a sanitizer executes a copy of itself");
#endif
}

constexpr const char* early = "sealed_before_start";

/// Only static programs are entered by the kernel itself.
void needs_early_sealing() {
  needs_remapping();
  if (::access(beside_this_program(early).c_str(), X_OK) != 0)
    test::skip("the runtime is no static program for x86-64");
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

void check_attack(const Victim& victim, const std::string& mode) {
  const auto output = victim.run(mode + " attack");
  CAPTURE(output);
  CHECK(contains(output, "sealed: yes"));
  std::istringstream lines(output);
  int reads = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line == "read: POSSIBLE")
      ++reads;
    else
      CHECK_FALSE(contains(line, "POSSIBLE"));
  }
  CHECK(reads == 2);
  CHECK(victim.unharmed());
}

void check_maps(const Victim& victim, const std::string& mode) {
  CHECK(contains(victim.run("plain maps"), victim.path + "\n"));
  auto sealed = victim.run(mode + " maps");
  const auto arguments = victim.path + '\0' + mode + '\0' + "maps" + '\0';
  CAPTURE(sealed);
  REQUIRE(sealed.size() > arguments.size());
  CHECK(sealed.substr(sealed.size() - arguments.size()) == arguments);
  sealed.resize(sealed.size() - arguments.size());
  CHECK_FALSE(contains(sealed, victim.path));
  CHECK_FALSE(contains(sealed, "memfd"));
}

/// Of the first mappings: the program's own come before the heap.
std::string protections(const std::string& maps) {
  std::string found;
  std::istringstream lines(maps);
  for (std::string line; std::getline(lines, line) && !contains(line, "[heap]");)
    if (contains(line, "-") && contains(line, " ")) found += line.substr(line.find(' ') + 1, 4) + " ";
  return found;
}

void check_protections(const Victim& victim, const std::string& mode) {
  const auto sealed = protections(victim.run(mode + " maps"));
  CHECK(sealed == protections(victim.run("plain maps")));
  CHECK_FALSE(contains(sealed, "wx"));
}

}  // namespace

TEST_CASE("an executable that nobody sealed is overwritten from a child when its process has ended") {
  if (::geteuid() != 0) test::skip("needs root");
  const Victim victim;
  const auto output = victim.run("plain linger " + victim.original);
  CHECK(contains(output, "sealed: no"));
  CHECK(contains(output, "write when it has ended: POSSIBLE"));
  CHECK_FALSE(victim.unharmed());
}

TEST_CASE("a sealed executable is not overwritten when its process has ended") {
  const Victim victim;
  const auto output = victim.run("sealed linger " + victim.original);
  CHECK(contains(output, "sealed: yes"));
  CHECK((contains(output, "write when it has ended: EROFS") || contains(output, "write when it has ended: EPERM")));
  CHECK(victim.unharmed());
}

TEST_CASE("no path leads from a sealed process to its file") {
  needs_remapping();
  check_attack(Victim{}, "sealed");
}

TEST_CASE("a plain process gives way to at least one of the same attacks") {
  if (::geteuid() != 0) test::skip("needs root");
  const Victim victim;
  CHECK(contains(victim.run("plain attack"), "chmod: POSSIBLE"));
}

TEST_CASE("no mapping of the original file is left, and ps still sees the arguments") {
  needs_remapping();
  check_maps(Victim{}, "sealed");
}

TEST_CASE("a program that the dynamic loader was told to run is not taken for what the kernel executed") {
  if (::geteuid() != 0) test::skip("needs root");
  static constexpr const char* loader = "/lib64/ld-linux-x86-64.so.2";
  if (::access(loader, X_OK) != 0) test::skip("the dynamic loader has another name here");
  const Victim victim;
  const auto output = victim.run("sealed maps", std::string(loader) + " ");
  CAPTURE(output);
  CHECK(contains(output, "sealed: yes"));
  CHECK_FALSE(contains(output, "status"));
  CHECK(contains(output, "/memfd:runc_cloned:/proc/self/exe (deleted)"));
}

TEST_CASE("relocated data stays read-only in a sealed process") {
  needs_remapping();
  check_protections(Victim{}, "sealed");
}

TEST_CASE("a static program is sealed before its start") {
  needs_early_sealing();
  const Victim victim(early);
  CHECK(contains(victim.run("plain maps"), "sealed: no"));
  check_attack(victim, "run");
  check_maps(victim, "run");
  check_protections(victim, "run");
  CHECK(contains(victim.run("run linger " + victim.original), "write when it has ended: E"));
  CHECK(victim.unharmed());
}

TEST_CASE("what cannot be sealed before its start is a program like any other") {
  needs_early_sealing();
  const Victim victim(early);
  const std::string weak = "setpriv --bounding-set -sys_admin,-checkpoint_restore --inh-caps=-all ";
  const auto output = victim.run("run maps", weak);
  CAPTURE(output);
  CHECK(contains(output, "sealed: no"));
  CHECK(contains(output, victim.path + "\n"));
  CHECK_FALSE(contains(output, "status"));
  CHECK(contains(victim.run("sealed maps run", weak), "/memfd:runc_cloned:/proc/self/exe (deleted)"));
}

TEST_CASE("nobody's memory is changed by sealing before the start") {
  needs_early_sealing();
  const Victim victim(early);
  // The environment and the arguments decide where things are; none and many of them.
  CHECK(contains(victim.run("run maps", "env -i "), "sealed: yes"));
  CHECK(contains(victim.run("run maps " + std::string(100000, 'x')), "sealed: yes"));
  CHECK(contains(victim.run("run zeros"), "zeros: 65536"));
}

/// Where the first mapping begins whose line contains `part`.
std::uintptr_t start_of(const std::string& maps, const std::string& part) {
  std::istringstream lines(maps);
  for (std::string line; std::getline(lines, line);)
    if (contains(line, part)) return std::stoul(line, nullptr, 16);
  FAIL("no mapping of " << part << " in\n" << maps);
  return 0;
}

TEST_CASE("the heap of a program that seals itself before the start lies beside it, and grows beyond its room") {
  needs_early_sealing();
  const Victim victim(early);
  const auto output = victim.run("run fill");  // more than there is room for
  CHECK(contains(output, "filled: yes"));
  const auto program = start_of(output, " r-xp ");
  const auto heap = start_of(output, "[heap]");
  static constexpr std::uintptr_t near = 8 << 20U;
  CHECK((heap > program ? heap - program : program - heap) < near);
  // With the old layout there is nothing behind it to grow into: malloc(3) goes on elsewhere.
  CHECK(contains(victim.run("run fill", "setarch -L "), "filled: yes"));
}

TEST_CASE("where the kernel refuses to exchange the executable, a sealed copy is executed") {
  if (::geteuid() != 0) test::skip("needs root");
  const Victim victim;
  // Without CAP_SYS_ADMIN there is neither open_tree nor PR_SET_MM_MAP.
  const std::string weak = "setpriv --bounding-set -sys_admin,-checkpoint_restore --inh-caps=-all ";
  const auto output = victim.run("sealed maps", weak);
  CAPTURE(output);
  CHECK(contains(output, "sealed: yes"));
  CHECK(contains(output, "/memfd:runc_cloned:/proc/self/exe (deleted)"));
  CHECK(contains(output, std::string("\0sealed\0maps", 12)));
  CHECK(contains(victim.run("sealed linger " + victim.original, weak), "write when it has ended: EPERM"));
  CHECK(victim.unharmed());
}

TEST_CASE("the environment cannot pretend that the executable is sealed") {
  const Victim victim;
  const auto output = victim.run("sealed maps", "_LIBCONTAINER_CLONED_BINARY=1 LIBCRUN_SEALED=1 ");
  CHECK(contains(output, "sealed: yes"));
}

TEST_CASE("an executable on a read-only mount is left as it is") {
  if (::geteuid() != 0) test::skip("needs root");
  const Victim victim;
  const auto output = victim.run("sealed maps", "unshare -m --propagation private sh -c 'mount --bind -o ro " +
                                                    victim.directory + " " + victim.directory + " && exec \"$@\"' sh ");
  CHECK(contains(output, "sealed: yes"));
  CHECK(contains(output, victim.path));  // its mappings are the original ones
}

TEST_CASE("twenty processes in a row seal themselves") {
  needs_remapping();
  const Victim victim;
  const auto output = victim.run("plain cost 20");
  WARN(output);
  CHECK(contains(output, "cost: median"));
}
