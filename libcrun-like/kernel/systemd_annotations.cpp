// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "kernel/systemd_units.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

constexpr std::string_view prefix = "org.systemd.property.";

/// What an annotation may set: what concerns the scope itself. Others would start or stop other units, reboot the host
/// (FailureAction=), move other processes (PIDs=), load programs, or take back what the runtime decides (Slice=,
/// DevicePolicy=): CVE-2024-3154 was that. Sorted.
constexpr auto permitted = std::to_array<std::string_view>({
    "After",
    "AllowedCPUs",
    "AllowedMemoryNodes",
    "Before",
    "BlockIOAccounting",
    "BlockIOWeight",
    "CPUAccounting",
    "CPUQuotaPerSecUSec",
    "CPUQuotaPeriodUSec",
    "CPUShares",
    "CPUWeight",
    "CollectMode",
    "CoredumpReceive",
    "DefaultDependencies",
    "DefaultMemoryLow",
    "DefaultMemoryMin",
    "DefaultStartupMemoryLow",
    "Description",
    "Documentation",
    "FinalKillSignal",
    "IOAccounting",
    "IOWeight",
    "IPAccounting",
    "IgnoreOnIsolate",
    "JobRunningTimeoutUSec",
    "JobTimeoutUSec",
    "KillMode",
    "KillSignal",
    "ManagedOOMMemoryPressure",
    "ManagedOOMMemoryPressureDurationUSec",
    "ManagedOOMMemoryPressureLimit",
    "ManagedOOMPreference",
    "ManagedOOMSwap",
    "MemoryAccounting",
    "MemoryHigh",
    "MemoryLimit",
    "MemoryLow",
    "MemoryMax",
    "MemoryMin",
    "MemoryPressureThresholdUSec",
    "MemoryPressureWatch",
    "MemorySwapMax",
    "MemoryZSwapMax",
    "MemoryZSwapWriteback",
    "OOMPolicy",
    "RefuseManualStart",
    "RefuseManualStop",
    "RequiresMountsFor",
    "RestartKillSignal",
    "RuntimeMaxUSec",
    "RuntimeRandomizedExtraUSec",
    "SendSIGHUP",
    "SendSIGKILL",
    "SourcePath",
    "StartupAllowedCPUs",
    "StartupAllowedMemoryNodes",
    "StartupBlockIOWeight",
    "StartupCPUShares",
    "StartupCPUWeight",
    "StartupIOWeight",
    "StartupMemoryHigh",
    "StartupMemoryLow",
    "StartupMemoryMax",
    "StartupMemorySwapMax",
    "StartupMemoryZSwapMax",
    "StopWhenUnneeded",
    "SurviveFinalKillSignal",
    "TasksAccounting",
    "TasksMax",
    "TimeoutStopFailureMode",
    "TimeoutStopUSec",
    "WantsMountsFor",
    "WatchdogSignal",
    "WatchdogUSec",
});

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw Error("\"" + std::string(text) + "\": " + std::string(why), EINVAL);
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\n"), text.size()));
}

/// A quoted string at the front of `text`, which loses it.
std::string take_string(std::string_view& text) {
  const std::string_view whole = text;
  if (text.empty() || (text.front() != '\'' && text.front() != '"')) refuse(whole, "a string stands in quotes");
  const char quote = text.front();
  std::string result;
  std::size_t i = 1;
  for (; i < text.size() && text[i] != quote; ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    result += text[i];
  }
  if (i >= text.size()) refuse(whole, "the string has no end");
  text.remove_prefix(i + 1);
  return result;
}

std::vector<std::string> take_strings(std::string_view& text) {
  const std::string_view whole = text;
  std::vector<std::string> strings;
  text.remove_prefix(1);
  skip_blanks(text);
  while (!text.starts_with(']')) {
    strings.push_back(take_string(text));
    skip_blanks(text);
    if (text.starts_with(',')) {
      text.remove_prefix(1);
      skip_blanks(text);
    } else if (!text.starts_with(']')) {
      refuse(whole, "an array is ['…', '…']");
    }
  }
  text.remove_prefix(1);
  return strings;
}

template <class Number>
Number number(std::string_view text) {
  auto digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  Number value{};
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (code == std::errc::result_out_of_range) refuse(text, "the number is too large for its type");
  if (code != std::errc{} || end != digits.data() + digits.size()) refuse(text, "is no number of this type");
  return value;
}

