// SPDX-License-Identifier: Apache-2.0
#include "spec/number_list.hpp"

#include <bit>
#include <charconv>

#include "oci/error.hpp"

namespace oci {
namespace {

constexpr unsigned bits_per_word = 64;
/// Far above NR_CPUS and MAX_NUMNODES of any kernel; a mask of it is a page or two.
constexpr unsigned largest = 65535;

[[noreturn]] void reject(std::string_view list, const std::string& why) {
  throw Error("\"" + std::string(list) + R"(" is not a list of numbers such as "0-3,7": )" + why);
}

/// Takes a number off the front of `rest`, which is a part of `list`.
unsigned take_number(std::string_view list, std::string_view& rest) {
  unsigned number = 0;
  const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (code == std::errc::invalid_argument)
    reject(list, rest.empty() ? "a number is missing at its end" : "\"" + std::string(rest) + "\" is no number");
  if (code != std::errc{} || number > largest) reject(list, "a number is above " + std::to_string(largest));
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return number;
}

bool take(std::string_view& rest, char c) {
  if (rest.empty() || rest.front() != c) return false;
  rest.remove_prefix(1);
  return true;
}

void set_bits(BitMask& mask, unsigned first, unsigned last) {
  if (mask.size() <= last / bits_per_word) mask.resize(last / bits_per_word + 1);
  for (unsigned n = first; n <= last; ++n) mask[n / bits_per_word] |= std::uint64_t{1} << n % bits_per_word;
}

bool contains(const BitMask& mask, std::size_t n) {
  return n / bits_per_word < mask.size() && (mask[n / bits_per_word] >> n % bits_per_word & 1U) != 0;
}

}  // namespace

BitMask parse_number_list(std::string_view text) {
  BitMask mask;
  if (text.empty()) return mask;
  auto rest = text;
  do {
    const auto first = take_number(text, rest);
    const auto last = take(rest, '-') ? take_number(text, rest) : first;
    if (last < first) reject(text, std::to_string(first) + "-" + std::to_string(last) + " runs backwards");
    set_bits(mask, first, last);
  } while (take(rest, ','));
  if (!rest.empty()) reject(text, "\"" + std::string(rest) + "\" is neither a range nor the next number");
  return mask;
}

unsigned count(const BitMask& mask) noexcept {
  unsigned bits = 0;
  for (const auto word : mask) bits += static_cast<unsigned>(std::popcount(word));
  return bits;
}

std::string number_list(const BitMask& mask) {
  std::string text;
  const auto end = mask.size() * bits_per_word;
  for (std::size_t first = 0; first < end; ++first) {
    if (!contains(mask, first)) continue;
    auto last = first;
    while (contains(mask, last + 1)) ++last;
    text.append(text.empty() ? "" : ",").append(std::to_string(first));
    if (last != first) text.append("-").append(std::to_string(last));
    first = last;
  }
  return text;
}

}  // namespace oci
