// SPDX-License-Identifier: Apache-2.0
// The list format of cpuset(7), in which config.json names CPUs and memory nodes.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace oci {

/// Bit n of word n / 64 stands for number n; as many words as the largest number needs, none for an empty list.
using BitMask = std::vector<std::uint64_t>;

/// "0-3,7". @throws Error saying what is wrong with the list, which it quotes
BitMask parse_number_list(std::string_view text);

/// How many numbers are in it.
unsigned count(const BitMask& mask) noexcept;

/// "0-3,7" again, for people.
std::string number_list(const BitMask& mask);

}  // namespace oci
