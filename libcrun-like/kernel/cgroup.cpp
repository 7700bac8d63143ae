// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup.hpp"

#include <dirent.h>
#include <linux/magic.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <memory>
#include <span>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "base/text.hpp"

namespace oci {
namespace {

using Clock = std::chrono::steady_clock;

/// A cgroup that was removed answers ENOENT to lookups and ENODEV to those who still have a file of it open.
bool is_gone(int code) noexcept {
  return code == ENOENT || code == ENODEV;
}

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

Error still_in_use(const Cgroup& cgroup) {
  std::string pids;
  for (const pid_t pid : cgroup.processes()) pids.append(pids.empty() ? "" : ", ").append(std::to_string(pid));
  return Error("remove the cgroup " + cgroup.path() + ": " +
                   (pids.empty() ? std::string("the kernel still needs it") : "processes remain in it: " + pids),
               EBUSY);
}

/// Nothing when the cgroup is gone.
std::optional<Fd> open_events(FdRef directory, const std::string& path) {
  auto [file, code] = sys::try_openat(directory, "cgroup.events", O_RDONLY);
  if (code == ENOENT && sys::try_openat(directory, "cgroup.procs", O_PATH))
    throw Error(path + " is the root of all cgroups");
  if (is_gone(code)) return std::nullopt;
  if (code != 0) throw Error::system("open " + path + "/cgroup.events (O_RDONLY)", code);
  return std::move(file);
}

std::vector<pid_t> numbers_in(std::string_view text) {
  std::vector<pid_t> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    pid_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    // 0: a process that the caller's pid namespace does not show.
    if (error == std::errc{} && number > 0) numbers.push_back(number);
    at = std::find(next, end, '\n');
    if (at != end) ++at;
  }
  return numbers;
}

std::vector<std::string> subdirectories(FdRef directory) {
  const auto close = [](DIR* stream) { ::closedir(stream); };
  Fd fd = sys::openat(directory, ".", O_RDONLY | O_DIRECTORY);
  const std::unique_ptr<DIR, decltype(close)> stream(::fdopendir(fd.get()), close);
  if (!stream) throw Error::system("read a cgroup's directory");
  fd.release();
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream.get()))
    if (entry->d_type == DT_DIR && std::string_view(entry->d_name) != "." && std::string_view(entry->d_name) != "..")
      names.emplace_back(entry->d_name);
  return names;
}

/// Walks the cgroups below `top`, deepest first, and calls visit(parent, name) for each. Holds one descriptor and goes
/// back through "..", because a container may nest its cgroups deeper than PATH_MAX and RLIMIT_NOFILE reach; cgroups
/// are never renamed, so ".." is where we came from.
template <class Visit>
void walk_up(FdRef top, Visit visit) {
  struct Level {
    std::string name;
    std::vector<std::string> below;
  };
  std::vector<Level> levels;
  levels.push_back({{}, subdirectories(top)});
  Fd here = sys::openat(top, ".", O_PATH | O_DIRECTORY);
  for (;;) {
    if (auto& below = levels.back().below; !below.empty()) {
      std::string name = std::move(below.back());
      below.pop_back();
      auto [child, code] = sys::try_openat(here, name, O_PATH | O_DIRECTORY);
      if (is_gone(code)) continue;
      if (code != 0) throw Error::system("open the cgroup " + name, code);
      levels.push_back({std::move(name), subdirectories(child)});
      here = std::move(child);
      continue;
    }
    if (levels.size() == 1) return;
    here = sys::openat(here, "..", O_PATH | O_DIRECTORY);
    visit(FdRef(here), levels.back().name);
    levels.pop_back();
  }
}

/// A thread's process: its id is what signals and pidfds take.
std::optional<pid_t> process_of(pid_t thread) {
  const auto status = try_read_file(working_directory, "/proc/" + std::to_string(thread) + "/status");
  if (!status) return std::nullopt;
  static constexpr std::string_view key = "\nTgid:\t";
  const auto at = status->find(key);
  if (at == std::string::npos) return std::nullopt;
  const auto numbers = numbers_in(std::string_view(*status).substr(at + key.size(), status->find('\n', at + 1) - at));
  return numbers.empty() ? std::nullopt : std::optional(numbers.front());
}

