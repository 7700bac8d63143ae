// SPDX-License-Identifier: Apache-2.0
// System calls without libc: no errno, so no thread-local storage, which a program does not have before its start.
#pragma once

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <cstdint>

#if !defined(__x86_64__)
#include <unistd.h>
#endif

#if !defined(__clang__)
// Else gcc makes calls of memset and memcpy of loops.
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

namespace oci {

#if defined(__x86_64__)
/// @returns what the kernel returns: an error is its negated number (syscall(2), "Architecture calling conventions").
inline long kernel_call(long number, long a, long b, long c, long d, long e, long f) noexcept {
  long result = 0;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}
#else
/// Nothing runs before the start here: libc's, where every error is -1.
inline long kernel_call(long number, long a, long b, long c, long d, long e, long f) noexcept {
  return ::syscall(number, a, b, c, d, e, f);
}
#endif

/// An argument as the kernel takes it.
template <class T>
long word(T value) noexcept {
  return static_cast<long>(value);
}
template <class T>
long word(T* pointer) noexcept {
  return static_cast<long>(reinterpret_cast<std::uintptr_t>(pointer));
}

template <class... T>
long kernel(long number, T... arguments) noexcept {
  long words[6] = {word(arguments)...};
  return kernel_call(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

/// The calls that not every machine has by these names, or with these arguments.
#if defined(__x86_64__)
inline long kernel_mmap(std::uintptr_t start, std::uintptr_t size, int protection, int flags, long file,
                        std::uintptr_t offset) noexcept {
  return kernel(SYS_mmap, start, size, protection, flags, file, offset);
}
inline long kernel_statfs(const char* path, struct statfs& status) noexcept {
  return kernel(SYS_statfs, path, &status);
}
#else
inline long kernel_mmap(std::uintptr_t start, std::uintptr_t size, int protection, int flags, long file,
                        std::uintptr_t offset) noexcept {
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  return word(::mmap(reinterpret_cast<void*>(start), size, protection, flags, static_cast<int>(file),
                     static_cast<off_t>(offset)));
}
inline long kernel_statfs(const char* path, struct statfs& status) noexcept {
  return ::statfs(path, &status);
}
#endif

}  // namespace oci
