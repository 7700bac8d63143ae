// SPDX-License-Identifier: Apache-2.0
#include "base/environment.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "oci/error.hpp"

namespace oci {
namespace {

struct Size {
  std::size_t entries = 0;
  std::size_t texts = 0;  ///< bytes, with each one's '\0'

  std::size_t pointers() const noexcept { return (entries + 1) * sizeof(char*); }
};

Size measure() noexcept {
  Size size;
  for (char** entry = environ; *entry; ++entry, ++size.entries) size.texts += std::strlen(*entry) + 1;
  return size;
}

/// Memory that is all zero in a child: there `environ` points to a null pointer, an empty environment.
char* map_for_this_process(std::size_t size) {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw Error::system("map memory for the environment");
  if (::madvise(memory, size, MADV_WIPEONFORK) < 0)
    throw Error::system("keep the environment from the container's process (MADV_WIPEONFORK, Linux 4.14)");
  return static_cast<char*>(memory);
}

}  // namespace

void withhold_environment() {
  static char** withheld = nullptr;
  static std::size_t withheld_size = 0;
  if (environ == withheld || !environ || !*environ) return;
  const auto size = measure();
  char* const memory = map_for_this_process(size.pointers() + size.texts);
  auto** const entries = reinterpret_cast<char**>(memory);
  char* text = memory + size.pointers();
  for (std::size_t i = 0; i < size.entries; ++i) {
    const auto length = std::strlen(environ[i]) + 1;
    entries[i] = static_cast<char*>(std::memcpy(text, environ[i], length));
    ::explicit_bzero(environ[i], length);
    text += length;
  }
  if (withheld) ::munmap(withheld, withheld_size);
  environ = withheld = entries;
  withheld_size = size.pointers() + size.texts;
}

}  // namespace oci
