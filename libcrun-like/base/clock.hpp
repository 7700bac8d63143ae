// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

namespace oci {

enum class Precision : bool { seconds, nanoseconds };

/// Now, in UTC, as RFC 3339 writes it: "2026-11-23T01:19:48Z", "2026-11-23T01:19:48.123456789Z".
std::string now_rfc3339(Precision precision);

}  // namespace oci
