// SPDX-License-Identifier: Apache-2.0
// Where the kernel enters the static program: in front of libc's _start, when nothing has been relocated. Two things
// are cheapest here. A command that will enter a container leaves the mount of its own file (readonly_clone.cpp). And
// the pages that will be written to anyway are asked for at once, instead of by one page fault each. Nothing is lost
// where the kernel refuses: seal_executable() looks again, and pages come when they are touched.
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cstdint>

#include "kernel_call.hpp"
#include "program_image.hpp"
#include "readonly_clone.hpp"

#if defined(__x86_64__)

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
  call oci_prepare_start
  movq %rbx, %rsp
  movq %r12, %rdx
  jmp  _start
  .size before_start, . - before_start
)");

namespace oci {
namespace {

constexpr int longest_verb = 8;
// Those for which commands.cpp calls seal_executable(). Not texts elsewhere: their addresses would have to be relocated
// first.
constexpr char entering[][longest_verb] = {"create", "exec", "mounts", "run"};

bool is(const char* word, const char (&verb)[longest_verb]) noexcept {
  int i = 0;
  while (verb[i] != 0 && word[i] == verb[i]) ++i;
  return word[i] == verb[i];
}

/// Too often rather than too seldom: a container may have a command's name, and the program may.
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

void leave_original_mount(const InitialStack& stack) noexcept {
  if (!on_readonly_mount() && !is_out_of_reach()) become_readonly_clone(stack, Data::as_in_the_file);
}

void write_ahead(std::uintptr_t start, std::uintptr_t size) noexcept {
  kernel(SYS_madvise, start, size, MADV_POPULATE_WRITE);  // Linux 5.14
}

/// Relocation writes to each page of the data, and each command to most of what is zero; and to so much of its stack.
void populate(std::uintptr_t top_of_stack, std::uintptr_t page) noexcept {
  constexpr std::uintptr_t stack_pages = 4;
  const auto headers = program_headers();
  const auto bias = load_bias(headers);
  for (const auto& header : headers) {
    if (header.p_type != PT_LOAD || (header.p_flags & PF_W) == 0) continue;
    const auto start = page_down(bias + header.p_vaddr, page);
    write_ahead(start, page_up(bias + header.p_vaddr + header.p_memsz, page) - start);
  }
  write_ahead(page_down(top_of_stack, page) - stack_pages * page, stack_pages * page);
}

}  // namespace
}  // namespace oci

extern "C" [[gnu::visibility("hidden")]] void oci_prepare_start(const long* stack) noexcept {
  auto* const* arguments = reinterpret_cast<char* const*>(stack + 1);
  const auto laid_out = oci::read_stack(arguments, arguments + *stack + 1);
  if (laid_out.page_size == 0) return;
  if (oci::may_enter_a_container(arguments)) oci::leave_original_mount(laid_out);
  oci::populate(oci::address(stack), laid_out.page_size);
}

#endif
