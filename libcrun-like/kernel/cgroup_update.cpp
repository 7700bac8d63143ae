// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup_update.hpp"

#include <algorithm>
#include <charconv>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

template <class T>
std::optional<T> number(std::string_view text) noexcept {
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

bool wants_one_of_two(const CpuLimits& cpu) noexcept {
  return (cpu.quota.value_or(0) != 0) != (cpu.period.value_or(0) != 0);
}

/// A swap limit in bytes without the memory limit that it includes.
bool wants_memory_limit(const MemoryLimits& memory) noexcept {
  return memory.swap.value_or(0) > 0 && memory.limit.value_or(0) == 0;
}

/// The line of a nested keyed file whose first word is `key`; empty when there is none.
std::string_view line_of(std::string_view text, std::string_view key) noexcept {
  while (!text.empty()) {
    const auto line = cut(text, "\n");
    if (line.substr(0, line.find(' ')) == key) return line;
  }
  return {};
}

/// For a device that a file does not list: what makes it so that it does not.
std::string_view unlisted(std::string_view file) noexcept {
  if (file == "io.max") return "rbps=max wbps=max riops=max wiops=max";
  if (file == "io.weight" || file == "io.bfq.weight") return "default";
  if (file == "io.latency") return "target=0";
  return {};
}

bool is_keyed(std::string_view file) noexcept {
  const auto controller = controller_of(file);
  return (controller == "io" && !file.ends_with(".pressure")) || controller == "rdma" || controller == "misc" ||
         controller == "dmem";
}

}  // namespace

PresentLimits present_limits(const Cgroup& cgroup, const Resources& change) {
  PresentLimits present;
  if (change.memory && wants_memory_limit(*change.memory))
    present.memory = number<std::int64_t>(cgroup.read("memory.max").value_or(""));
  if (change.cpu && wants_one_of_two(*change.cpu)) {
    const auto text = cgroup.read("cpu.max").value_or("");
    const auto quota = std::string_view(text).substr(0, text.find(' '));
    if (quota == "max") present.quota = -1;
    if (const auto amount = number<std::int64_t>(quota)) present.quota = amount;
    if (quota.size() < text.size())
      present.period = number<std::uint64_t>(std::string_view(text).substr(quota.size() + 1));
  }
  return present;
}

Resources completed(Resources change, const PresentLimits& present) {
  if (change.memory && wants_memory_limit(*change.memory) && present.memory) change.memory->limit = present.memory;
  if (change.cpu && wants_one_of_two(*change.cpu)) {
    auto& quota = change.cpu->quota;
    auto& period = change.cpu->period;
    if (quota.value_or(0) == 0 && present.quota) quota = present.quota;
    if (period.value_or(0) == 0 && present.period) period = present.period;
  }
  return change;
}

std::string taking_back(std::string_view file, std::string_view value, std::string_view before) {
  if (!is_keyed(file)) return before.empty() ? "\n" : std::string(before);  // an empty list: cpuset.cpus
  // "100" for the default weight may also be written, and read, as "default 100".
  const auto key = value.substr(0, value.find(' '));
  const bool is_default = file.ends_with("weight") && key.find(':') == std::string_view::npos;
  if (is_default && before.find(' ') == std::string_view::npos) return std::string(before);
  if (const auto line = line_of(before, is_default ? "default" : key); !line.empty()) return std::string(line);
  const auto rest = unlisted(file);
  return rest.empty() ? std::string() : std::string(key).append(" ").append(rest);
}

int Journal::write(const std::string& file, const std::string& value) {
  std::vector<Entry> before;
  // An idle cgroup loses its weight, and has none that could be written (kernel/sched/fair.c, sched_group_set_idle()).
  if (file == "cpu.idle" && cgroup_.read(file) == "0") remember(before, "cpu.weight", value);
  remember(before, file, value);
  const int code = cgroup_.write(file, value);
  if (code == 0) entries_.insert(entries_.end(), before.begin(), before.end());
  return code;
}

void Journal::remember(std::vector<Entry>& entries, const std::string& file, const std::string& value) const {
  try {
    const auto before = try_read_file(cgroup_.directory(), file);
    if (!before) return;
    const auto text = std::string_view(*before).substr(0, before->find_last_not_of('\n') + 1);
    if (auto back = taking_back(file, value, text); !back.empty()) entries.push_back({file, std::move(back)});
  } catch (const Error& error) {
    // Files that can only be written, such as memory.reclaim, do not change what is there later.
    log::debug(cgroup_.path() + "/" + file + " could not be taken back: " + error.what());
  }
}

void Journal::undo() noexcept {
  for (; !entries_.empty(); entries_.pop_back()) {
    const auto& [file, value] = entries_.back();
    const int code = cgroup_.write(file, value);
    if (code == 0) continue;
    auto attempt = "take back: write \"" + value + "\" to ";
    attempt.append(cgroup_.path()).append("/").append(file);
    log::warning(Error::system(attempt, code).what());
  }
}

}  // namespace oci
