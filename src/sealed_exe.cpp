// SPDX-License-Identifier: Apache-2.0
// In this order: nothing to do; what before_start.cpp has done; the same now, in a program that runs
// (readonly_clone.cpp); executing a sealed copy of oneself, which is the usual cure for CVE-2019-5736 and takes
// longest.
#include "sealed_exe.hpp"

#include <sys/auxv.h>
#include <sys/mman.h>

#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "oci/error.hpp"
#include "readonly_clone.hpp"

namespace oci {
namespace {

constexpr const char* own_file = "/proc/self/exe";
constexpr int all_seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool may_remap = false;  // instrumented code writes to globals while their pages are being exchanged
#else
constexpr bool may_remap = true;
#endif

bool is_sealed_copy(FdRef file) noexcept {
  const int seals = ::fcntl(file.get(), F_GET_SEALS);  // fails on anything that is not in memory
  return seals >= 0 && (seals & all_seals) == all_seals;
}

InitialStack initial_stack() noexcept {
  const auto text = [](const char* of) { return reinterpret_cast<std::uintptr_t>(of); };
  const auto end = static_cast<std::uintptr_t>(::getauxval(AT_EXECFN));
  return {.arguments = text(program_invocation_name),
          .environment = *environ != nullptr ? text(*environ) : end,
          .end = end,
          .random = static_cast<std::uintptr_t>(::getauxval(AT_RANDOM)),
          .page_size = static_cast<std::uintptr_t>(::getauxval(AT_PAGESZ))};
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
  if (has_become_clone || on_readonly_mount() || is_out_of_reach()) return;
  if (may_remap && become_readonly_clone(initial_stack(), Data::in_use)) return;
  in_context([] { return "protect the runtime's executable (CVE-2019-5736)"; },
             [] { execute_sealed_copy(sys::openat(working_directory, own_file, O_RDONLY)); });
}

bool is_executable_sealed() noexcept {
  return on_readonly_mount() || is_sealed_copy(Fd(::open(own_file, O_RDONLY | O_CLOEXEC)));
}

}  // namespace oci
