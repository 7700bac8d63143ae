// SPDX-License-Identifier: Apache-2.0
// A process that leaves the mount its program was executed from, for a read-only clone of it, without execve(2).
//
// What is declared here also runs before the program has been relocated (before_start.cpp), when there is no libc yet:
// it calls nobody, touches no thread-local storage and no table of addresses, and is compiled freestanding.
#pragma once

#include <cstdint>

namespace oci {

/// What execve(2) has laid out, and the kernel is told again: addresses in this process.
struct InitialStack {
  std::uintptr_t arguments;    // the text of argv[0]; the environment's texts follow the arguments'
  std::uintptr_t environment;  // the text of the first variable, or `end`
  std::uintptr_t end;          // AT_EXECFN: the text behind them
  std::uintptr_t random;       // AT_RANDOM: bytes above the stack's first frame
  std::uintptr_t page_size;    // AT_PAGESZ, in bytes
};

/// What is in the program's writable segment.
enum class Data {
  as_in_the_file,  // nobody has written to it: it is mapped from the file once more
  in_use,          // it is copied
};

/// Whether become_readonly_clone() has succeeded in this process.
extern bool has_become_clone;

/// Whether /proc/self/exe is on a mount that nobody can write through.
bool on_readonly_mount() noexcept;

/// Whether no id of any container can write to the program's file: fs-verity has made its content immutable, or it is
/// root's alone and the caller is not root, so that no user namespace of theirs has root in it (subordinate ids never
/// include 0).
bool is_out_of_reach() noexcept;

/// Makes /proc/self/exe lead to the same file on a read-only mount that hangs in no namespace (PR_SET_MM_MAP(2const)).
/// @returns false where the kernel or the caller's capabilities do not allow it; the program runs on as it did.
bool become_readonly_clone(const InitialStack& stack, Data data) noexcept;

}  // namespace oci
