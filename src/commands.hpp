// SPDX-License-Identifier: Apache-2.0
// What each command does: little more than to hand the options to the library and to print what it answers.
#pragma once
#include "options.hpp"

namespace oci::cli {

/// Carries out a call that parse() accepted. Returns the exit status. @throws Error
int perform(const CommandLine& line);

/// Ends the process. Nothing is buffered and nothing registered with atexit(3): what exit(3) would touch on its way is
/// touched for nothing.
[[noreturn]] void leave(int status);

/// Where log messages of this call go. @throws Error for a format, level or target that is not known
void open_log(const Globals& globals);

/// Writes to standard output.
void print(std::string_view text);

}  // namespace oci::cli
