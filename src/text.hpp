// SPDX-License-Identifier: Apache-2.0
// Everything the executable says about itself, and tables. All texts end with a newline.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"

namespace oci::cli {

/// The name we were called by, without directories: an engine may know us as "runc".
std::string_view program() noexcept;

/// The help of `command`, or of the whole program when there is none.
std::string help_text(const Command* command);
std::string usage_text(const Command* command);

/// First line "NAME version X.Y.Z"; engines look for that word, so no other line may have it.
std::string version_text(std::string_view libseccomp_release);

/// Columns as wide as their widest cell and three blanks, and never narrower than twelve. Control characters, which a
/// bundle's name may have, are shown as escapes.
std::string columns(const std::vector<std::vector<std::string>>& rows);

}  // namespace oci::cli
