// SPDX-License-Identifier: Apache-2.0
// Names of containers. They become names of directories and cgroups, so little is allowed.
#pragma once
#include <string>
#include <string_view>

namespace oci::cli {

/// @throws Error unless `id` is made of [A-Za-z0-9_+.-], is neither "." nor "..", and fits a file name (NAME_MAX).
void check_id(std::string_view id);

/// "bundle/", "./x", "." and "..": no id could look like that, so a bundle is meant.
bool is_bundle(std::string_view argument) noexcept;

/// An id for the bundle at this absolute path: what remains of its last component, and six random digits.
std::string make_id(std::string_view bundle);

}  // namespace oci::cli
