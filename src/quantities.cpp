// SPDX-License-Identifier: Apache-2.0
#include "quantities.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>

#include "oci/error.hpp"

namespace oci::cli {
namespace {

constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

std::optional<std::uint64_t> sum(std::uint64_t a, std::uint64_t b) noexcept {
  if (b > largest || a > largest - b) return std::nullopt;
  return a + b;
}

/// Digits with at most one point in between.
struct Decimal {
  std::string_view whole;
  std::string_view fraction;

  bool empty() const noexcept { return whole.empty() && fraction.empty(); }

  /// So many units, rounded down; nothing when that is more than an int64_t holds. `unit` is below 2^60.
  std::optional<std::uint64_t> times(std::uint64_t unit) const noexcept {
    std::uint64_t number = 0;
    for (const char digit : whole) {
      if (number > largest / 10) return std::nullopt;
      number = number * 10 + static_cast<std::uint64_t>(digit - '0');
    }
    if (number > largest / unit) return std::nullopt;
    std::uint64_t part = 0;
    for (auto digit = fraction.rbegin(); digit != fraction.rend(); ++digit)
      part = (part + static_cast<std::uint64_t>(*digit - '0') * unit) / 10;
    return sum(number * unit, part);
  }
};

std::string_view take_digits(std::string_view& text) noexcept {
  const auto digits = text.substr(0, std::min(text.find_first_not_of("0123456789"), text.size()));
  text.remove_prefix(digits.size());
  return digits;
}

Decimal take_decimal(std::string_view& text) noexcept {
  Decimal decimal;
  decimal.whole = take_digits(text);
  if (!text.starts_with('.')) return decimal;
  text.remove_prefix(1);
  decimal.fraction = take_digits(text);
  return decimal;
}

std::optional<std::uint64_t> byte_unit(std::string_view name) {
  static constexpr std::string_view prefixes = "kmgtp";
  std::string unit(name);
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (unit.empty() || unit == "b") return 1;
  const auto power = prefixes.find(unit.front());
  const auto rest = unit.substr(1);
  if (power == std::string_view::npos || (!rest.empty() && rest != "b" && rest != "ib")) return std::nullopt;
  static constexpr unsigned bits = 10;
  return std::uint64_t{1} << (bits * (power + 1));
}

struct TimeUnit {
  std::string_view name;
  std::uint64_t nanoseconds;
};

/// The longest name that `text` starts with: "ms" is no "m". Takes it off.
std::optional<std::uint64_t> take_time_unit(std::string_view& text) noexcept {
  static constexpr std::array<TimeUnit, 8> units{{{"ns", 1},
                                                  {"us", 1'000},
                                                  {"\u00B5s", 1'000},
                                                  {"\u03BCs", 1'000},
                                                  {"ms", 1'000'000},
                                                  {"s", 1'000'000'000},
                                                  {"m", 60'000'000'000},
                                                  {"h", 3'600'000'000'000}}};
  for (const auto& [name, nanoseconds] : units) {
    if (!text.starts_with(name)) continue;
    text.remove_prefix(name.size());
    return nanoseconds;
  }
  return std::nullopt;
}

}  // namespace

std::int64_t bytes(std::string_view text) {
  auto rest = text;
  const auto number = take_decimal(rest);
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  const auto unit = byte_unit(rest);
  if (number.whole.empty() || !unit) throw Error("expected -1 or a number of bytes like 4096, 50M or 1.5GiB");
  const auto size = number.times(*unit);
  if (!size) throw Error("this is more than 9223372036854775807 bytes");
  return static_cast<std::int64_t>(*size);
}

std::chrono::nanoseconds duration(std::string_view text) {
  auto rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return {};
  std::uint64_t total = 0;
  bool known = !rest.empty();
  while (known && !rest.empty()) {
    const auto number = take_decimal(rest);
    const auto unit = take_time_unit(rest);
    known = !number.empty() && unit;
    if (!known) break;
    const auto part = number.times(*unit);
    const auto more = part ? sum(total, *part) : std::nullopt;
    if (!more) throw Error("this is longer than 292 years");
    total = *more;
  }
  if (!known) throw Error("expected a duration like 5s, 100ms or 1m30s");
  return std::chrono::nanoseconds(negative ? -static_cast<std::int64_t>(total) : static_cast<std::int64_t>(total));
}

}  // namespace oci::cli
