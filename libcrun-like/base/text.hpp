// SPDX-License-Identifier: Apache-2.0
// Reading text part by part.
#pragma once
#include <string_view>

namespace oci {

/// Takes the part before the first `separator` off the front of `text`, and the separator with it; without one, all of
/// it.
std::string_view cut(std::string_view& text, std::string_view separator) noexcept;

/// Whether `wanted` is one of the parts between separators.
bool has_part(std::string_view text, std::string_view separator, std::string_view wanted) noexcept;

}  // namespace oci
