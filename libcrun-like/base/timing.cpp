// SPDX-License-Identifier: Apache-2.0
#include "base/timing.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>

#include "base/json.hpp"
#include "base/log.hpp"
#include "oci/error.hpp"

namespace oci::timing {

struct Mark {
  const char* name = nullptr;
  Nanoseconds at = 0;
};

struct Recorder {
  Nanoseconds began = 0;
  std::array<Mark, 64> marks{};
  std::size_t used = 0;
  std::vector<std::string> step_names;
  Nanoseconds* readings = nullptr;  ///< as many; shared with the process; 0: not reached

  std::size_t size_of_readings() const noexcept { return step_names.size() * sizeof(Nanoseconds); }
};

namespace {

constexpr double nanoseconds_per_millisecond = 1e6;
constexpr double nanoseconds_per_microsecond = 1e3;

std::vector<Span> phases_until(Nanoseconds end) {
  std::vector<Span> spans;
  for (std::size_t i = 0; i < recorder->used; ++i) {
    const auto& [name, at] = recorder->marks[i];
    const auto next = i + 1 < recorder->used ? recorder->marks[i + 1].at : end;
    spans.push_back({name, at - recorder->began, next - at});
  }
  return spans;
}

std::vector<Span> steps_until(Nanoseconds end) {
  std::vector<Span> spans;
  for (std::size_t i = 0; recorder->readings && i < recorder->step_names.size(); ++i) {
    const auto at = recorder->readings[i];
    if (at < recorder->began || at > end) continue;
    if (!spans.empty()) spans.back().length = at - recorder->began - spans.back().begin;
    spans.push_back({recorder->step_names[i], at - recorder->began, std::nullopt});
  }
  return spans;
}

std::string milliseconds(std::optional<Nanoseconds> time) {
  std::array<char, 32> text{};
  if (!time) return std::string(10, ' ');
  std::snprintf(text.data(), text.size(), "%10.3f", static_cast<double>(*time) / nanoseconds_per_millisecond);
  return text.data();
}

void add_lines(std::string& text, std::string_view title, const std::vector<Span>& spans) {
  if (spans.empty()) return;
  text.append("  begin ms    took ms  ").append(title).append("\n");
  for (const auto& span : spans)
    text.append(milliseconds(span.begin))
        .append(" ")
        .append(milliseconds(span.length))
        .append("  ")
        .append(log::printable(span.name))
        .append("\n");
}

/// Rows are threads of one process, as viewers have it.
void name_row(json::Writer& writer, std::string_view kind, int row, std::string_view name) {
  writer.open_object().member("ph", "M").member("name", kind);
  writer.key("pid").number(1).key("tid").number(row).key("args").open_object().member("name", name).close_object();
  writer.close_object();
}

void add_events(json::Writer& writer, int row, const std::vector<Span>& spans) {
  for (const auto& span : spans) {
    writer.open_object().member("name", span.name).member("ph", span.length ? "X" : "i");
    writer.key("pid").number(1).key("tid").number(row);
    writer.key("ts").real(static_cast<double>(span.begin) / nanoseconds_per_microsecond);
    if (span.length)
      writer.key("dur").real(static_cast<double>(*span.length) / nanoseconds_per_microsecond);
    else
      writer.member("s", "t");  // an instant of this row
    writer.close_object();
  }
}

}  // namespace

Nanoseconds now() noexcept {
  // Not through the vDSO: its pages would be touched.
  timespec reading{};
  ::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &reading);
  return reading.tv_sec * Nanoseconds{1'000'000'000} + reading.tv_nsec;
}

void begin() {
  recorder = new Recorder;  // as long as the program: the last word about it comes at its end
  recorder->began = now();
}

void mark(const char* name) noexcept {
  auto& marks = recorder->marks;
  // Where a command does the same for many containers, the last phase is as long as the rest.
  if (recorder->used < marks.size()) marks[recorder->used++] = {name, now()};
}

void expect_steps(std::vector<std::string> names) {
  const auto size = names.size() * sizeof(Nanoseconds);
  void* place = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) throw Error::system("map the clock readings shared with the container's process");
  recorder->step_names = std::move(names);
  recorder->readings = static_cast<Nanoseconds*>(place);
}

Nanoseconds* readings() noexcept {
  if (!on() || !recorder->readings) return nullptr;
  const bool stays = ::madvise(recorder->readings, recorder->size_of_readings(), MADV_DONTFORK) == 0;
  return stays ? recorder->readings : nullptr;
}

Record record() {
  const auto end = now();
  return {phases_until(end), steps_until(end)};
}

std::string table(const Record& record) {
  std::string text;
  add_lines(text, "phase of the runtime", record.phases);
  add_lines(text, "step of the container's process", record.steps);
  return text;
}

std::string chrome_trace(const Record& record, std::string_view command) {
  json::Writer writer;
  writer.open_object().member("displayTimeUnit", "ms").key("traceEvents").open_array();
  name_row(writer, "process_name", 1, command);
  name_row(writer, "thread_name", 1, "runtime");
  name_row(writer, "thread_name", 2, "container's process");
  add_events(writer, 1, record.phases);
  add_events(writer, 2, record.steps);
  return writer.close_array().close_object().text() + "\n";
}

}  // namespace oci::timing