void add_processes(FdRef directory, const std::string& cgroup, std::vector<pid_t>& all) {
  const std::string prefix = cgroup.empty() ? std::string() : cgroup + "/";
  auto [file, code] = sys::try_openat(directory, prefix + "cgroup.procs", O_RDONLY);
  if (is_gone(code)) return;
  if (code != 0) throw Error::system("open " + prefix + "cgroup.procs (O_RDONLY)", code);
  static constexpr std::size_t limit = std::size_t{64} << 20U;
  try {
    const auto found = numbers_in(read_all(file, prefix + "cgroup.procs", limit));
    all.insert(all.end(), found.begin(), found.end());
  } catch (const Error& error) {
    if (is_gone(error.code())) return;
    if (error.code() != EOPNOTSUPP) throw;
    // cgroup-v2.rst, "Threads": a threaded cgroup has no list of processes, only one of threads.
    for (const pid_t thread : numbers_in(try_read_file(directory, prefix + "cgroup.threads", limit).value_or("")))
      if (const auto process = process_of(thread)) all.push_back(*process);
  }
}

}  // namespace

std::optional<std::string> read_cgroup_file(FdRef directory, const std::string& path) {
  auto text = try_read_page(directory, path);
  if (text && text->ends_with('\n')) text->pop_back();
  return text;
}

std::string_view keyed_value(std::string_view text, std::string_view key) noexcept {
  while (!text.empty()) {
    const auto line = cut(text, "\n");
    if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ' ')
      return line.substr(key.size() + 1);
  }
  return {};
}

std::optional<Cgroup> Cgroup::try_open(const std::string& path) {
  auto [directory, code] = sys::try_openat(working_directory, path, O_PATH | O_DIRECTORY);
  if (is_gone(code)) return std::nullopt;
  if (code != 0) throw Error::system("open the cgroup " + path, code);
  if (sys::filesystem_magic(directory) != CGROUP2_SUPER_MAGIC) throw Error(path + " is no cgroup2 directory");
  return Cgroup(path, std::move(directory));
}

Cgroup Cgroup::open(const std::string& path) {
  auto cgroup = try_open(path);
  if (!cgroup) throw Error::system("open the cgroup " + path, ENOENT);
  return std::move(*cgroup);
}

std::optional<std::string> Cgroup::read(const std::string& file) const {
  return in_context([&] { return path_; }, [&] { return read_cgroup_file(directory_, file); });
}

int Cgroup::write(const std::string& file, std::string_view text) const noexcept {
  return try_write_file(directory_, file, text);
}

/// Waits until `key` of cgroup.events has the value `wanted`, for which the kernel wakes us (POLLPRI). A cgroup that is
/// gone has no processes, so it counts as whatever is waited for.
bool Cgroup::wait_event(std::string_view key, std::string_view wanted, Patience patience) const {
  const auto deadline = Clock::now() + patience;
  const auto file = open_events(directory_, path_);
  if (!file) return true;
  // The kernel puts a notice off when the last one is less than 10 ms old (cgroup_file_notify()), and forgets it when
  // somebody else removes the cgroup meanwhile: hence no long sleep.
  static constexpr int longest_sleep_ms = 50;
  std::array<char, 256> buffer{};
  for (;;) {
    const auto got = ::pread(file->get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && is_gone(errno)) return true;
    if (got < 0) throw Error::system("read " + path_ + "/cgroup.events");
    if (keyed_value({buffer.data(), static_cast<std::size_t>(got)}, key) == wanted) return true;
    pollfd poll{file->get(), POLLPRI, 0};
    const int left = milliseconds_until(deadline);
    if (left == 0) return false;
    if (::poll(&poll, 1, std::min(left, longest_sleep_ms)) < 0 && errno != EINTR)
      throw Error::system("poll " + path_ + "/cgroup.events");
  }
}

