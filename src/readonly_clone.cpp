// SPDX-License-Identifier: Apache-2.0
// A container's root that is the host's root can open /proc/PID/exe of a runtime process in its pid namespace, keep the
// descriptor until that process has ended (ETXTBSY is over), and open it again for writing: the next container is made
// by the attacker's program (CVE-2019-5736). What the path says about permissions does not help, because no path is
// walked. What does help is a descriptor that leads to a read-only mount:
//
//   1. clone the mount of /proc/self/exe, make the clone read-only, open the file through it
//   2. map the program's segments again, in place, from that file: no mapping of the original mount is left
//   3. PR_SET_MM_MAP: /proc/self/exe is now the file in the clone (the kernel insists on 2 being done)
//   4. close the clone. It hangs in no namespace, so nobody can ever remount, clone or move it
//
// Relocation writes to nearly every page of the writable segment. Before it step 2 is four mmap(2); after it those
// pages have to be copied, moved, and touched again, which takes several times as long. What has been touched before is
// dear in either case, because it is unmapped and will be touched again: so the constants of this code lie beside it
// (tools/link_order).
#include "readonly_clone.hpp"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/stat.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <span>

#include "kernel_call.hpp"
#include "program_image.hpp"

namespace oci {
namespace {

constexpr char own_file[] = "/proc/self/exe";  // no pointer, which would have to be relocated

bool is_error(long result) noexcept {
  return result < 0 && result > -4096;  // of mmap(2), too: no address lies there
}

class Descriptor {
 public:
  explicit Descriptor(long opened) noexcept : number_(opened) {}
  ~Descriptor() {
    if (number_ >= 0) kernel(SYS_close, number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  explicit operator bool() const noexcept { return number_ >= 0; }
  long get() const noexcept { return number_; }

 private:
  long number_;
};

/// /proc/self/fd/N of the mount; a clone of a file's mount has the file as its root.
Descriptor open_through(const Descriptor& mount) noexcept {
  char path[32] = "/proc/self/fd/";
  char* end = path + 14;
  long scale = 1;
  while (mount.get() / scale >= 10) scale *= 10;
  for (; scale > 0; scale /= 10) *end++ = static_cast<char>('0' + mount.get() / scale % 10);
  return Descriptor(kernel(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0));
}

/// The beginning of the program's file: none where this program was not mapped from it, because the dynamic loader was
/// executed with it as argument. That is not to be seen in the auxiliary vector, which the loader rewrites.
class Headers {
 public:
  explicit Headers(const Descriptor& file) noexcept
      : is_ours_(kernel(SYS_pread64, file.get(), &start_, sizeof start_, 0) == sizeof start_ &&
                 start_.elf.e_phoff == offsetof(Start, program) && start_.elf.e_phnum <= most && is_as_mapped()) {}

  explicit operator bool() const noexcept { return is_ours_; }
  std::span<const ElfW(Phdr)> get() const noexcept { return {start_.program, start_.elf.e_phnum}; }

 private:
  static constexpr std::size_t most = 16;
  struct Start {
    ElfW(Ehdr) elf;
    ElfW(Phdr) program[most];
  };

  bool is_as_mapped() const noexcept {
    const auto size = sizeof start_.elf + start_.elf.e_phnum * sizeof start_.program[0];
    const auto* mapped = reinterpret_cast<const char*>(&__ehdr_start);
    const auto* read = reinterpret_cast<const char*>(&start_);
    for (std::size_t i = 0; i < size; ++i)
      if (read[i] != mapped[i]) return false;
    return true;
  }

  Start start_;
  bool is_ours_;
};

bool map(const Pages& pages, int protection, const Descriptor& file) noexcept {
  return !is_error(kernel_mmap(pages.start, pages.size, protection, MAP_PRIVATE | MAP_FIXED, file.get(), pages.offset));
}

/// As execve(2) maps it: what follows in the last page is the beginning of .bss, which is zero.
bool map_data(const Pages& pages, const Descriptor& file) noexcept {
  if (!map(pages, PROT_READ | PROT_WRITE, file)) return false;
  for (auto* byte = pointer<char>(pages.file_end); byte < pointer<char>(pages.start + pages.size); ++byte) *byte = 0;
  return true;
}

/// The pages become anonymous memory with the same content.
bool copy_data(const Pages& pages) noexcept {
  const long copy =
      kernel_mmap(0, pages.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (is_error(copy)) return false;
  const auto* from = pointer<const long>(pages.start);
  auto* to = pointer<long>(static_cast<std::uintptr_t>(copy));
  for (std::size_t i = 0; i < pages.size / sizeof(long); ++i) to[i] = from[i];
  // Nothing may write to a global between these two lines; errno and the stack protector's word are thread-local.
  return !is_error(kernel(SYS_mremap, copy, pages.size, pages.size, MREMAP_MAYMOVE | MREMAP_FIXED, pages.start));
}

bool map_again(const ElfW(Phdr) & header, const Pages& pages, Data data, const Descriptor& file) noexcept {
  if ((header.p_flags & PF_W) != 0) return data == Data::in_use ? copy_data(pages) : map_data(pages, file);
  return map(pages, PROT_READ | ((header.p_flags & PF_X) != 0 ? PROT_EXEC : 0), file);
}

/// Relocated data becomes read-only again, as far as the loader had made it so: to its last whole page.
bool protect_again(const ElfW(Phdr) & header, std::uintptr_t bias, std::uintptr_t page) noexcept {
  const auto start = page_down(bias + header.p_vaddr, page);
  const auto end = page_down(bias + header.p_vaddr + header.p_memsz, page);
  return end <= start || kernel(SYS_mprotect, start, end - start, PROT_READ) == 0;
}

/// The code that runs here is replaced by the same bytes of the same file.
bool remap(std::span<const ElfW(Phdr)> headers, std::uintptr_t page, Data data, const Descriptor& file) noexcept {
  const auto bias = load_bias(headers);
  for (const auto& header : headers) {
    if (header.p_type != PT_LOAD || header.p_filesz == 0) continue;
    if (!map_again(header, pages_of(header, bias, page), data, file)) return false;
  }
  if (data == Data::as_in_the_file) return true;  // libc will protect them when it has relocated them
  return std::ranges::all_of(
      headers, [&](const auto& header) { return header.p_type != PT_GNU_RELRO || protect_again(header, bias, page); });
}

/// Where a heap may begin that lies beside the program: the kernel maps what asks for no address as near as it can.
/// execve(2) begins the heap of such a program 40 TiB away from it, and three levels of page tables for it are three
/// pages more for each process: to be cleared, filled, and copied by fork(2). A program with shared libraries has its
/// heap as near. 0: the kernel's place. Whoever asks for more than there is room for gets it elsewhere, from malloc(3).
std::uintptr_t heap_beside_program() noexcept {
  constexpr std::uintptr_t usual_size = std::uintptr_t{512} << 10U;
  const long room = kernel_mmap(0, usual_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (is_error(room) || kernel(SYS_munmap, room, usual_size) != 0) return 0;
  return static_cast<std::uintptr_t>(room);
}

void set_heap(prctl_mm_map& map, Data data) noexcept {
  if (data == Data::as_in_the_file) map.brk = map.start_brk = heap_beside_program();
  if (map.brk != 0) return;
  map.brk = static_cast<std::uintptr_t>(kernel(SYS_brk, 0));
  // Not the same where there is a heap: the memory below would no longer be shown as such.
  map.start_brk = data == Data::in_use ? map.brk - 1 : map.brk;
}

/// PR_SET_MM_MAP sets everything at once. Where the kernel keeps a true value that we do not know without reading
/// /proc/self/stat (25 us), one is given that only tools would notice: the stack starts at AT_RANDOM's bytes, and what
/// malloc took before, if it did, cannot be given back.
bool become(const InitialStack& stack, std::span<const ElfW(Phdr)> headers, Data data,
            const Descriptor& file) noexcept {
  prctl_mm_map map{};
  const auto bias = load_bias(headers);
  for (const auto& header : headers) {
    if (header.p_type != PT_LOAD) continue;
    const auto start = bias + header.p_vaddr;
    const auto end = start + header.p_filesz;
    if ((header.p_flags & PF_X) != 0) {
      map.start_code = start;
      map.end_code = end;
    } else if ((header.p_flags & PF_W) != 0) {
      map.start_data = start;
      map.end_data = end;
    }
  }
  set_heap(map, data);
  map.start_stack = stack.random;
  // execve lays the texts out one behind the other: arguments, environment, AT_EXECFN. ps(1) reads them.
  map.arg_start = stack.arguments;
  map.arg_end = stack.environment;
  map.env_start = stack.environment;
  map.env_end = stack.end;
  map.exe_fd = static_cast<__u32>(file.get());
  return kernel(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) == 0;
}

}  // namespace

bool has_become_clone = false;

bool on_readonly_mount() noexcept {
  constexpr long read_only = 1;  // ST_RDONLY (statfs(2))
  struct statfs status {};
  return kernel_statfs(own_file, status) == 0 && (status.f_flags & read_only) != 0;
}

bool is_out_of_reach() noexcept {
  struct statx status {};
  if (kernel(SYS_statx, AT_FDCWD, own_file, 0, STATX_MODE | STATX_UID, &status) != 0) return false;
  if ((status.stx_attributes & STATX_ATTR_VERITY) != 0) return true;
  const bool only_root_writes = status.stx_uid == 0 && (status.stx_mode & (S_IWGRP | S_IWOTH)) == 0;
  // faccessat2 rather than the ids alone: CAP_DAC_OVERRIDE may be ambient.
  return only_root_writes && kernel(SYS_geteuid) != 0 &&
         kernel(SYS_faccessat2, AT_FDCWD, own_file, W_OK, AT_EACCESS) != 0;
}

bool become_readonly_clone(const InitialStack& stack, Data data) noexcept {
  const Descriptor clone(kernel(SYS_open_tree, AT_FDCWD, own_file, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!clone) return false;
  mount_attr attributes{.attr_set = MOUNT_ATTR_RDONLY, .attr_clr = 0, .propagation = 0, .userns_fd = 0};
  if (kernel(SYS_mount_setattr, clone.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) return false;
  const auto file = open_through(clone);
  if (!file) return false;
  const Headers headers(file);
  has_become_clone =
      headers && remap(headers.get(), stack.page_size, data, file) && become(stack, headers.get(), data, file);
  return has_become_clone;
}

}  // namespace oci
