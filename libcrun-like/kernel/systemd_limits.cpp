// SPDX-License-Identifier: Apache-2.0
#include "kernel/systemd_limits.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "base/text.hpp"
#include "kernel/device_filter.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

constexpr std::uint64_t infinity = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t usec_per_sec = 1'000'000;
constexpr std::uint64_t quota_step = 10'000;  ///< systemd.resource-control(5), CPUQuota=: whole percents

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw Error("\"" + std::string(text) + "\" " + std::string(why), EINVAL);
}

std::uint64_t number(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size()) refuse(text, "is neither a number nor \"max\"");
  return value;
}

std::uint64_t amount(std::string_view text) {
  return text.starts_with("max") ? infinity : number(text);
}

/// cgroup-v2.rst: files of memory take suffixes as memparse() does.
std::uint64_t bytes(std::string_view text) {
  static constexpr std::string_view units = "KMGTPE";
  static constexpr unsigned bits_per_unit = 10;
  if (text.starts_with("max") || text.empty()) return amount(text);
  const auto unit = units.find(static_cast<char>(text.back() & ~0x20));
  if (unit == std::string_view::npos) return number(text);
  text.remove_suffix(1);
  return number(text) << (bits_per_unit * (static_cast<unsigned>(unit) + 1));
}

std::uint64_t quota_per_second(std::uint64_t quota, std::uint64_t period) {
  const std::uint64_t exact = quota * usec_per_sec / period;
  return (exact + quota_step - 1) / quota_step * quota_step;
}

/// systemd's weights are io.weight's, 1 to 10000, 100 in the middle of both halves; it writes io.bfq.weight, 1 to 1000,
/// on that scale, and this is the way back.
std::uint64_t weight_for_bfq(std::uint64_t weight) noexcept {
  static constexpr std::uint64_t middle = 100;
  static constexpr std::uint64_t ratio = (10'000 - middle) / (1000 - middle);
  return weight <= middle ? weight : middle + (weight - middle) * ratio;
}

/// Turns one write after the other into properties. A later one for the same property wins, as it does in the files.
class Translation {
 public:
  explicit Translation(IoScheduler scheduler) : scheduler_(scheduler) {}

  void translate(const CgroupWrite& write) {
    const std::string& file = write.file;
    if (const auto* const simple = find_simple(file)) return set(simple->property, simple->value(write.value));
    if (file == "cpu.max") return translate_quota(write.value);
    if (file == "cpu.idle" && number(write.value) == 1) return set("CPUWeight", std::uint64_t{0});
    if (file == "cpuset.cpus") return set("AllowedCPUs", number_mask(write.value));
    if (file == "cpuset.mems") return set("AllowedMemoryNodes", number_mask(write.value));
    if (file == "io.bfq.weight" || file == "io.weight") return translate_weight(write);
    if (file == "io.max") return translate_rates(write.value);
    if (file == "memory.oom.group")
      return set("OOMPolicy", std::string(number(write.value) == 0 ? "continue" : "kill"));
  }

  SystemdProperties take() { return std::move(properties_); }

 private:
  struct Simple {
    std::string_view file;
    const char* property;
    std::uint64_t (*value)(std::string_view);
  };

  static const Simple* find_simple(std::string_view file) noexcept {
    static constexpr std::array table{Simple{"memory.max", "MemoryMax", bytes},
                                      Simple{"memory.high", "MemoryHigh", bytes},
                                      Simple{"memory.low", "MemoryLow", bytes},
                                      Simple{"memory.min", "MemoryMin", bytes},
                                      Simple{"memory.swap.max", "MemorySwapMax", bytes},
                                      Simple{"memory.zswap.max", "MemoryZSwapMax", bytes},
                                      Simple{"pids.max", "TasksMax", amount},
                                      Simple{"cpu.weight", "CPUWeight", number}};
    const auto* const found =
        std::find_if(table.begin(), table.end(), [&](const Simple& row) { return row.file == file; });
    return found == table.end() ? nullptr : found;
  }

  void set(const std::string& name, PropertyValue value) {
    const auto old = std::find_if(properties_.begin(), properties_.end(),
                                  [&](const SystemdProperty& property) { return property.name == name; });
    if (old != properties_.end())
      old->value = std::move(value);
    else
      properties_.push_back({name, std::move(value), true});
  }

  /// Properties that list devices are set one device at a time.
  void add_device(const std::string& name, std::string_view device, std::uint64_t value) {
    properties_.push_back(
        {name, std::vector<std::pair<std::string, std::uint64_t>>{{"/dev/block/" + std::string(device), value}}, true});
  }

  void translate_quota(std::string_view text) {
    static constexpr std::uint64_t default_period = 100'000;
    const auto quota = cut(text, " ");
    const std::uint64_t period = text.empty() ? default_period : number(text);
    if (period == 0) refuse("0", "is no period");
    set("CPUQuotaPeriodUSec", period);
    set("CPUQuotaPerSecUSec", quota == "max" ? infinity : quota_per_second(number(quota), period));
  }

  void translate_weight(const CgroupWrite& write) {
    const bool for_other = scheduler_ == IoScheduler::other && !write.instead_file.empty();
    std::string_view text = for_other ? write.instead_value : write.value;
    const bool bfq = !for_other && write.file == "io.bfq.weight";
    const auto device = text.find(' ') == std::string_view::npos ? std::string_view() : cut(text, " ");
    const auto weight = bfq ? weight_for_bfq(number(text)) : number(text);
    if (device.empty() || device == "default") return set("IOWeight", weight);
    add_device("IODeviceWeight", device, weight);
  }

  void translate_rates(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, const char*>, 4> rates{{{"rbps", "IOReadBandwidthMax"},
                                                                                    {"wbps", "IOWriteBandwidthMax"},
                                                                                    {"riops", "IOReadIOPSMax"},
                                                                                    {"wiops", "IOWriteIOPSMax"}}};
    const auto device = cut(text, " ");
    while (!text.empty()) {
      auto setting = cut(text, " ");
      const auto key = cut(setting, "=");
      for (const auto& [name, property] : rates)
        if (name == key) add_device(property, device, amount(setting));
    }
  }

  IoScheduler scheduler_;
  SystemdProperties properties_;
};

/// systemd.resource-control(5), DeviceAllow=. Nothing when it has no words for the rule.
std::optional<std::string> device_specifier(const DeviceRule& rule) {
  const auto wild = [](const std::optional<std::int64_t>& number) { return !number || *number == -1; };
  const std::string kind = rule.type == "b" ? "block" : "char";
  if (wild(rule.major)) return wild(rule.minor) ? std::optional(kind + "-*") : std::nullopt;
  if (wild(rule.minor)) return kind + "-" + std::to_string(*rule.major);
  return "/dev/" + kind + "/" + std::to_string(*rule.major) + ":" + std::to_string(*rule.minor);
}

using Allowed = std::vector<std::pair<std::string, std::string>>;

/// Nothing when systemd cannot say it.
std::optional<Allowed> allowed_devices(const DeviceDecisions& decisions) {
  if (decisions.otherwise) return std::nullopt;
  Allowed allowed;
  for (const auto& rule : decisions.rules) {
    const bool both = rule.type.empty() || rule.type == "a";
    for (const char* type : both ? std::vector{"b", "c"} : std::vector{rule.type.c_str()}) {
      DeviceRule one = rule;
      one.type = type;
      auto specifier = device_specifier(one);
      if (!rule.allow || !specifier) return std::nullopt;
      allowed.emplace_back(std::move(*specifier), rule.access);
    }
  }
  return allowed;
}

}  // namespace

