// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup_limits.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "base/text.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

using Writes = std::vector<CgroupWrite>;

[[noreturn]] void refuse(std::string_view field, const std::string& why) {
  throw Error::in_field(field, why, EINVAL);
}

/// "max" for -1, digits for anything else. 0 is the caller's business.
std::string amount(std::int64_t value, std::string_view field) {
  if (value < -1) refuse(field, std::to_string(value) + " is neither an amount nor -1 (no limit)");
  return value == -1 ? "max" : std::to_string(value);
}

/// No limit was asked for, so where the controller is missing nothing is either.
bool is_no_limit(std::string_view value) noexcept {
  return value == "max" || value.starts_with("max ");
}

void add(Writes& writes, std::string file, std::string value, std::string field) {
  const bool no_limit = is_no_limit(value);
  writes.push_back(
      {.file = std::move(file), .value = std::move(value), .field = std::move(field), .may_be_missing = no_limit});
}

/// memory.swap counts memory and swap together, memory.swap.max the swap alone. Empty: leave it.
std::string swap_amount(std::int64_t limit, std::int64_t swap) {
  static constexpr std::string_view field = "memory.swap";
  if (limit == -1 && swap == 0) return "max";  // cgroup v1 lifted both together, and callers rely on it
  if (swap == 0) return {};
  if (swap == -1 || limit == -1) return amount(swap, field);
  if (swap < -1) return amount(swap, field);
  if (limit == 0)
    refuse(field, "memory and swap together are limited to " + std::to_string(swap) +
                      ", but without memory.limit there is no telling how much of that is swap");
  if (swap < limit)
    refuse(field,
           std::to_string(swap) + " bytes of memory and swap are less than memory.limit, " + std::to_string(limit));
  return std::to_string(swap - limit);
}

void add_memory(Writes& writes, const MemoryLimits& memory) {
  static constexpr std::uint64_t most_swappiness = 100;  // config-linux.md, "Memory"
  if (const auto swappiness = memory.swappiness.value_or(0); swappiness > most_swappiness)
    refuse("memory.swappiness", std::to_string(swappiness) + " is not in 0..100");
  const auto limit = memory.limit.value_or(0);
  if (const auto swap = swap_amount(limit, memory.swap.value_or(0)); !swap.empty()) {
    add(writes, "memory.swap.max", swap, "memory.swap");
    // A kernel that does not account swap has no such file, and a container that may use none needs none.
    writes.back().may_be_missing |= swap == "0";
  }
  if (limit != 0) add(writes, "memory.max", amount(limit, "memory.limit"), "memory.limit");
  if (const auto low = memory.reservation.value_or(0); low != 0)
    add(writes, "memory.low", amount(low, "memory.reservation"), "memory.reservation");
}

void add_cpu(Writes& writes, const CpuLimits& cpu) {
  static constexpr std::uint64_t default_period = 100'000;  // cgroup-v2.rst, cpu.max
  const auto idle = cpu.idle.value_or(0);
  if (idle != 0 && idle != 1) refuse("cpu.idle", std::to_string(idle) + " is neither 0 nor 1");
  if (cpu.idle) add(writes, "cpu.idle", std::to_string(idle), "cpu.idle");
  // The kernel refuses a weight for an idle cgroup (EINVAL): it has the lowest there is.
  if (const auto shares = cpu.shares.value_or(0); shares != 0 && idle == 0)
    add(writes, "cpu.weight", std::to_string(cpu_weight(shares)), "cpu.shares");

  const auto quota = cpu.quota.value_or(0);
  const auto period = cpu.period.value_or(0);
  const bool has_quota = quota != 0 || period != 0;
  if (cpu.burst) {
    // The kernel wants burst <= quota at every moment: a lower burst must go first, a higher one after the quota.
    add(writes, "cpu.max.burst", std::to_string(*cpu.burst), "cpu.burst");
    writes.back().after_next = has_quota;
  }
  if (has_quota)
    add(writes, "cpu.max",
        (quota > 0 ? std::to_string(quota) : "max") + " " + std::to_string(period != 0 ? period : default_period),
        cpu.quota ? "cpu.quota" : "cpu.period");
}

/// What bitmap_parselist() in the kernel reads: ranges, ranges with a stride ("0-7:2/4"), N for the last, "all".
void check_list(const std::string& list, std::string_view field) {
  if (list.find_first_not_of("0123456789,-:/ \t\nNal") != list.npos)
    refuse(field, "\"" + list + "\" is not a list of numbers as in cpuset(7)");
}

void add_cpuset(Writes& writes, const CpuLimits& cpu) {
  check_list(cpu.cpus, "cpu.cpus");
  check_list(cpu.mems, "cpu.mems");
  if (!cpu.cpus.empty()) add(writes, "cpuset.cpus", cpu.cpus, "cpu.cpus");
  if (!cpu.mems.empty()) add(writes, "cpuset.mems", cpu.mems, "cpu.mems");
}

std::string indexed(std::string_view list, std::size_t index) {
  return std::string(list).append("[").append(std::to_string(index)).append("]");
}

