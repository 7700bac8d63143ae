// SPDX-License-Identifier: Apache-2.0
// Quantities with units, as Go's programs take them on their command lines.
#pragma once
#include <chrono>
#include <cstdint>
#include <string_view>

namespace oci::cli {

/// docker/go-units, RAMInBytes: "50M", "1.5g", "64 KiB", "4096". Units are powers of 1024, in any case, with or without
/// "b" or "ib". @throws Error
std::int64_t bytes(std::string_view text);

/// Go's time.ParseDuration: "1m30s", "100ms", ".5h", "0". @throws Error
std::chrono::nanoseconds duration(std::string_view text);

}  // namespace oci::cli
