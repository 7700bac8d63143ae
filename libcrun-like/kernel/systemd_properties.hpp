// SPDX-License-Identifier: Apache-2.0
// What systemd is told of a unit (org.freedesktop.systemd1(5), "Scope Unit Objects"), as values with D-Bus types, and
// as the text in which the runtime hands them to its helper. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace oci {

/// The types that properties of units have. Each stands for one D-Bus signature: b, i, u, x, t, d, s, as, ay, a(ss),
/// a(st).
using PropertyValue =
    std::variant<bool, std::int32_t, std::uint32_t, std::int64_t, std::uint64_t, double, std::string,
                 std::vector<std::string>, std::vector<std::uint8_t>, std::vector<std::pair<std::string, std::string>>,
                 std::vector<std::pair<std::string, std::uint64_t>>>;

const char* signature_of(const PropertyValue& value) noexcept;

struct SystemdProperty {
  std::string name;
  PropertyValue value;
  /// Left out, with a note, where systemd is too old to know it: the kernel's file has the limit all the same.
  bool may_be_unknown = false;

  bool operator==(const SystemdProperty&) const = default;
};
using SystemdProperties = std::vector<SystemdProperty>;

/// What the helper shall do.
enum class SystemdVerb : std::uint8_t {
  start,  ///< StartTransientUnit, with the helper as the scope's first process
  stop,   ///< StopUnit and ResetFailedUnit
  set,    ///< SetUnitProperties, until the next boot
};

struct SystemdRequest {
  SystemdVerb verb = SystemdVerb::start;
  std::string bus;  ///< D-Bus address of a user's bus; empty: the system's
  std::string unit;
  std::int64_t patience_s = 0;  ///< for everything together
  SystemdProperties properties;

  bool operator==(const SystemdRequest&) const = default;
};

/// Lines of fields between tabs, ended by the line "end".
std::string encode(const SystemdRequest& request);
/// @throws Error when that is not what encode() writes
SystemdRequest decode_request(std::string_view text);

/// A text as one field of one line, and back.
std::string escape_field(std::string_view text);
std::string unescape_field(std::string_view field);

}  // namespace oci
