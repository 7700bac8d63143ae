// SPDX-License-Identifier: Apache-2.0
// Where the kernel enters the static program: in front of libc's _start, when nothing has been relocated. A command
// that will enter a container leaves the mount of its own file here, where that is cheapest (readonly_clone.cpp).
// Nothing is lost where it does not succeed: seal_executable() looks again.
#include <elf.h>
#include <link.h>

#include <cstdint>

#include "kernel_call.hpp"
#include "readonly_clone.hpp"

#ifdef OCI_RUNS_BEFORE_START

// System V ABI, AMD64, "Initial Stack and Register State": %rsp points at argc, %rdx is for atexit(3), %rbp is
// unspecified.
asm(R"(
  .text
  .globl  before_start
  .hidden before_start
  .type   before_start, @function
before_start:
  endbr64
  xorl %ebp, %ebp
  movq %rsp, %rbx
  movq %rdx, %r12
  movq %rsp, %rdi
  andq $-16, %rsp
  call oci_leave_original_mount
  movq %rbx, %rsp
  movq %r12, %rdx
  jmp  _start
  .size before_start, . - before_start
)");

namespace oci {
namespace {

constexpr int longest_verb = 8;
// Not texts elsewhere: their addresses would have to be relocated first.
constexpr char entering[][longest_verb] = {"create", "exec", "mounts", "run"};

bool is(const char* word, const char (&verb)[longest_verb]) noexcept {
  int i = 0;
  while (verb[i] != 0 && word[i] == verb[i]) ++i;
  return word[i] == verb[i];
}

/// Too often rather than too seldom: a container may have a command's name.
bool may_enter_a_container(char* const* arguments) noexcept {
  for (; *arguments != nullptr; ++arguments)
    for (const auto& verb : entering)
      if (is(*arguments, verb)) return true;
  return false;
}

std::uintptr_t address(const void* of) noexcept {
  return reinterpret_cast<std::uintptr_t>(of);
}

/// argc, the arguments, a null, the environment, a null, the auxiliary vector
InitialStack read_stack(char* const* arguments, char* const* environment) noexcept {
  char* const* after = environment;
  while (*after != nullptr) ++after;
  InitialStack stack{};
  for (const auto* entry = reinterpret_cast<const ElfW(auxv_t)*>(after + 1); entry->a_type != AT_NULL; ++entry) {
    if (entry->a_type == AT_PAGESZ) stack.page_size = entry->a_un.a_val;
    if (entry->a_type == AT_RANDOM) stack.random = entry->a_un.a_val;
    if (entry->a_type == AT_EXECFN) stack.end = entry->a_un.a_val;
  }
  stack.arguments = address(*arguments);
  stack.environment = *environment != nullptr ? address(*environment) : stack.end;
  return stack;
}

}  // namespace
}  // namespace oci

extern "C" [[gnu::visibility("hidden")]] void oci_leave_original_mount(const long* stack) noexcept {
  auto* const* arguments = reinterpret_cast<char* const*>(stack + 1);
  if (*stack < 2 || !oci::may_enter_a_container(arguments + 1)) return;
  if (oci::on_readonly_mount() || oci::is_out_of_reach()) return;
  const auto laid_out = oci::read_stack(arguments, arguments + *stack + 1);
  if (laid_out.page_size != 0) oci::become_readonly_clone(laid_out, oci::Data::as_in_the_file);
}

#endif
