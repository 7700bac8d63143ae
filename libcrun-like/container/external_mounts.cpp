// SPDX-License-Identifier: Apache-2.0
#include "container/external_mounts.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <optional>

#include "base/files.hpp"
#include "base/rooted_path.hpp"
#include "base/syscalls.hpp"
#include "kernel/mountinfo.hpp"
#include "plan/devices.hpp"
#include "spec/mount_options.hpp"

namespace oci {
namespace {

constexpr std::size_t largest_table = std::size_t{64} << 20U;
constexpr auto null_device = "/dev/null";

std::vector<MountEntry> mounts_of(const std::string& process) {
  return parse_mountinfo(read_file(working_directory, "/proc/" + process + "/mountinfo", largest_table));
}

/// A process's mounts, and the way to them.
class MountTable {
 public:
  explicit MountTable(pid_t pid)
      : entries_(mounts_of(std::to_string(pid))),
        root_(sys::openat(working_directory, "/proc/" + std::to_string(pid) + "/root", O_PATH | O_DIRECTORY)) {}

  /// The mount whose root is what `path` leads to; nothing when that is none.
  const MountEntry* at(const std::string& path) const {
    const auto [file, code] = try_open_in_root(root_, path, O_PATH);
    if (code != 0) return nullptr;
    struct statx status {};
    if (::statx(file.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &status) < 0) throw Error::system("statx " + path);
    if ((status.stx_mask & STATX_MNT_ID) == 0)
      throw Error("checkpoint needs statx(2) with mount ids, Linux 5.8", ENOSYS);
    if ((status.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) return nullptr;
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const auto& entry) { return entry.id == status.stx_mnt_id; });
    return found == entries_.end() ? nullptr : &*found;
  }

  bool has_mount_at(const std::string& point) const {
    return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.point == point; });
  }

  bool is_directory(const std::string& path) const {
    const auto [file, code] = try_open_in_root(root_, path, O_PATH);
    return code == 0 && S_ISDIR(sys::fstat(file).st_mode);
  }

 private:
  std::vector<MountEntry> entries_;
  Fd root_;
};

/// "mnt[KEY]:VALUE", each key once.
class Externals {
 public:
  void add(const std::string& key, const std::string& value) {
    const auto start = "mnt[" + key + "]:";
    const auto is_same = [&](const auto& text) { return text.starts_with(start); };
    if (std::none_of(texts_.begin(), texts_.end(), is_same)) texts_.push_back(start + value);
  }
  std::vector<std::string> take() { return std::move(texts_); }

 private:
  std::vector<std::string> texts_;
};

/// What is mounted below `source` on this side, by its path below: a recursive bind has taken it along.
std::vector<std::string> mounts_below(const std::string& source) {
  char resolved[PATH_MAX];
  if (!::realpath(source.c_str(), static_cast<char*>(resolved))) return {};
  const std::string directory(static_cast<const char*>(resolved));
  if (directory == "/") return {};
  std::vector<std::string> below;
  for (const auto& entry : mounts_of("self"))
    if (entry.point != directory && is_at_or_below(entry.point, directory))
      below.push_back(entry.point.substr(directory.size()));
  return below;
}

/// The bind, and what came with it from below its source.
void add_bind(Externals& externals, const MountTable& table, const Mount& mount, const std::string& bundle) {
  const auto* entry = table.at(mount.destination);
  if (!entry) return;  // unmounted from inside, or a link that was made again
  externals.add(entry->point, entry->point);
  if (!parse_mount_options(mount.options).recursive) return;
  for (const auto& rest : mounts_below(source_of_bind(mount, bundle)))
    if (const auto point = entry->point + rest; table.has_mount_at(point)) externals.add(point, point);
}

}  // namespace

bool is_bind_mount(const Mount& mount) {
  const auto options = parse_mount_options(mount.options);
  return (options.bind || mount.type == "bind") && !options.remount;
}

std::vector<std::string> mounts_left_out(const Spec& spec, const std::string& bundle, pid_t pid) {
  const MountTable table(pid);
  Externals externals;
  for (const auto& mount : spec.mounts)
    if (is_bind_mount(mount)) add_bind(externals, table, mount, bundle);
  // Where devices could not be made they are the host's, bound one by one.
  for (const auto& path : device_paths(spec))
    if (const auto* entry = table.at(path)) externals.add(entry->point, path);
  for (const auto& path : spec.linux.masked_paths)
    if (const auto* entry = table.at(path); entry && !table.is_directory(path))
      externals.add(entry->point, null_device);
  return externals.take();
}

std::vector<std::string> mounts_brought_in(const Spec& spec, const std::vector<PlacedBind>& binds) {
  Externals externals;
  for (const auto& bind : binds) {
    externals.add(bind.target, bind.source);
    if (!bind.recursive) continue;
    for (const auto& rest : mounts_below(bind.source)) externals.add(bind.target + rest, bind.source + rest);
  }
  for (const auto& path : spec.linux.masked_paths) externals.add(path, null_device);  // crun's name for it
  for (const auto& path : device_paths(spec)) externals.add(path, path);
  return externals.take();
}

}  // namespace oci
