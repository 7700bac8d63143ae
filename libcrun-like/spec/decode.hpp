// SPDX-License-Identifier: Apache-2.0
// From JSON text to the structs of oci/spec.hpp.
#pragma once
#include <string_view>

#include "base/json.hpp"
#include "oci/spec.hpp"

namespace oci {

/// More than this is not a config.json but an attack on the runtime's memory.
inline constexpr std::size_t largest_config = std::size_t{64} << 20U;

/// @throws Error that starts with "line 3, column 7: " (not JSON) or with the path of the member, "mounts[0].source: ".
Spec decode_spec(std::string_view text);
Process decode_process(std::string_view text);
Resources decode_resources(std::string_view text);
std::vector<Mount> decode_mounts(std::string_view text);
Hooks decode_hooks(const json::Value& value);

}  // namespace oci
