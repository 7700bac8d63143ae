// SPDX-License-Identifier: Apache-2.0
// The tables: every command and option there is. Help texts are made from them, the man pages are checked against them.
#pragma once
#include <span>
#include <string_view>

#include "options.hpp"

namespace oci::cli {

std::span<const Command> commands() noexcept;
const Command* find_command(std::string_view name) noexcept;

std::span<const Option> global_options() noexcept;

}  // namespace oci::cli