PropertyValue typed(std::string_view type, std::string_view text) {
  if (type == "int32") return number<std::int32_t>(text);
  if (type == "uint32") return number<std::uint32_t>(text);
  if (type == "int64") return number<std::int64_t>(text);
  if (type == "uint64") return number<std::uint64_t>(text);
  if (type == "double") return number<double>(text);
  if (type == "boolean" && (text == "true" || text == "false")) return text == "true";
  refuse(type, "not a type that a unit's property may have here");
}

constexpr std::uint64_t usec_per_sec = 1'000'000;

std::uint64_t microseconds(double seconds) {
  if (!(seconds < 1e13)) throw Error("a time that long cannot be expressed", EINVAL);
  return static_cast<std::uint64_t>(seconds * static_cast<double>(usec_per_sec));
}

/// What would not fit is as good as for ever, which is the greatest number (USEC_INFINITY).
std::uint64_t microseconds(std::uint64_t seconds) noexcept {
  constexpr auto infinity = std::numeric_limits<std::uint64_t>::max();
  return seconds > infinity / usec_per_sec ? infinity : seconds * usec_per_sec;
}

/// Seconds as microseconds, whatever the number's type.
PropertyValue in_microseconds(const PropertyValue& seconds) {
  const auto convert = [](const auto& value) -> std::uint64_t {
    using Type = std::decay_t<decltype(value)>;
    using Wide = std::conditional_t<std::is_same_v<Type, double>, double, std::uint64_t>;
    if constexpr (std::is_arithmetic_v<Type> && !std::is_same_v<Type, bool>) {
      if (value < Type{0}) throw Error("a time is not negative", EINVAL);
      return microseconds(static_cast<Wide>(value));
    } else {
      throw Error("a time in seconds is a number", EINVAL);
    }
  };
  return std::visit(convert, seconds);
}

bool is_lower(char c) noexcept {
  return c >= 'a' && c <= 'z';
}

bool is_property_name(std::string_view name) noexcept {
  static constexpr std::size_t shortest = 3;
  return name.size() >= shortest &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); });
}

SystemdProperty annotated(std::string_view name, std::string_view text) {
  static constexpr std::string_view seconds = "Sec";
  if (!is_property_name(name)) throw Error("a property's name is made of letters, three at least", EINVAL);
  SystemdProperty property{std::string(name), parse_gvariant(text)};
  // Unit files say TimeoutStopSec=, D-Bus knows TimeoutStopUSec alone.
  const bool is_time = name.ends_with(seconds) && name.size() > seconds.size();
  if (is_time && is_lower(name[name.size() - seconds.size() - 1])) {
    property.name.replace(name.size() - seconds.size(), seconds.size(), "USec");
    property.value = in_microseconds(property.value);
  }
  if (std::find(permitted.begin(), permitted.end(), property.name) == permitted.end())
    throw Error("systemd property " + property.name +
                    " is not permitted: it does not concern the scope alone, or is "
                    "decided by the runtime",
                EPERM);
  return property;
}

}  // namespace

PropertyValue parse_gvariant(std::string_view text) {
  std::string_view rest = text;
  skip_blanks(rest);
  while (!rest.empty() && std::string_view(" \t\n").find(rest.back()) != std::string_view::npos) rest.remove_suffix(1);
  if (rest.empty()) refuse(text, "no value");
  if (rest == "true" || rest == "false") return rest == "true";
  if (rest.starts_with("@as ")) rest.remove_prefix(std::min(rest.find('['), rest.size()));
  if (rest.starts_with("string ")) rest.remove_prefix(std::min(rest.find_first_of("'\""), rest.size()));
  const auto end_of = [&](PropertyValue value) {
    if (!rest.empty()) refuse(text, "something stands behind the value");
    return value;
  };
  if (rest.starts_with('[')) return end_of(take_strings(rest));
  if (rest.starts_with('\'') || rest.starts_with('"')) return end_of(take_string(rest));
  if (const auto blank = rest.find(' '); blank != std::string_view::npos) {
    auto value = rest.substr(blank);
    skip_blanks(value);
    return typed(rest.substr(0, blank), value);
  }
  if (rest.find_first_of(".eE") != std::string_view::npos) return number<double>(rest);
  return number<std::int32_t>(rest);
}

SystemdProperties annotated_properties(const std::map<std::string, std::string>& annotations) {
  SystemdProperties properties;
  for (auto entry = annotations.lower_bound(std::string(prefix));
       entry != annotations.end() && entry->first.starts_with(prefix); ++entry)
    properties.push_back(
        at_path([&] { return "annotations." + entry->first; },
                [&] { return annotated(std::string_view(entry->first).substr(prefix.size()), entry->second); }));
  return properties;
}

}  // namespace oci
