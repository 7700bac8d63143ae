// SPDX-License-Identifier: Apache-2.0
// What a command asks of the kernel, counted by ptrace(2): figures that do not depend on how busy the machine is.
#pragma once
#include "support/command.hpp"

namespace test {

struct Cost {
  int status = -1;              ///< as a shell gives it
  unsigned calls = 0;           ///< system calls of the program itself, from its first to exit_group(2)
  unsigned process_calls = 0;   ///< of what it brought forth, until that executes, ends, or waits for another command
  unsigned long faults = 0;     ///< page faults of the program that needed no disk
  unsigned long peak_kib = 0;   ///< of the memory that was resident at a time
  unsigned long grown_kib = 0;  ///< of private memory that it has asked for: brk(2), and mmap(2) without a file
};

/// Runs it to its end, its output nowhere. What it leaves behind goes on untraced.
/// @throws oci::Error when it cannot be traced
Cost trace(const Command& command);

}  // namespace test
