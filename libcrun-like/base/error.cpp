// SPDX-License-Identifier: Apache-2.0
#include "oci/error.hpp"

#include <cstring>

namespace oci {

Error Error::system(std::string_view attempt, int code) {
  // strerrordesc_np never looks at the locale, so it is safe in the container's process and the same for every caller.
  const char* reason = ::strerrordesc_np(code);
  return Error(std::string(attempt) + ": " + (reason ? reason : "unknown error " + std::to_string(code)), code);
}

Error Error::in_field(std::string_view field, std::string message, int code) {
  Error error(std::move(message), code);
  error.at(field);
  return error;
}

void Error::within(std::string_view frame) {
  message_.insert(0, std::string(frame) + ": ");
  in_path_ = false;
}

void Error::at(std::string_view segment) {
  const std::string_view separator = !in_path_ ? ": " : message_.front() == '[' ? "" : ".";
  message_.insert(0, std::string(segment).append(separator));
  in_path_ = true;
}

}  // namespace oci
