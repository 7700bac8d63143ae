// SPDX-License-Identifier: Apache-2.0
// How states of containers are shown: by state, and by list.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "oci/container.hpp"
#include "options.hpp"

namespace oci::cli {

/// runtime.md, "State", indented by two blanks and without a newline, as runc prints it.
std::string state_text(const State& state);

/// The answer of list: only what can be decoded by engines in JSON, everything in the table and among the ids.
std::string list_text(const std::vector<State>& states, std::string_view format, bool ids_only);

/// @throws Error unless `format` is "table", "json" or empty, which means a table
bool wants_json(std::string_view format);

}  // namespace oci::cli