bool Cgroup::is_frozen(const std::string& path) {
  return read_cgroup_file(working_directory, path + "/cgroup.freeze") == "1";
}

void Cgroup::freeze(Patience patience) const {
  if (const int code = write("cgroup.freeze", "1"); code != 0) throw Error::system("freeze the cgroup " + path_, code);
  try {
    if (wait_event("frozen", "1", patience)) return;
  } catch (...) {
    write("cgroup.freeze", "0");
    throw;
  }
  write("cgroup.freeze", "0");
  throw Error("freeze the cgroup " + path_ + ": not every process stood still within " +
                  std::to_string(patience.count() / 1000) + " s (one may be waiting for a device or a file server)",
              ETIMEDOUT);
}

void Cgroup::thaw() const {
  if (const int code = write("cgroup.freeze", "0"); code != 0) throw Error::system("thaw the cgroup " + path_, code);
}

void Cgroup::kill() const {
  const int code = write("cgroup.kill", "1");
  if (code == 0 || code == ENODEV) return;
  // Linux before 5.14 has no cgroup.kill, and threaded cgroups refuse it.
  if (code != ENOENT && code != EOPNOTSUPP) throw Error::system("kill the cgroup " + path_, code);
  // The root has no cgroup.kill either, and every process of the machine.
  if (!read("cgroup.events")) return;
  signal_each();
}

/// Goes round until no new process shows up; freezing keeps a fork bomb from winning the race. What is frozen dies too.
void Cgroup::signal_each() const {
  static constexpr int rounds = 100;
  write("cgroup.freeze", "1");
  std::vector<pid_t> known;
  for (int round = 0; round < rounds; ++round) {
    const auto now = processes();
    if (std::includes(known.begin(), known.end(), now.begin(), now.end())) break;
    signal(SIGKILL);
    known = now;
  }
  write("cgroup.freeze", "0");
}

void Cgroup::signal(int number) const {
  static constexpr std::size_t most_held = 256;  // RLIMIT_NOFILE is 1024 for many
  const auto found = processes();
  for (std::span rest(found); !rest.empty(); rest = rest.subspan(std::min(rest.size(), most_held))) {
    std::vector<std::pair<pid_t, Pidfd>> held;
    for (const pid_t pid : rest.first(std::min(rest.size(), most_held)))
      if (auto process = sys::try_pidfd_open(pid)) held.emplace_back(pid, std::move(*process));
    // Who is still listed was listed when it was opened: its number cannot have become another's in between.
    const auto still = processes();
    for (const auto& [pid, process] : held)
      if (std::binary_search(still.begin(), still.end(), pid)) sys::pidfd_send_signal(process, number);
  }
}

std::vector<pid_t> Cgroup::processes() const {
  std::vector<pid_t> all;
  add_processes(directory_, {}, all);
  walk_up(directory_, [&](FdRef parent, const std::string& name) { add_processes(parent, name, all); });
  std::sort(all.begin(), all.end());
  // A threaded cgroup's processes are listed by its domain too, and by each cgroup that has one of their threads.
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

bool Cgroup::wait_empty(Patience patience) const {
  return wait_event("populated", "0", patience);
}

void Cgroup::remove(Patience patience) const {
  if (::rmdir(path_.c_str()) == 0) return;  // as a rule, and no clock is needed
  const auto deadline = Clock::now() + patience;
  // Long enough for the kernel to finish with a process that has just ended, should "populated" be early.
  static constexpr int pause_ms = 5;
  while (::rmdir(path_.c_str()) < 0) {
    if (is_gone(errno)) return;
    if (errno != EBUSY) throw Error::system("rmdir " + path_);
    const bool empty = wait_event("populated", "0", std::chrono::milliseconds(milliseconds_until(deadline)));
    if (!empty || Clock::now() >= deadline) throw still_in_use(*this);
    bool removed = false;
    walk_up(directory_, [&](FdRef parent, const std::string& name) {
      removed |= ::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) == 0;
    });
    if (!removed) ::poll(nullptr, 0, pause_ms);
  }
}

}  // namespace oci
