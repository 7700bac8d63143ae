// SPDX-License-Identifier: Apache-2.0
// cgroup v2 (Documentation/admin-guide/cgroup-v2.rst): where it is on this host, and what can be done to one cgroup.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.hpp"

namespace oci {

/// Where cgroup2 is mounted.
struct CgroupHost {
  std::string mount;    ///< empty: nowhere
  bool hybrid = false;  ///< not at /sys/fs/cgroup itself: cgroup v1 has most of the controllers

  /// One or two statfs(2) where cgroup2 is at one of its usual places; mountinfo is read only where it is not.
  static CgroupHost probe();
};

/// The caller's own cgroup2, "/user.slice/…", as its cgroup namespace shows it. @throws Error when it has none.
std::string own_cgroup();

/// The directory that linux.cgroupsPath asks for: absolute below the mount, relative beside the caller's own cgroup,
/// and empty stands for the container's id. A "slice:prefix:name" is a plain name here; only systemd gives it a
/// meaning.
std::string cgroup_directory(const CgroupHost& host, std::string_view cgroups_path, std::string_view id);

/// The first mount of `type` ("cgroup", "cgroup2") in a text like /proc/self/mountinfo whose options name `controller`;
/// empty when there is none. Any mount of the type will do if `controller` is empty.
std::string find_cgroup_mount(std::string_view mountinfo, std::string_view type, std::string_view controller = {});

/// A cgroup that exists, held by a descriptor of its directory: a new one of the same name is never mistaken for it.
class Cgroup {
 public:
  using Patience = std::chrono::milliseconds;
  /// How long the kernel may need for what it does behind our back: freezing, and ending processes it was told to kill.
  static constexpr Patience usual_patience{10'000};

  /// `path` is absolute. @throws Error also when it is no cgroup2 directory.
  static Cgroup open(const std::string& path);
  /// Nothing when there is no such directory (any more).
  static std::optional<Cgroup> try_open(const std::string& path);

  const std::string& path() const noexcept { return path_; }
  /// O_PATH: for CLONE_INTO_CGROUP, bpf(2), and to open files below.
  const Fd& directory() const noexcept { return directory_; }

  /// A short file of it ("cgroup.events"), without the newline at the end; nothing when the file, or the cgroup, is
  /// gone.
  std::optional<std::string> read(const std::string& file) const;
  /// Writes in one write(2); the errno, or 0.
  int write(const std::string& file, std::string_view text) const noexcept;

  /// Whether the cgroup at `path` was told to freeze, itself and not through an ancestor; not when there is none.
  /// Without a look at what kind of directory it is: `list` asks for every container.
  static bool is_frozen(const std::string& path);
  /// Returns when every process stands still. @throws Error, having thawed it again, when one does not in time.
  void freeze(Patience patience = usual_patience) const;
  void thaw() const;

  /// SIGKILL for every process here and below, frozen ones too, and without missing one that forks. Does not wait.
  void kill() const;
  /// A signal for every process that is here or below now. What is signalled is in here for sure: a number that another
  /// process got meanwhile is noticed.
  void signal(int number) const;
  /// Every process here and below, by its pid in the caller's pid namespace, in ascending order.
  std::vector<pid_t> processes() const;
  /// False when processes remain. Zombies do not count.
  bool wait_empty(Patience patience = usual_patience) const;

  /// Removes it and whatever cgroups were made below. Waits for processes that are about to end.
  /// @throws Error naming the processes that remain. No error when it is gone already.
  void remove(Patience patience = usual_patience) const;

 private:
  friend class CgroupfsCgroups;
  Cgroup(std::string path, Fd directory) : path_(std::move(path)), directory_(std::move(directory)) {}

  bool wait_event(std::string_view key, std::string_view wanted, Patience patience) const;
  void signal_each() const;

  std::string path_;
  Fd directory_;
};

/// A short file of cgroupfs by one open, one read, and one close, without the newline at the end; nothing when it is
/// gone.
std::optional<std::string> read_cgroup_file(FdRef directory, const std::string& path);

/// The value of `key` in a flat keyed file such as cgroup.events; empty when it has no such key.
std::string_view keyed_value(std::string_view text, std::string_view key) noexcept;

}  // namespace oci
