// SPDX-License-Identifier: Apache-2.0
// What a container has used so far, in the terms of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst). Everything is
// counted for the container's cgroup and those below it; what the kernel does not count here is 0 or absent.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace oci {

/// Documentation/accounting/psi.rst.
struct PressureLine {
  double avg10 = 0, avg60 = 0, avg300 = 0;  ///< per cent of the last 10, 60 and 300 seconds
  std::uint64_t total = 0;                  ///< microseconds
};

/// How long some, or all, of the tasks that had work to do were stalled.
struct Pressure {
  PressureLine some, full;
};

struct CpuStatistics {
  std::uint64_t total = 0, user = 0, kernel = 0;  ///< nanoseconds
  std::uint64_t periods = 0, throttled_periods = 0;
  std::uint64_t throttled_time = 0;  ///< nanoseconds
  std::optional<Pressure> pressure;
};

/// Bytes.
struct MemoryAmount {
  std::uint64_t limit = 0;  ///< UINT64_MAX: none
  std::uint64_t usage = 0;
  std::uint64_t peak = 0;
  std::uint64_t limit_hits = 0;  ///< how often the limit was reached
};

struct MemoryStatistics {
  std::uint64_t cache = 0;  ///< bytes of the page cache
  MemoryAmount memory;
  MemoryAmount with_swap;  ///< memory and swap together, as cgroup v1 counted them; without a peak
  std::map<std::string, std::uint64_t> details;  ///< memory.stat
  std::optional<Pressure> pressure;
};

struct PidsStatistics {
  std::uint64_t current = 0;
  std::uint64_t limit = 0;  ///< 0: none
};

/// One device and direction.
struct IoAmount {
  std::uint64_t major = 0, minor = 0;
  bool is_write = false;
  std::uint64_t value = 0;
};

struct IoStatistics {
  std::vector<IoAmount> bytes;
  std::vector<IoAmount> operations;
  std::optional<Pressure> pressure;
};

/// Of one size of huge pages, bytes.
struct HugePageStatistics {
  std::uint64_t usage = 0;
  std::uint64_t limit_hits = 0;
};

struct Statistics {
  CpuStatistics cpu;
  MemoryStatistics memory;
  PidsStatistics pids;
  IoStatistics io;
  std::map<std::string, HugePageStatistics> huge_pages;  ///< by size: "2MB"
};

}  // namespace oci
