// SPDX-License-Identifier: Apache-2.0
// Where a command's time goes (--timing): phases of the runtime, and steps of the container's process. Off, which it is
// until begin(), it costs a branch at each place that would tell it something.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oci::timing {

using Nanoseconds = std::int64_t;

struct Recorder;
/// There from begin() on; the container's process has a copy.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): as the log
inline constinit Recorder* recorder = nullptr;

inline bool on() noexcept {
  return recorder != nullptr;
}

void begin();

void mark(const char* name) noexcept;
/// From here on the runtime's time goes there, until the next phase. `name` lives for ever.
inline void phase(const char* name) noexcept {
  if (on()) [[unlikely]]
    mark(name);
}

/// Maps room for a reading at each of these steps, which the process about to be born shares. Only when on.
/// @throws Error
void expect_steps(std::vector<std::string> names);
/// In the process: where its readings go, one a step; nullptr when off. Who it forks does not get the memory, because
/// others may have such a one in their hands.
Nanoseconds* readings() noexcept;

/// CLOCK_MONOTONIC, in the numbers of the time namespace that the caller is in.
Nanoseconds now() noexcept;

struct Span {
  std::string name;
  Nanoseconds begin = 0;              ///< since begin()
  std::optional<Nanoseconds> length;  ///< absent where nobody could read the clock at its end: execve(2)
};

struct Record {
  std::vector<Span> phases;
  std::vector<Span> steps;
};

/// What has been seen so far. Readings that lie outside of the command's time are another time namespace's, and are
/// left out.
Record record();

/// For people: a line for each phase and step, in milliseconds.
std::string table(const Record& record);
/// For trace viewers (chrome://tracing, Perfetto): the Trace Event Format's JSON object.
std::string chrome_trace(const Record& record, std::string_view command);

}  // namespace oci::timing
