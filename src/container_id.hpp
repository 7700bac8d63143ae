// SPDX-License-Identifier: Apache-2.0
// Bundles in the place of ids, and ids for them.
#pragma once
#include <string>
#include <string_view>

namespace oci::cli {

/// "bundle/", "./x", "." and "..": no id could look like that, so a bundle is meant.
bool is_bundle(std::string_view argument) noexcept;

/// An id for the bundle at this absolute path: what remains of its last component, and six random digits.
std::string make_id(std::string_view bundle);

}  // namespace oci::cli
