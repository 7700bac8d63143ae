// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "oci/error.hpp"

namespace oci {

/// An Error about one member of config.json: "mounts[2].options: …" once at_path() has put the rest of the path in
/// front.
inline Error field_error(std::string_view field, std::string message) {
  Error error(std::move(message));
  error.at(field);
  return error;
}

}  // namespace oci