std::vector<std::uint8_t> number_mask(std::string_view list) {
  static constexpr std::uint64_t highest = 8191;  // NR_CPUS has never been more
  static constexpr std::uint64_t bits = 8;
  std::vector<std::uint8_t> mask;
  const std::string_view whole = list;
  while (!list.empty()) {
    auto range = cut(list, ",");
    if (range.find_first_not_of(" \n") == std::string_view::npos) continue;
    const bool is_single = range.find('-') == std::string_view::npos;
    const auto first = number(cut(range, "-"));
    const auto last = is_single ? first : number(range);
    if (last < first || last > highest) refuse(whole, "is no list of numbers like 0-3,8");
    if (mask.size() <= last / bits) mask.resize(last / bits + 1);
    for (auto i = first; i <= last; ++i)
      mask[i / bits] = static_cast<std::uint8_t>(mask[i / bits] | (1U << (i % bits)));
  }
  return mask;
}

SystemdProperties limit_properties(const CgroupLimits& limits, IoScheduler scheduler) {
  Translation translation(scheduler);
  for (const auto& write : limits.writes) at_path([&] { return write.field; }, [&] { translation.translate(write); });
  return translation.take();
}

Resources with_systemd_quota(Resources resources) {
  static constexpr std::uint64_t default_period = 100'000;
  if (!resources.cpu || resources.cpu->quota.value_or(0) <= 0) return resources;
  auto& quota = *resources.cpu->quota;
  auto period = resources.cpu->period.value_or(0);
  if (period == 0) period = default_period;
  const auto exact = static_cast<std::uint64_t>(quota);
  if (exact > infinity / usec_per_sec) return resources;  // the kernel refuses it
  if (exact * usec_per_sec % (quota_step * period) != 0)
    quota = static_cast<std::int64_t>(quota_per_second(exact, period) * period / usec_per_sec);
  return resources;
}

SystemdProperties device_properties(const std::vector<DeviceRule>& rules) {
  const auto allowed = allowed_devices(device_decisions(rules));
  // The empty list first takes away what the unit had. A policy behind the list would for a moment, and after a
  // daemon-reload in between for longer, stand without it.
  SystemdProperties properties{{"DevicePolicy", std::string(allowed ? "strict" : "auto")}, {"DeviceAllow", Allowed{}}};
  if (allowed && !allowed->empty()) properties.push_back({"DeviceAllow", *allowed});
  return properties;
}

}  // namespace oci
