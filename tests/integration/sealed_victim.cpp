// SPDX-License-Identifier: Apache-2.0
// What a container could do to the program that made it: the tests run private copies of this one.
//   sealed_victim {plain|sealed|run} {attack|maps|fill|cost [TIMES]|linger OTHER_COPY|zeros}
// "run" seals nothing by itself: it is the word that makes src/before_start.cpp do it.
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "sealed_exe.hpp"

namespace {

using namespace oci;

/// .bss: its first bytes share a page with what the file holds.
std::array<char, 65536> never_written;

void report(const char* attempt, bool possible) {
  std::printf("%s: %s\n", attempt, possible ? "POSSIBLE" : ::strerrorname_np(errno));
}

/// Every way from a descriptor of `exe` to a changed file, in a process that may do anything else on this machine.
void attack(const std::string& exe) {
  const Fd found(::open(exe.c_str(), O_RDONLY | O_CLOEXEC));
  report("read", static_cast<bool>(found));
  const auto again = "/proc/self/fd/" + std::to_string(found.get());
  report("open for writing", static_cast<bool>(Fd(::open(again.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC))));
  report("open the link for writing", static_cast<bool>(Fd(::open(exe.c_str(), O_WRONLY | O_CLOEXEC))));
  report("chmod", ::fchmod(found.get(), 0777) == 0);
  report("chown", ::fchown(found.get(), 0, 0) == 0);
  report("truncate", ::truncate(again.c_str(), 0) == 0);
  const Fd mount(::open(exe.c_str(), O_PATH | O_CLOEXEC));
  mount_attr writable{.attr_set = 0, .attr_clr = MOUNT_ATTR_RDONLY, .propagation = 0, .userns_fd = 0};
  report("remount", ::mount_setattr(mount.get(), "", AT_EMPTY_PATH, &writable, sizeof writable) == 0);
  report("clone the mount", static_cast<bool>(Fd(::open_tree(mount.get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE))));
  report("move the mount", ::move_mount(mount.get(), "", AT_FDCWD, "/mnt", MOVE_MOUNT_F_EMPTY_PATH) == 0);
  report("bind", ::mount(again.c_str(), "/mnt", nullptr, MS_BIND, nullptr) == 0);
}

/// The attack of CVE-2019-5736: find the file, become another program, wait until the runtime has ended, then write.
void write_later(const std::string& exe, const char* other_program, int until_closed, int found_it) {
  const int found = ::open(exe.c_str(), O_RDONLY);  // NOLINT(android-cloexec-open): to survive execve
  ::close(found_it);
  ::execl(other_program, other_program, "writer", std::to_string(found).c_str(), std::to_string(until_closed).c_str(),
          nullptr);
}

int write_when_closed(const std::string& found, int until_closed) {
  char byte{};
  while (::read(until_closed, &byte, 1) > 0) {
  }
  Fd target;
  timespec pause{0, 1'000'000};
  for (int i = 0; i < 500 && !target; ++i) {  // the last reference to the running program goes a little after its pipes
    target = Fd(::open(("/proc/self/fd/" + found).c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    if (!target && errno != ETXTBSY) break;
    if (!target) ::nanosleep(&pause, nullptr);
  }
  report("write when it has ended", target && ::write(target.get(), "overwritten", 11) == 11);
  return 0;
}

double microseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

void measure(std::size_t count) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return;
  std::vector<double> times(count);
  for (auto& time : times) {
    const pid_t child = ::fork();
    if (child == 0) {
      const double before = microseconds();
      seal_executable();
      const double took = microseconds() - before;
      ::_exit(::write(ends[1], &took, sizeof took) == sizeof took && is_executable_sealed() ? 0 : 1);
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child || status != 0 || ::read(ends[0], &time, sizeof time) != sizeof time)
      return;
  }
  std::sort(times.begin(), times.end());
  std::printf("cost: median %.1f us, p10 %.1f us\n", times[count / 2], times[count / 10]);
}

/// Four megabytes in pieces that malloc(3) takes from its heap; whether each keeps what is written to it.
bool fill_heap() {
  std::vector<std::string> pieces;
  for (std::size_t i = 0; i < 1000; ++i) pieces.emplace_back(4096, static_cast<char>('a' + i % 26));
  for (std::size_t i = 0; i < pieces.size(); ++i)
    if (pieces[i].find_first_not_of(static_cast<char>('a' + i % 26)) != std::string::npos) return false;
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  const std::string_view mode = argv[1];
  const std::string_view act = argv[2];
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (mode == "writer") return write_when_closed(argv[2], std::stoi(argv[3]));
  if (act == "cost") return measure(argc > 3 ? std::stoul(argv[3]) : 200), 0;
  if (mode == "sealed") oci::seal_executable();
  std::printf("sealed: %s\n", oci::is_executable_sealed() ? "yes" : "no");
  if (act == "zeros")
    return std::printf("zeros: %td\n", std::count(never_written.begin(), never_written.end(), '\0')), 0;
  if (act == "fill") std::printf("filled: %s\n", fill_heap() ? "yes" : "no");
  if (act == "maps" || act == "fill") {
    const auto text = oci::read_file(oci::working_directory, "/proc/self/maps") +
                      oci::read_file(oci::working_directory, "/proc/self/cmdline");
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 1;
  }
  const auto parents = "/proc/" + std::to_string(::getpid()) + "/exe";
  std::array<int, 2> ends{};
  std::array<int, 2> answer{};
  if (::pipe(ends.data()) != 0 || ::pipe(answer.data()) != 0) return 1;
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[1]);
    if (act == "linger") {
      write_later(parents, argv[3], ends[0], answer[1]);
    } else {
      attack("/proc/self/exe");
      attack(parents);
    }
    ::_exit(0);
  }
  ::close(answer[1]);
  char byte{};
  if (act == "linger") return static_cast<int>(::read(answer[0], &byte, 1));
  return ::waitpid(child, nullptr, 0) == child ? 0 : 1;
}
