// SPDX-License-Identifier: Apache-2.0
// Runs a command and prints how long it took from fork to exit in nanoseconds, its peak resident set (with that of the
// children it has reaped) in KiB, and its status. usage: timer [--root MOUNT] [--at-once N] COMMAND [WORD…]
// MOUNT becomes the root of a mount namespace of their own; the one before is at /mnt in there.
// With --at-once N of them run side by side, each with its number, from 0, for the first "%" of a word.
// Its standard output and error go to /dev/null: they would be part of what is measured.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

long long now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

/// "%" becomes the number of the process.
[[noreturn]] void become(char** words, const char* number, int null) {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) ::dup2(null, stream);
  for (char** word = words; number != nullptr && *word != nullptr; ++word)
    if (char* place = std::strchr(*word, '%')) *place = *number;
  ::execv(words[0], words);
  ::_exit(127);
}

/// `count` of them, and what became of them all: the longest and the largest, and a status that is not 0, if there is
/// one.
void time_many(char** words, int count, int null) {
  const long long before = now();
  for (int number = 0; number < count; ++number) {
    const char digit = static_cast<char>('0' + number);
    if (::fork() == 0) become(words, &digit, null);
  }
  int worst = 0;
  long peak = 0;
  int status = 0;
  rusage usage{};
  while (::wait4(-1, &status, 0, &usage) > 0) {
    if (status != 0) worst = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (usage.ru_maxrss > peak) peak = usage.ru_maxrss;
  }
  std::printf("%lld %ld %d\n", now() - before, peak, worst);
}

/// By pivot_root(2), as a machine comes to its root: what a chroot(2) hides, runtimes may have to take care of.
bool enter(const char* mount) {
  return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) == 0 &&
         ::chdir(mount) == 0 && ::syscall(SYS_pivot_root, ".", "mnt") == 0 && ::chroot(".") == 0 && ::chdir("/") == 0;
}

}  // namespace

int main(int argc, char* argv[]) {
  char** words = argv + 1;
  if (argc > 3 && std::strcmp(words[0], "--root") == 0) {
    if (!enter(words[1])) return 2;
    words += 2;
  }
  int count = 1;
  bool numbered = false;
  if (*words != nullptr && std::strcmp(words[0], "--at-once") == 0 && words[1] != nullptr) {
    count = std::atoi(words[1]);
    numbered = true;
    words += 2;
  }
  if (*words == nullptr || count < 1 || count > 9) return 2;
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (numbered) return time_many(words, count, null), 0;
  const long long before = now();
  const pid_t pid = ::vfork();
  if (pid == 0) become(words, nullptr, null);
  int status = 0;
  rusage usage{};
  ::wait4(pid, &status, 0, &usage);
  std::printf("%lld %ld %d\n", now() - before, usage.ru_maxrss,
              WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 0;
}
