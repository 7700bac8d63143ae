// SPDX-License-Identifier: Apache-2.0
// state.json as text.
#pragma once
#include <string>

#include "container/state.hpp"

namespace oci {

std::string encode(const Record& record);
/// @throws Error with the path of the member at fault
Record decode_record(std::string text);

}  // namespace oci