std::string device_number(std::int64_t major, std::int64_t minor, const std::string& field) {
  if (major < 0 || minor < 0) refuse(field, "a device's numbers are not negative");
  return std::to_string(major) + ":" + std::to_string(minor);
}

/// BFQ's weights are those of cgroup v1, 10 to 1000; io.weight goes from 1 to 10000.
std::uint64_t io_weight(std::uint16_t weight, const std::string& field) {
  if (weight < 10 || weight > 1000) refuse(field, std::to_string(weight) + " is not between 10 and 1000");
  return 1 + (weight - std::uint64_t{10}) * 9999 / 990;
}

void add_io_weights(Writes& writes, const BlockIoLimits& io) {
  const auto add_weight = [&](const std::string& prefix, std::uint16_t weight, const std::string& field) {
    add(writes, "io.bfq.weight", prefix + std::to_string(weight), field);
    writes.back().instead_file = "io.weight";
    writes.back().instead_value = prefix + std::to_string(io_weight(weight, field));
  };
  if (const auto weight = io.weight.value_or(0); weight != 0) add_weight("", weight, "blockIO.weight");
  for (std::size_t i = 0; i < io.weight_device.size(); ++i) {
    const auto& entry = io.weight_device[i];
    const std::string field = indexed("blockIO.weightDevice", i);
    if (const auto weight = entry.weight.value_or(0); weight != 0)
      add_weight(device_number(entry.major, entry.minor, field) + " ", weight, field);
  }
}

void add_io(Writes& writes, const BlockIoLimits& io) {
  struct Throttle {
    const std::vector<ThrottleDevice>& devices;
    std::string_view key;
    std::string_view field;
  };
  const std::array throttles{Throttle{io.throttle_read_bps, "rbps", "blockIO.throttleReadBpsDevice"},
                             Throttle{io.throttle_write_bps, "wbps", "blockIO.throttleWriteBpsDevice"},
                             Throttle{io.throttle_read_iops, "riops", "blockIO.throttleReadIOPSDevice"},
                             Throttle{io.throttle_write_iops, "wiops", "blockIO.throttleWriteIOPSDevice"}};
  add_io_weights(writes, io);
  for (const auto& [devices, key, list] : throttles) {
    for (std::size_t i = 0; i < devices.size(); ++i) {
      const std::string field = indexed(list, i);
      // On cgroup v1 a rate of 0 lifts the limit; io.max refuses it and has "max" for that.
      const std::string rate = devices[i].rate == 0 ? "max" : std::to_string(devices[i].rate);
      add(writes, "io.max",
          device_number(devices[i].major, devices[i].minor, field).append(" ").append(key).append("=").append(rate),
          field);
    }
  }
}

/// config-linux.md, "Huge page limits": pageSize is a number and KB, MB or GB. It becomes part of a file's name.
bool is_page_size(std::string_view size) noexcept {
  const auto digits = std::min(size.find_first_not_of("0123456789"), size.size());
  const auto unit = size.substr(digits);
  return digits > 0 && (unit == "KB" || unit == "MB" || unit == "GB");
}

void add_huge_pages(Writes& writes, const std::vector<HugepageLimit>& limits) {
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const std::string field = indexed("hugepageLimits", i);
    const auto& [size, limit] = limits[i];
    if (!is_page_size(size)) refuse(field + ".pageSize", "\"" + size + "\" is not a size like 2MB or 1GB");
    add(writes, "hugetlb." + size + ".max", std::to_string(limit), field + ".limit");
    // Reservations are what an application sees fail (mmap instead of SIGBUS); Linux before 5.7 cannot limit them.
    add(writes, "hugetlb." + size + ".rsvd.max", std::to_string(limit), field + ".limit");
    writes.back().may_be_missing = true;
  }
}

void add_rdma(Writes& writes, const std::map<std::string, RdmaLimit>& limits) {
  for (const auto& [device, limit] : limits) {
    const std::string field = "rdma." + device;
    if (device.empty() || device.find_first_of(std::string_view(" \t\n\0", 4)) != std::string::npos)
      refuse(field, "this is no device's name");
    std::string value = device;
    if (limit.hca_handles) value += " hca_handle=" + std::to_string(*limit.hca_handles);
    if (limit.hca_objects) value += " hca_object=" + std::to_string(*limit.hca_objects);
    if (limit.hca_handles || limit.hca_objects) add(writes, "rdma.max", value, field);
  }
}

void check_unified_name(const std::string& name, const std::string& field) {
  // These would move, stop or end processes while we start one.
  static constexpr std::array<std::string_view, 5> no_limits{"cgroup.procs", "cgroup.threads", "cgroup.freeze",
                                                             "cgroup.kill", "cgroup.type"};
  if (name.find('/') != std::string::npos)
    refuse(field, "unified resource \"" + name + "\" must be a file name (no slashes)");
  const auto dot = name.find('.');
  if (dot == 0 || dot == std::string::npos || name.find('\0') != std::string::npos)
    refuse(field, "unified resource \"" + name + "\" must be in the form CONTROLLER.PARAMETER");
  if (std::find(no_limits.begin(), no_limits.end(), name) != no_limits.end())
    refuse(field, "unified resource \"" + name + "\" is no limit");
}

