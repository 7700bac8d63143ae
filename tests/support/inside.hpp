// SPDX-License-Identifier: Apache-2.0
// The program in the rootfs of tests: what its files share.
#pragma once
#include <span>

namespace inside {

using Words = char**;

struct Command {
  const char* name;
  int words;  ///< how many it needs
  int (*run)(Words);
};

std::span<const Command> commands_about_files();
std::span<const Command> commands_about_the_process();
std::span<const Command> commands_that_act();
std::span<const Command> commands_that_hunt();

/// Says what failed, and the name of errno. The status for it.
int failed(const char* what);
long number(const char* text);
/// A file, onto standard output.
int copy_out(const char* path);

}  // namespace inside
