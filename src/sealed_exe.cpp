// SPDX-License-Identifier: Apache-2.0
// A container's root that is the host's root can open /proc/PID/exe of a runtime process in its pid namespace, keep the
// descriptor until that process has ended (ETXTBSY is over), and open it again for writing: the next container is made
// by the attacker's program. What the path says about permissions does not help, because no path is walked. What does
// help is a descriptor that leads to a read-only mount:
//
//   1. clone the mount of /proc/self/exe, make the clone read-only, open the file through it
//   2. map the program's segments again, in place, from that file: no mapping of the original mount is left
//   3. PR_SET_MM_MAP: /proc/self/exe is now the file in the clone (the kernel insists on 2 being done)
//   4. close the clone. It hangs in no namespace, so nobody can ever remount, clone or move it
//
// It saves the usual cure, executing a copy of oneself, which stays as the fallback.
#include "sealed_exe.hpp"

#include <elf.h>
#include <link.h>
#include <linux/prctl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "oci/error.hpp"

/// The program's ELF header where it is mapped; the linker's name for it.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" [[gnu::visibility("hidden")]] const ElfW(Ehdr) __ehdr_start;

namespace oci {
namespace {

constexpr const char* own_file = "/proc/self/exe";
constexpr int all_seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool may_remap = false;  // instrumented code writes to globals while their pages are being exchanged
#else
constexpr bool may_remap = true;
#endif

bool on_readonly_mount() noexcept {
  struct statvfs status {};
  return ::statvfs(own_file, &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
}

/// True where no id of any container can write to the file: fs-verity made its content immutable, or it is root's alone
/// and the caller is not root, so that no user namespace of theirs has root in it (subordinate ids never include 0).
bool out_of_reach() noexcept {
  struct statx status {};
  if (::statx(AT_FDCWD, own_file, 0, STATX_MODE | STATX_UID, &status) != 0) return false;
  if ((status.stx_attributes & STATX_ATTR_VERITY) != 0) return true;
  const bool only_root_writes = status.stx_uid == 0 && (status.stx_mode & (S_IWGRP | S_IWOTH)) == 0;
  // faccessat rather than the ids alone: CAP_DAC_OVERRIDE may be ambient.
  return only_root_writes && ::geteuid() != 0 && ::faccessat(AT_FDCWD, own_file, W_OK, AT_EACCESS) != 0;
}

bool is_sealed_copy(FdRef file) noexcept {
  const int seals = ::fcntl(file.get(), F_GET_SEALS);  // fails on anything that is not in memory
  return seals >= 0 && (seals & all_seals) == all_seals;
}

/// Headers have addresses as numbers.
void* pointer(std::uintptr_t address) noexcept {
  return reinterpret_cast<void*>(address);  // NOLINT(performance-no-int-to-ptr)
}

std::span<const ElfW(Phdr)> program_headers() noexcept {
  const auto first = reinterpret_cast<std::uintptr_t>(&__ehdr_start) + __ehdr_start.e_phoff;
  return {static_cast<const ElfW(Phdr)*>(pointer(first)), __ehdr_start.e_phnum};
}

/// What to add to an address in the file to have it in memory. The first segment begins with the ELF header.
std::uintptr_t load_bias() noexcept {
  for (const auto& header : program_headers())
    if (header.p_type == PT_LOAD) return reinterpret_cast<std::uintptr_t>(&__ehdr_start) - header.p_vaddr;
  return 0;
}

/// Whole pages of `header`'s file part. Writable pages become anonymous memory with the same content.
bool map_again(const ElfW(Phdr) & header, std::uintptr_t bias, std::uintptr_t page, int file) noexcept {
  const auto start = (bias + header.p_vaddr) & ~(page - 1);
  const auto size = ((bias + header.p_vaddr + header.p_filesz + page - 1) & ~(page - 1)) - start;
  auto* const place = pointer(start);
  if ((header.p_flags & PF_W) == 0) {
    const int protection = PROT_READ | ((header.p_flags & PF_X) != 0 ? PROT_EXEC : 0);
    const auto offset = static_cast<off_t>(header.p_offset & ~(page - 1));
    return ::mmap(place, size, protection, MAP_PRIVATE | MAP_FIXED, file, offset) != MAP_FAILED;
  }
  void* const copy = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (copy == MAP_FAILED) return false;
  std::memcpy(copy, place, size);
  // Nothing may write to a global between these two lines; errno and the stack protector's word are thread-local.
  return ::mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, place) != MAP_FAILED;
}

/// Relocated data becomes read-only again, as far as the loader had made it so: to its last whole page.
bool protect_again(const ElfW(Phdr) & header, std::uintptr_t bias, std::uintptr_t page) noexcept {
  const auto start = (bias + header.p_vaddr) & ~(page - 1);
  const auto end = (bias + header.p_vaddr + header.p_memsz) & ~(page - 1);
  return end <= start || ::mprotect(pointer(start), end - start, PROT_READ) == 0;
}

/// The code that runs here is replaced by the same bytes of the same file; what calls the kernel is in libc anyway.
bool remap(int file) noexcept {
  const auto bias = load_bias();
  const auto page = static_cast<std::uintptr_t>(::getauxval(AT_PAGESZ));
  const auto headers = program_headers();
  const auto done = [&](const ElfW(Phdr) & header) {
    return header.p_type != PT_LOAD || header.p_filesz == 0 || map_again(header, bias, page, file);
  };
  const auto closed = [&](const ElfW(Phdr) & header) {
    return header.p_type != PT_GNU_RELRO || protect_again(header, bias, page);
  };
  return std::all_of(headers.begin(), headers.end(), done) && std::all_of(headers.begin(), headers.end(), closed);
}

/// PR_SET_MM_MAP sets everything at once. Where the kernel keeps a true value that we do not know without reading
/// /proc/self/stat (25 us), one is given that only tools would notice: the break starts just below its end (what
/// malloc took before cannot be given back), the stack at AT_RANDOM's bytes.
prctl_mm_map memory_map(int file) noexcept {
  prctl_mm_map map{};
  const auto bias = load_bias();
  for (const auto& header : program_headers()) {
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
  map.brk = reinterpret_cast<std::uintptr_t>(::sbrk(0));
  map.start_brk = map.brk - 1;  // not the same: the memory below would no longer be shown as the heap
  map.start_stack = ::getauxval(AT_RANDOM);
  // execve lays the texts out one behind the other: arguments, environment, AT_EXECFN. ps(1) reads them.
  map.env_end = ::getauxval(AT_EXECFN);
  map.arg_start = reinterpret_cast<std::uintptr_t>(program_invocation_name);
  map.env_start = *environ != nullptr ? reinterpret_cast<std::uintptr_t>(*environ) : map.env_end;
  map.arg_end = map.env_start;
  map.exe_fd = static_cast<__u32>(file);
  return map;
}

/// Whether this program was mapped from `file`. It was not when the dynamic loader was executed with it as argument.
bool is_this_program(int file) noexcept {
  std::vector<char> bytes(__ehdr_start.e_phoff + __ehdr_start.e_phnum * sizeof(ElfW(Phdr)));
  return ::pread(file, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()) &&
         std::memcmp(bytes.data(), &__ehdr_start, bytes.size()) == 0;
}

bool become_readonly_clone() {
  const MountFd clone(::open_tree(AT_FDCWD, own_file, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!clone) return false;
  mount_attr attributes{.attr_set = MOUNT_ATTR_RDONLY, .attr_clr = 0, .propagation = 0, .userns_fd = 0};
  if (::mount_setattr(clone.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) return false;
  const auto file = sys::try_openat(working_directory, "/proc/self/fd/" + std::to_string(clone.get()), O_RDONLY).fd;
  if (!file || !is_this_program(file.get()) || !remap(file.get())) return false;
  const auto map = memory_map(file.get());
  return ::prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) == 0;
}

/// The name is one that runc's tests of leaked descriptors know.
Fd sealed_copy(FdRef original) {
  static constexpr const char* name = "runc_cloned:/proc/self/exe";
  static constexpr unsigned executable = 0x10;  // MFD_EXEC, Linux 6.3; vm.memfd_noexec may demand it
  Fd copy(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | executable));
  if (!copy && errno == EINVAL) copy = Fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy) throw Error::system("memfd_create");
  write_all(copy, read_all(original, own_file, std::size_t{256} << 20U), "the copy of /proc/self/exe");
  if (::fcntl(copy.get(), F_ADD_SEALS, all_seals) != 0) throw Error::system("seal the copy of /proc/self/exe");
  return copy;
}

/// Does nothing in a process that is one already: the environment could claim that, the file cannot.
void execute_sealed_copy(FdRef original) {
  if (is_sealed_copy(original)) return;
  const Fd program = sealed_copy(original);
  static constexpr std::size_t longest_command_line = std::size_t{8} << 20U;  // execve(2) takes 6 MiB at most
  std::string arguments = read_file(working_directory, "/proc/self/cmdline", longest_command_line);
  std::vector<char*> argv;
  for (std::size_t i = 0; i < arguments.size(); i = arguments.find('\0', i) + 1) argv.push_back(&arguments[i]);
  argv.push_back(nullptr);
  ::fexecve(program.get(), argv.data(), environ);
  throw Error::system("execute the sealed copy of /proc/self/exe");
}

}  // namespace

void seal_executable() {
  if (on_readonly_mount() || out_of_reach()) return;
  if (may_remap && become_readonly_clone()) return;
  in_context([] { return "protect the runtime's executable (CVE-2019-5736)"; },
             [] { execute_sealed_copy(sys::openat(working_directory, own_file, O_RDONLY)); });
}

bool is_executable_sealed() noexcept {
  return on_readonly_mount() || is_sealed_copy(Fd(::open(own_file, O_RDONLY | O_CLOEXEC)));
}

}  // namespace oci
