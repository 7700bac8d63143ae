// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

namespace oci {

std::string_view cut(std::string_view& text, std::string_view separator) noexcept {
  const auto end = text.find(separator);
  const auto part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + separator.size());
  return part;
}

bool has_part(std::string_view text, std::string_view separator, std::string_view wanted) noexcept {
  while (!text.empty())
    if (cut(text, separator) == wanted) return true;
  return false;
}

}  // namespace oci
