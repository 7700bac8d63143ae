// SPDX-License-Identifier: Apache-2.0
// How the processes of a container are shown.
#pragma once
#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace oci::cli {

/// A JSON array of process ids, or null for none, with a newline.
std::string pids_text(const std::vector<pid_t>& pids);

/// The header of ps(1)'s output and those of its lines whose PID column is one of `pids`.
/// @throws Error when there is no such column
std::string matching_lines(std::string_view ps_output, const std::vector<pid_t>& pids);

/// Runs ps(1) and returns what it wrote to its standard output. @throws Error when it fails
std::string run_ps(std::vector<std::string> arguments);

}  // namespace oci::cli
