// SPDX-License-Identifier: Apache-2.0
// What is remembered of a container, as others are told of it: state.json, and the state that hooks and agents get.
#pragma once
#include <string>

#include "container/state.hpp"
#include "plan/hooks.hpp"

namespace oci {

std::string encode(const Record& record);
/// @throws Error with the path of the member at fault
Record decode_record(std::string_view text);

/// config.json as it was at create.
Spec remembered_spec(const StateDirectory& directory);

/// runtime.md, "State", but for the pid.
StateTemplate state_of(const Record& record, std::string status);

}  // namespace oci
