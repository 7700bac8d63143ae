// SPDX-License-Identifier: Apache-2.0
#include "kernel/ignored_signals.hpp"

#include <array>
#include <charconv>
#include <string_view>

#include "base/syscalls.hpp"

namespace oci {

std::uint64_t ignored_signals() {
  static constexpr std::uint64_t every_one = ~std::uint64_t{0};
  static constexpr std::string_view key = "\nSigIgn:\t";
  const auto [file, code] = sys::try_openat(working_directory, "/proc/self/status", O_RDONLY);
  if (code != 0) return every_one;
  std::array<char, 4096> text;  // NOLINT(cppcoreguidelines-pro-type-member-init): the kernel fills what is used; with
                                // thousands of groups the line comes later than that
  const auto size = ::read(file.get(), text.data(), text.size());
  const std::string_view seen(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  const auto at = seen.find(key);
  if (at == seen.npos) return every_one;
  std::uint64_t ignored = 0;
  const auto* first = seen.data() + at + key.size();
  const auto [end, failure] = std::from_chars(first, seen.data() + seen.size(), ignored, 16);
  return failure == std::errc{} && end != seen.data() + seen.size() ? ignored : every_one;
}

}  // namespace oci
