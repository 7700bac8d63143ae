// SPDX-License-Identifier: Apache-2.0
#include "events.hpp"

#include <array>

#include "base/json.hpp"

namespace oci::cli {
namespace {

using json::Writer;

/// Leaves the member out when the number is 0.
void member(Writer& out, std::string_view name, std::uint64_t value) {
  if (value != 0) out.key(name).unsigned_number(value);
}

void pressure(Writer& out, const std::optional<Pressure>& value) {
  if (!value) return;
  const auto line = [&](std::string_view name, const PressureLine& of) {
    out.key(name).open_object();
    out.key("avg10").real(of.avg10).key("avg60").real(of.avg60).key("avg300").real(of.avg300);
    out.key("total").unsigned_number(of.total).close_object();
  };
  out.key("psi").open_object();
  line("some", value->some);
  line("full", value->full);
  out.close_object();
}

void cpu(Writer& out, const CpuStatistics& of) {
  out.key("cpu").open_object().key("usage").open_object();
  member(out, "total", of.total);
  out.key("kernel").unsigned_number(of.kernel).key("user").unsigned_number(of.user).close_object();
  out.key("throttling").open_object();
  member(out, "periods", of.periods);
  member(out, "throttledPeriods", of.throttled_periods);
  member(out, "throttledTime", of.throttled_time);
  out.close_object();
  pressure(out, of.pressure);
  out.close_object();
}

/// cgroup v1's: on v2 they have no meaning, but decoders know them.
void cpuset(Writer& out) {
  static constexpr std::array<std::string_view, 9> names{
      "cpu_exclusive",      "mem_hardwall",    "mem_exclusive",      "memory_migrate",          "memory_spread_page",
      "memory_spread_slab", "memory_pressure", "sched_load_balance", "sched_relax_domain_level"};
  out.key("cpuset").open_object();
  for (const auto name : names) out.key(name).number(0);
  out.close_object();
}

void amount(Writer& out, std::string_view name, const MemoryAmount& of) {
  out.key(name).open_object().key("limit").unsigned_number(of.limit);
  member(out, "usage", of.usage);
  member(out, "max", of.peak);
  out.key("failcnt").unsigned_number(of.limit_hits).close_object();
}

void memory(Writer& out, const MemoryStatistics& of) {
  out.key("memory").open_object();
  member(out, "cache", of.cache);
  amount(out, "usage", of.memory);
  amount(out, "swap", of.with_swap);
  amount(out, "kernel", {});  // counted in the memory, on cgroup v2
  amount(out, "kernelTCP", {});
  if (!of.details.empty()) {
    out.key("raw").open_object();
    for (const auto& [name, value] : of.details) out.key(name).unsigned_number(value);
    out.close_object();
  }
  pressure(out, of.pressure);
  out.close_object();
}

void io_amounts(Writer& out, std::string_view name, const std::vector<IoAmount>& of) {
  if (of.empty()) return;
  out.key(name).open_array();
  for (const auto& [major, minor, is_write, value] : of) {
    out.open_object();
    member(out, "major", major);
    member(out, "minor", minor);
    out.member("op", is_write ? "Write" : "Read");
    member(out, "value", value);
    out.close_object();
  }
  out.close_array();
}

void io(Writer& out, const IoStatistics& of) {
  out.key("blkio").open_object();
  io_amounts(out, "ioServiceBytesRecursive", of.bytes);
  io_amounts(out, "ioServicedRecursive", of.operations);
  pressure(out, of.pressure);
  out.close_object();
}

void huge_pages(Writer& out, const std::map<std::string, HugePageStatistics>& of) {
  out.key("hugetlb").open_object();
  for (const auto& [size, statistics] : of) {
    out.key(size).open_object();
    member(out, "usage", statistics.usage);
    out.key("failcnt").unsigned_number(statistics.limit_hits).close_object();
  }
  out.close_object();
}

}  // namespace

std::string stats_event(std::string_view id, const Statistics& statistics) {
  Writer out;
  out.open_object().member("type", "stats").member("id", id).key("data").open_object();
  cpu(out, statistics.cpu);
  cpuset(out);
  memory(out, statistics.memory);
  out.key("pids").open_object();
  member(out, "current", statistics.pids.current);
  member(out, "limit", statistics.pids.limit);
  out.close_object();
  io(out, statistics.io);
  huge_pages(out, statistics.huge_pages);
  out.key("intel_rdt").open_object().close_object();
  out.key("network_interfaces")
      .null();  // runc fills it for interfaces that it has made itself, which it no longer does
  return out.close_object().close_object().text() + "\n";
}

std::string oom_event(std::string_view id) {
  Writer out;
  return out.open_object().member("type", "oom").member("id", id).close_object().text() + "\n";
}

}  // namespace oci::cli
