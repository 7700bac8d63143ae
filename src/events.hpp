// SPDX-License-Identifier: Apache-2.0
// What `events` prints: one JSON object a line. Names, order, and what is left out when it is 0 are runc's
// (types/events.go), which go-runc and its users decode.
#pragma once
#include <string>
#include <string_view>

#include "oci/statistics.hpp"

namespace oci::cli {

std::string stats_event(std::string_view id, const Statistics& statistics);
std::string oom_event(std::string_view id);

}  // namespace oci::cli
