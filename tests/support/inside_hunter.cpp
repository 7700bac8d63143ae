// SPDX-License-Identifier: Apache-2.0
// A first process that seizes whoever comes into its pid namespace, and tells what could be had from him.
#include <dirent.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "support/inside.hpp"

namespace inside {
namespace {

using Path = std::array<char, 128>;

Path file_of(pid_t pid, const char* name) {
  Path path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/%s", pid, name);
  return path;
}

std::size_t read_some(pid_t pid, const char* name, std::array<char, 8192>& text) {
  const int fd = ::open(file_of(pid, name).data(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const auto got = ::read(fd, text.data(), text.size() - 1);
  ::close(fd);
  text.at(got > 0 ? static_cast<std::size_t>(got) : 0) = '\0';
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

/// How many names a directory has; -1 when it cannot be read.
int entries(pid_t pid, const char* name) {
  DIR* directory = ::opendir(file_of(pid, name).data());
  if (directory == nullptr) return -1;
  int count = -2;  // "." and ".."
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

/// Descriptors, without the one that the visit is for.
int descriptors(pid_t pid) {
  DIR* directory = ::opendir(file_of(pid, "fd").data());
  if (directory == nullptr) return -1;
  int count = 0;
  while (const dirent* entry = ::readdir(directory)) {
    Path target{};
    const auto size = ::readlinkat(::dirfd(directory), entry->d_name, target.data(), target.size() - 1);
    count += size > 0 && std::strcmp(target.data(), "anon_inode:[fscontext]") != 0 ? 1 : 0;
  }
  ::closedir(directory);
  return count;
}

/// One line: "seized root=0 cwd=0 fds=1 environ=0 Seccomp:2 Uid:65534 net:[4026531840] …".
void tell(pid_t pid) {
  std::array<char, 8192> text{};
  const auto size = read_some(pid, "environ", text);
  int readable = 0;
  for (std::size_t i = 0; i < size; ++i) readable += text.at(i) != '\0' ? 1 : 0;
  std::printf("seized root=%d cwd=%d fds=%d environ=%d", entries(pid, "root"), entries(pid, "cwd"), descriptors(pid),
              readable);
  read_some(pid, "status", text);
  for (const char* field : {"Seccomp:", "Uid:"}) {
    const char* at = std::strstr(text.data(), field);
    if (at != nullptr) std::printf(" %s%ld", field, number(at + std::strlen(field)));
  }
  for (const char* name : {"ns/cgroup", "ns/ipc", "ns/mnt", "ns/net", "ns/user", "ns/uts"}) {
    Path target{};
    if (::readlink(file_of(pid, name).data(), target.data(), target.size() - 1) > 0) std::printf(" %s", target.data());
  }
  std::puts("");
}

/// The last pid that was given to anybody here: the end of /proc/loadavg.
pid_t newest_pid() {
  std::array<char, 128> text{};
  const int fd = ::open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
  const auto got = fd < 0 ? 0 : ::read(fd, text.data(), text.size() - 1);
  if (fd >= 0) ::close(fd);
  const char* last = got > 0 ? std::strrchr(text.data(), ' ') : nullptr;
  return last != nullptr ? static_cast<pid_t>(number(last)) : 0;
}

void hunt_one(pid_t pid) {
  if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0) return;
  int status = 0;
  ::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr);
  ::waitpid(pid, &status, __WALL);
  if (WIFSTOPPED(status)) tell(pid);
  ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
  std::fflush(stdout);
}

/// For so many seconds.
int hunt(Words words) {
  static constexpr pid_t ahead = 8;
  const auto end = ::time(nullptr) + number(words[0]);
  std::puts("hunting");
  std::fflush(stdout);
  for (pid_t next = ::getpid() + 1; ::time(nullptr) < end;) {
    const pid_t newest = newest_pid();
    for (pid_t pid = next; pid <= newest + ahead; ++pid) hunt_one(pid);
    next = newest > next ? newest : next;
  }
  return 0;
}

constexpr std::array table{
    Command{"hunt", 1, hunt},
};

}  // namespace

std::span<const Command> commands_that_hunt() {
  return table;
}

}  // namespace inside
