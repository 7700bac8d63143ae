// SPDX-License-Identifier: Apache-2.0
// The program in the rootfs of tests: says what a container looks like from inside. `inside COMMAND [WORD…]`, or
// several of them: `inside do A… -- B… -- C…`. Statically linked: the rootfs holds nothing else. Failures name the
// errno.
#include "support/inside.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace inside {

int failed(const char* what) {
  std::printf("%s: %s\n", what, strerrorname_np(errno));
  return 1;
}

long number(const char* text) {
  return std::strtol(text, nullptr, 0);
}

int copy_out(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(path);
  std::array<char, 4096> buffer{};
  ssize_t got = 0;
  while ((got = ::read(fd, buffer.data(), buffer.size())) > 0)
    std::fwrite(buffer.data(), 1, static_cast<std::size_t>(got), stdout);
  ::close(fd);
  return got < 0 ? failed(path) : 0;
}

namespace {

int run(Words words) {
  if (words[0] == nullptr) return 0;
  int given = 0;
  while (words[given + 1] != nullptr) ++given;
  for (const auto commands :
       {commands_about_files(), commands_about_the_process(), commands_that_act(), commands_that_hunt()})
    for (const auto& command : commands) {
      if (std::strcmp(command.name, words[0]) != 0 || given < command.words) continue;
      const int status = command.run(words + 1);
      std::fflush(stdout);
      return status;
    }
  std::fprintf(stderr, "inside: %s with %d words is not known\n", words[0], given);
  return 125;
}

/// One command after the other, each as far as the next "--". The last status that was not 0.
int run_all(Words words) {
  int status = 0;
  while (words != nullptr) {
    Words end = words;
    while (*end != nullptr && std::strcmp(*end, "--") != 0) ++end;
    Words next = *end != nullptr ? end + 1 : nullptr;
    *end = nullptr;
    const int one = run(words);
    if (one != 0) status = one;
    words = next;
  }
  return status;
}

}  // namespace
}  // namespace inside

int main(int argc, char* argv[]) {
  if (argc < 2) return 125;
  return std::strcmp(argv[1], "do") == 0 ? inside::run_all(argv + 2) : inside::run(argv + 1);
}
