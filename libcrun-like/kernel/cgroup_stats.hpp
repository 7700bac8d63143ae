// SPDX-License-Identifier: Apache-2.0
// From the files of a cgroup to oci/statistics.hpp. The read_ functions are pure: each adds what a file's text says.
#pragma once
#include <string>
#include <string_view>

#include "kernel/cgroup.hpp"
#include "oci/statistics.hpp"

namespace oci {

/// The number of `text`, "max" being UINT64_MAX; 0 when it is none.
std::uint64_t cgroup_number(std::string_view text) noexcept;

/// cpu.pressure, memory.pressure, io.pressure. Nothing when the text is none of them.
std::optional<Pressure> read_pressure(std::string_view text);
void read_cpu_stat(std::string_view text, CpuStatistics& cpu);
void read_memory_stat(std::string_view text, MemoryStatistics& memory);
void read_io_stat(std::string_view text, IoStatistics& io);

/// memory.swap.max and its like limit swap alone; cgroup v1, in whose terms callers think, memory and swap together.
MemoryAmount together(const MemoryAmount& memory, const MemoryAmount& swap) noexcept;

/// A controller that the cgroup does not have leaves its part at 0, and so does a cgroup that is gone.
/// @throws Error when a file that is there cannot be read.
Statistics statistics_of(const Cgroup& cgroup);

}  // namespace oci
