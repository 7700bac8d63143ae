// SPDX-License-Identifier: Apache-2.0
// This program's own segments, where they are mapped (elf(5)). Usable before the program has been relocated.
#pragma once

#include <elf.h>
#include <link.h>

#include <cstdint>
#include <span>

/// The program's ELF header where it is mapped; the linker's name for it.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" [[gnu::visibility("hidden")]] const ElfW(Ehdr) __ehdr_start;

namespace oci {

/// Headers have addresses as numbers.
template <class T = void>
T* pointer(std::uintptr_t address) noexcept {
  return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr)
}

inline std::span<const ElfW(Phdr)> program_headers() noexcept {
  const auto first = reinterpret_cast<std::uintptr_t>(&__ehdr_start) + __ehdr_start.e_phoff;
  return {pointer<const ElfW(Phdr)>(first), __ehdr_start.e_phnum};
}

/// What to add to an address in the file to have it in memory. The first segment begins with the ELF header. `headers`:
/// the program's, wherever they are.
inline std::uintptr_t load_bias(std::span<const ElfW(Phdr)> headers) noexcept {
  for (const auto& header : headers)
    if (header.p_type == PT_LOAD) return reinterpret_cast<std::uintptr_t>(&__ehdr_start) - header.p_vaddr;
  return 0;
}

/// The start of the page, and the first page behind; `page`: its size, in bytes
inline std::uintptr_t page_down(std::uintptr_t address, std::uintptr_t page) noexcept {
  return address & ~(page - 1);
}
inline std::uintptr_t page_up(std::uintptr_t address, std::uintptr_t page) noexcept {
  return page_down(address + page - 1, page);
}

/// The whole pages that hold a segment's part of the file.
struct Pages {
  std::uintptr_t start;
  std::uintptr_t size;
  std::uintptr_t offset;    // in the file
  std::uintptr_t file_end;  // address behind the last byte that is the file's
};

inline Pages pages_of(const ElfW(Phdr) & header, std::uintptr_t bias, std::uintptr_t page) noexcept {
  const auto end = bias + header.p_vaddr + header.p_filesz;
  const auto start = page_down(bias + header.p_vaddr, page);
  return {start, page_up(end, page) - start, page_down(header.p_offset, page), end};
}

}  // namespace oci
