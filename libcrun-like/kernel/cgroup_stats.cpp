// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup_stats.hpp"

#include <dirent.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <memory>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "base/text.hpp"

namespace oci {
namespace {

constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

/// Calls visit(key, value) for each line of a flat keyed file.
template <class Visit>
void for_each_key(std::string_view text, Visit visit) {
  while (!text.empty()) {
    auto line = cut(text, "\n");
    const auto key = cut(line, " ");
    if (!key.empty()) visit(key, cgroup_number(line));
  }
}

double real(std::string_view text) noexcept {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// "avg10=0.12 avg60=0.00 avg300=0.00 total=16095"
PressureLine pressure_line(std::string_view text) {
  PressureLine line;
  while (!text.empty()) {
    auto word = cut(text, " ");
    const auto key = cut(word, "=");
    if (key == "avg10") line.avg10 = real(word);
    if (key == "avg60") line.avg60 = real(word);
    if (key == "avg300") line.avg300 = real(word);
    if (key == "total") line.total = cgroup_number(word);
  }
  return line;
}

/// The whole file, however long; empty when there is none.
std::string read_text(const Cgroup& cgroup, const std::string& file) {
  try {
    return try_read_file(cgroup.directory(), file).value_or("");
  } catch (const Error& error) {
    // Pressure files are there but cannot be opened where psi=0 is on the kernel's command line.
    if (error.code() == EOPNOTSUPP) return {};
    throw;
  }
}

std::uint64_t read_number(const Cgroup& cgroup, const std::string& file) {
  return cgroup_number(read_text(cgroup, file));
}

void read_memory(const Cgroup& cgroup, MemoryStatistics& memory) {
  read_memory_stat(read_text(cgroup, "memory.stat"), memory);
  memory.pressure = read_pressure(read_text(cgroup, "memory.pressure"));
  const auto amount = [&](const std::string& name) {
    MemoryAmount read;
    read.limit = read_number(cgroup, name + ".max");
    read.usage = read_number(cgroup, name + ".current");
    read.peak = read_number(cgroup, name + ".peak");  // since Linux 5.19, of swap since 6.5
    read.limit_hits = cgroup_number(keyed_value(read_text(cgroup, name + ".events"), "max"));
    return read;
  };
  memory.memory = amount("memory");
  memory.with_swap = together(memory.memory, amount("memory.swap"));
}

void read_pids(const Cgroup& cgroup, PidsStatistics& pids) {
  const auto current = cgroup.read("pids.current");
  pids.current = current ? cgroup_number(*current) : cgroup.processes().size();
  const auto limit = read_number(cgroup, "pids.max");
  pids.limit = limit == no_limit ? 0 : limit;
}

/// Sizes for which the cgroup has a "hugetlb.SIZE.max".
std::vector<std::string> huge_page_sizes(const Cgroup& cgroup) {
  static constexpr std::string_view prefix = "hugetlb.";
  static constexpr std::string_view suffix = ".max";
  const auto close = [](DIR* stream) { ::closedir(stream); };
  auto [fd, code] = sys::try_openat(cgroup.directory(), ".", O_RDONLY | O_DIRECTORY);
  if (code != 0) return {};
  const std::unique_ptr<DIR, decltype(close)> stream(::fdopendir(fd.get()), close);
  if (!stream) throw Error::system("read a cgroup's directory");
  fd.release();
  std::vector<std::string> sizes;
  while (const dirent* entry = ::readdir(stream.get())) {
    std::string_view name = entry->d_name;
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    name.remove_prefix(prefix.size());
    name.remove_suffix(suffix.size());
    if (name.find('.') == std::string_view::npos) sizes.emplace_back(name);  // not hugetlb.SIZE.rsvd.max
  }
  return sizes;
}

HugePageStatistics read_huge_pages(const Cgroup& cgroup, const std::string& size) {
  const std::string name = "hugetlb." + size;
  // Pages that were only reserved are no less taken; Linux before 5.7 does not count them.
  const auto reserved = cgroup.read(name + ".rsvd.current");
  return {.usage = reserved ? cgroup_number(*reserved) : read_number(cgroup, name + ".current"),
          .limit_hits = cgroup_number(keyed_value(read_text(cgroup, name + ".events"), "max"))};
}

}  // namespace

std::uint64_t cgroup_number(std::string_view text) noexcept {
  if (text.starts_with("max")) return no_limit;
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::optional<Pressure> read_pressure(std::string_view text) {
  std::optional<Pressure> pressure;
  while (!text.empty()) {
    auto line = cut(text, "\n");
    const auto kind = cut(line, " ");
    if (kind != "some" && kind != "full") continue;
    if (!pressure) pressure.emplace();
    (kind == "some" ? pressure->some : pressure->full) = pressure_line(line);
  }
  return pressure;
}

void read_cpu_stat(std::string_view text, CpuStatistics& cpu) {
  static constexpr std::uint64_t nanoseconds = 1000;  // of a microsecond
  for_each_key(text, [&](std::string_view key, std::uint64_t value) {
    if (key == "usage_usec") cpu.total = value * nanoseconds;
    if (key == "user_usec") cpu.user = value * nanoseconds;
    if (key == "system_usec") cpu.kernel = value * nanoseconds;
    if (key == "nr_periods") cpu.periods = value;
    if (key == "nr_throttled") cpu.throttled_periods = value;
    if (key == "throttled_usec") cpu.throttled_time = value * nanoseconds;
  });
}

void read_memory_stat(std::string_view text, MemoryStatistics& memory) {
  for_each_key(text, [&](std::string_view key, std::uint64_t value) {
    if (key == "file") memory.cache = value;
    memory.details.emplace(key, value);
  });
}

/// "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0"
void read_io_stat(std::string_view text, IoStatistics& io) {
  while (!text.empty()) {
    auto line = cut(text, "\n");
    auto device = cut(line, " ");
    IoAmount amount;
    amount.major = cgroup_number(cut(device, ":"));
    amount.minor = cgroup_number(device);
    while (!line.empty()) {
      auto word = cut(line, " ");
      const auto key = cut(word, "=");
      if (key != "rbytes" && key != "wbytes" && key != "rios" && key != "wios") continue;
      amount.is_write = key.front() == 'w';
      amount.value = cgroup_number(word);
      (key.ends_with("bytes") ? io.bytes : io.operations).push_back(amount);
    }
  }
}

MemoryAmount together(const MemoryAmount& memory, const MemoryAmount& swap) noexcept {
  MemoryAmount both;
  both.limit = memory.limit > no_limit - swap.limit ? no_limit : memory.limit + swap.limit;
  both.usage = memory.usage + swap.usage;
  both.limit_hits = swap.limit_hits;
  return both;
}

Statistics statistics_of(const Cgroup& cgroup) {
  Statistics all;
  read_cpu_stat(read_text(cgroup, "cpu.stat"), all.cpu);
  all.cpu.pressure = read_pressure(read_text(cgroup, "cpu.pressure"));
  read_memory(cgroup, all.memory);
  read_pids(cgroup, all.pids);
  read_io_stat(read_text(cgroup, "io.stat"), all.io);
  all.io.pressure = read_pressure(read_text(cgroup, "io.pressure"));
  for (const auto& size : huge_page_sizes(cgroup)) all.huge_pages.emplace(size, read_huge_pages(cgroup, size));
  return all;
}

}  // namespace oci