/// One write per line: the kernel takes one setting at a time.
void add_unified(Writes& writes, const std::map<std::string, std::string>& unified) {
  for (const auto& [name, text] : unified) {
    const std::string field = "unified." + name;
    check_unified_name(name, field);
    for (std::string_view rest = text; !rest.empty();) {
      const auto line = cut(rest, "\n");
      if (!line.empty()) add(writes, name, std::string(line), field);
      if (!line.empty()) writes.back().may_be_missing = false;  // this very file was asked for
    }
  }
}

/// What cgroup v1 could and v2 cannot do. runtime-spec wants an error where a value cannot be honoured; runc starts
/// such containers, and engines send these fields without regard to the host, so each is a warning. The values that
/// mean "not used" stay silent.
std::vector<std::string> without_meaning(const Resources& resources) {
  std::vector<std::string> ignored;
  const auto note = [&](bool given, std::string_view field, std::string_view why) {
    if (given) ignored.push_back(std::string(field).append(" is ignored: ").append(why));
  };
  if (const auto& memory = resources.memory) {
    note(memory->kernel.value_or(0) > 0, "memory.kernel", "cgroup v2 counts kernel memory in memory.limit");
    note(memory->kernel_tcp.value_or(0) > 0, "memory.kernelTCP", "cgroup v2 counts socket buffers in memory.limit");
    note(memory->swappiness.has_value(), "memory.swappiness", "cgroup v2 has no swappiness of its own for a cgroup");
    note(memory->disable_oom_killer, "memory.disableOOMKiller", "cgroup v2 cannot disable the OOM killer");
  }
  if (const auto& cpu = resources.cpu) {
    note(cpu->realtime_runtime.value_or(0) != 0, "cpu.realtimeRuntime", "cgroup v2 does not limit realtime processes");
    note(cpu->realtime_period.value_or(0) != 0, "cpu.realtimePeriod", "cgroup v2 does not limit realtime processes");
    note(cpu->idle.value_or(0) == 1 && cpu->shares.value_or(0) != 0, "cpu.shares",
         "unable to apply both: cpu.idle gives the lowest weight");
  }
  if (const auto& io = resources.block_io) {
    const bool leaf = std::any_of(io->weight_device.begin(), io->weight_device.end(),
                                  [](const WeightDevice& device) { return device.leaf_weight.value_or(0) != 0; });
    note(leaf || io->leaf_weight.value_or(0) != 0, "blockIO.leafWeight", "cgroup v2 has one weight per cgroup");
  }
  if (const auto& network = resources.network)
    note(network->class_id.value_or(0) != 0 || !network->priorities.empty(), "network",
         "cgroup v2 neither classifies nor prioritises packets");
  return ignored;
}

}  // namespace

std::uint64_t cpu_weight(std::uint64_t shares) noexcept {
  static constexpr std::uint64_t lowest = 2;
  static constexpr std::uint64_t highest = 262'144;
  if (shares <= lowest) return 1;
  if (shares >= highest) return 10'000;
  // The curve through (2, 1), (1024, 100) and (262144, 10000) on logarithmic scales: a straight line would make a
  // container with default shares (1024) weaker than any other cgroup with the default weight (100).
  const double l = std::log2(static_cast<double>(shares));
  return static_cast<std::uint64_t>(std::ceil(std::pow(10.0, (l * l + 125 * l) / 612 - 7.0 / 34)));
}

CgroupLimits cgroup_limits(const Resources& resources) {
  CgroupLimits limits;
  auto& writes = limits.writes;
  if (resources.pids && resources.pids->limit) {
    const auto limit = *resources.pids->limit;
    // A container has at least one process, and systemd cannot set 0: runc and youki take 0 for 1.
    add(writes, "pids.max", limit < 0 ? "max" : std::to_string(std::max<std::int64_t>(limit, 1)), "pids.limit");
  }
  if (resources.memory) add_memory(writes, *resources.memory);
  if (resources.block_io) add_io(writes, *resources.block_io);
  if (resources.cpu) {
    add_cpu(writes, *resources.cpu);
    add_cpuset(writes, *resources.cpu);
  }
  add_huge_pages(writes, resources.hugepage_limits);
  add_rdma(writes, resources.rdma);
  add_unified(writes, resources.unified);  // config-linux.md, "Unified": wins over everything else
  limits.ignored = without_meaning(resources);
  return limits;
}

void check_memory_usage(const MemoryLimits& limits, std::uint64_t usage) {
  const auto reached = [usage](std::int64_t limit) { return limit > 0 && static_cast<std::uint64_t>(limit) <= usage; };
  const auto reject = [usage](std::string_view what, std::int64_t limit) {
    throw Error(std::string("rejecting ").append(what) + " " + std::to_string(limit) + " <= usage " +
                std::to_string(usage));
  };
  if (const auto swap = limits.swap.value_or(0); reached(swap)) reject("memory+swap limit", swap);
  if (const auto limit = limits.limit.value_or(0); reached(limit)) reject("memory limit", limit);
}

}  // namespace oci
