// SPDX-License-Identifier: Apache-2.0
// What a container uses, and what happens to it, as long as it lives.
#include <poll.h>

#include <array>

#include "base/syscalls.hpp"
#include "container/presence.hpp"
#include "kernel/cgroup_stats.hpp"
#include "oci/container.hpp"

namespace oci {
namespace {

using Clock = std::chrono::steady_clock;

/// The living container, held by its first process.
struct Living {
  Pidfd process;
  std::optional<Cgroup> cgroup;
};

Living living(const Store& store, const std::string& id) {
  const auto record = existing(StateDirectory::open(store, id));
  auto process = first_process(record);
  if (!process) throw Error("container with id " + id + " is not running", ESRCH);
  return {std::move(*process), cgroup_of(record)};
}

Statistics statistics_of(const Living& container) {
  if (container.cgroup) return oci::statistics_of(*container.cgroup);
  throw Error("the container has no cgroup, and only a cgroup counts what is used", ENOENT);
}

/// memory.events: cgroup-v2.rst says that the file changes, and can be polled for, when a counter does.
class OomKills {
 public:
  /// Without a memory controller there is no such file, and nothing is ever seen.
  explicit OomKills(const std::optional<Cgroup>& cgroup) {
    if (!cgroup) return;
    auto [file, code] = sys::try_openat(cgroup->directory(), "memory.events", O_RDONLY);
    if (code != 0 && code != ENOENT && code != ENODEV) throw Error::system("open memory.events (O_RDONLY)", code);
    file_ = std::move(file);
    seen_ = count();
  }

  int descriptor() const noexcept { return file_.get(); }

  /// Whether there were any since the last call. Reading also makes the kernel tell of the next one.
  bool more() {
    const auto now = count();
    return now > std::exchange(seen_, now);
  }

 private:
  std::uint64_t count() {
    if (!file_) return 0;
    std::array<char, 4096> buffer{};
    const auto got = ::pread(file_.get(), buffer.data(), buffer.size(), 0);
    if (got >= 0) return cgroup_number(keyed_value({buffer.data(), static_cast<std::size_t>(got)}, "oom_kill"));
    file_ = Fd();  // the cgroup is gone: the file would be ready for ever
    return seen_;
  }

  Fd file_;
  std::uint64_t seen_ = 0;
};

timespec until(Clock::time_point deadline) noexcept {
  const auto left = std::max(deadline - Clock::now(), Clock::duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  return {static_cast<time_t>(seconds.count()), static_cast<long>(std::chrono::nanoseconds(left - seconds).count())};
}

}  // namespace

Statistics Container::statistics() const {
  return statistics_of(living(store_, id_));
}

void Container::watch(std::chrono::nanoseconds interval, const Watcher& watcher) const {
  const auto container = living(store_, id_);
  OomKills kills(container.cgroup);
  auto next = Clock::now() + interval;
  for (;;) {
    std::array<pollfd, 2> waiting{{{container.process.get(), POLLIN, 0}, {kills.descriptor(), POLLPRI, 0}}};
    const auto left = until(next);
    if (::ppoll(waiting.data(), waiting.size(), &left, nullptr) < 0 && errno != EINTR)
      throw Error::system("wait for events of the container");
    // The kill comes before the end that it may be the reason of.
    if (kills.more()) watcher.on_oom();
    if (waiting[0].revents != 0) return;
    if (Clock::now() < next) continue;
    watcher.on_statistics(statistics_of(container));
    next = std::max(next + interval, Clock::now());
  }
}

}  // namespace oci
