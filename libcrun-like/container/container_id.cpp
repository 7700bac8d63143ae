// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <climits>

#include "oci/container.hpp"

namespace oci {

bool is_id_character(char c) noexcept {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (c >= '0' && c <= '9') || std::string_view("_+.-").find(c) != std::string_view::npos;
}

void check_id(std::string_view id) {
  if (id.empty()) throw Error("container id cannot be empty");
  if (id.size() > NAME_MAX)
    throw Error("invalid container ID format: more than " + std::to_string(NAME_MAX) + " characters");
  if (id == "." || id == ".." || !std::all_of(id.begin(), id.end(), is_id_character))
    throw Error("invalid container ID format: \"" + std::string(id) + "\" (letters, digits and _+.- are allowed)");
}

}  // namespace oci
