// SPDX-License-Identifier: Apache-2.0
#include "init/mount_calls.hpp"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <vector>

#include "init/mounts.hpp"

namespace oci::init {
namespace {

// Linux 6.15, which is newer than the headers may be; one number for every architecture but alpha.
#ifdef SYS_open_tree_attr
constexpr long open_tree_attr = SYS_open_tree_attr;
#else
constexpr long open_tree_attr = 467;
#endif

/// One mount_setattr(2).
struct Change {
  mount_attr attributes{};
  unsigned flags = 0;  ///< AT_RECURSIVE or 0
};

/// As few changes as say the same. A mount without others below it has no need of AT_RECURSIVE, so more of them become
/// one.
std::vector<Change> changes_for(const MountAttributes& attributes, bool has_children) {
  std::vector<Change> changes;
  const unsigned recursive = has_children ? unsigned{AT_RECURSIVE} : 0;
  if ((attributes.set | attributes.clear) != 0) {
    changes.push_back({});
    changes.back().attributes.attr_set = attributes.set;
    changes.back().attributes.attr_clr = attributes.clear;
  }
  if ((attributes.recursive_set | attributes.recursive_clear) != 0) {
    changes.push_back({.flags = recursive});
    changes.back().attributes.attr_set = attributes.recursive_set;
    changes.back().attributes.attr_clr = attributes.recursive_clear;
  }
  for (const auto propagation : attributes.propagation) {
    const unsigned flags = (propagation & MS_REC) != 0 ? recursive : 0;
    if (changes.empty() || changes.back().flags != flags || changes.back().attributes.propagation != 0)
      changes.push_back({.flags = flags});
    changes.back().attributes.propagation = propagation & ~static_cast<unsigned long>(MS_REC);
  }
  return changes;
}

int change(FdRef mount, Change& wanted) noexcept {
  const auto flags = AT_EMPTY_PATH | wanted.flags;
  return ::mount_setattr(mount.get(), "", flags, &wanted.attributes, sizeof wanted.attributes) < 0 ? errno : 0;
}

/// open_tree and the first change in one call where the kernel has that; `done` says how many changes were made.
TriedMount clone_and_change(FdRef dir, const std::string& path, unsigned flags, std::vector<Change>& changes,
                            std::size_t& done, Scene& scene) {
  flags |= OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  if (!changes.empty() && !scene.no_open_tree_attr && (changes.front().flags != 0) == ((flags & AT_RECURSIVE) != 0)) {
    auto& first = changes.front().attributes;
    const long fd = ::syscall(open_tree_attr, dir.get(), path.c_str(), flags, &first, sizeof first);
    done = 1;
    if (fd >= 0) return {MountFd(static_cast<int>(fd)), 0};
    // A filter may answer EPERM for what it does not know, and so may the kernel for a locked flag: the plain call
    // tells.
    scene.no_open_tree_attr = errno == ENOSYS;
    if (errno != ENOSYS && errno != EPERM) return {MountFd(), errno};
    done = 0;
  }
  const int fd = ::open_tree(dir.get(), path.c_str(), flags);
  return {MountFd(fd), fd < 0 ? errno : 0};
}

}  // namespace

TriedMount clone_tree(FdRef dir, const std::string& path, unsigned flags, const MountAttributes& attributes,
                      Scene& scene) {
  auto changes = changes_for(attributes, (flags & AT_RECURSIVE) != 0);
  std::size_t done = 0;
  auto tree = clone_and_change(dir, path, flags, changes, done, scene);
  for (; tree.code == 0 && done < changes.size(); ++done) tree.code = change(tree.mount, changes[done]);
  return tree;
}

int change_attributes(FdRef mount, const MountAttributes& attributes, bool has_children) {
  for (auto& wanted : changes_for(attributes, has_children))
    if (const int code = change(mount, wanted); code != 0) return code;
  return 0;
}

Place try_fresh_device_place(const std::string& target, Missing kind, const Scene& scene) {
  std::string name = target.substr(std::string_view("/dev/").size());
  if (name.empty() || name.find('/') != name.npos) return {};
  if (kind == Missing::directory) {
    if (::mkdirat(scene.dev.get(), name.c_str(), 0755) < 0) return {};
  } else if (!sys::try_openat(scene.dev, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644)) {
    return {};
  }
  return {.file = {}, .directory = scene.dev, .name = std::move(name), .made = true};
}

FoundPlace try_find_place(const std::string& target, Reach reach, Scene& scene) {
  FoundPlace found;
  const int flags = O_PATH | (reach == Reach::real_directory ? O_DIRECTORY : 0);
  auto [file, code] = try_open_in_root(scene.root, target, flags, Links::refuse);
  if (code == ELOOP && reach == Reach::anywhere) {
    auto followed = try_open_in_root(scene.root, target, O_PATH, Links::follow);
    if (followed && sys::filesystem_magic(followed.fd) == PROC_SUPER_MAGIC)
      throw Error("\"" + target + "\" cannot be mounted because it leads inside /proc", EPERM);
    file = std::move(followed.fd);
    code = followed.code;
  }
  found.place.file = std::move(file);
  found.code = code;
  return found;
}

Place make_place(const std::string& target, Missing kind, Scene& scene) {
  Place place;
  place.file = make_in_root(scene.root, target, kind);
  // A link that has come since the lookup.
  if (!target.starts_with("/proc/") && target != "/proc" && sys::filesystem_magic(place.file) == PROC_SUPER_MAGIC)
    throw Error("\"" + target + "\" cannot be mounted because it leads inside /proc", EPERM);
  place.made = true;
  return place;
}

int attach(FdRef mount, const Place& place) noexcept {
  // By name no link is followed, because MOVE_MOUNT_T_SYMLINKS is not given.
  const bool by_name = !place.name.empty();
  const FdRef to = by_name ? place.directory : FdRef(place.file);
  const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (by_name ? 0U : unsigned{MOVE_MOUNT_T_EMPTY_PATH});
  return ::move_mount(mount.get(), "", to.get(), place.name.c_str(), flags) < 0 ? errno : 0;
}

int attach(FdRef mount, const Place& place, Scene& scene) {
  if (!scene.remembers_mounts) return attach(mount, place);
  auto remembered = sys::duplicate(mount);
  const int code = attach(mount, place);
  if (code == 0) scene.added.push_back(std::move(remembered));  // there is room: PrepareMountChanges
  return code;
}

MountFd take_source(Scene& scene) {
  return std::move(scene.sources.at(scene.sources_taken++));
}

bool mount_api_is_denied(int code) noexcept {
  if (code != ENOSYS && code != EPERM) return false;
  // Flags that no kernel knows: EINVAL from one that has the call. move_mount and fsmount ask for the privilege first,
  // so without it they say EPERM as well; mount(2) will then say the same.
  static constexpr unsigned unknown = ~0U;
  const std::array answers{::syscall(SYS_open_tree, -1, "", unknown) < 0 ? errno : 0,
                           ::syscall(SYS_fsopen, nullptr, unknown) < 0 ? errno : 0,
                           ::syscall(SYS_fsconfig, -1, unknown, nullptr, nullptr, 0) < 0 ? errno : 0,
                           ::syscall(SYS_fsmount, -1, unknown, 0) < 0 ? errno : 0,
                           ::syscall(SYS_move_mount, -1, "", -1, "", unknown) < 0 ? errno : 0,
                           ::syscall(SYS_mount_setattr, -1, "", unknown, nullptr, 0) < 0 ? errno : 0};
  return std::ranges::any_of(answers, [](int answer) { return answer == ENOSYS || answer == EPERM; });
}

void verify_null(FdRef device) {
  if (!sys::is_null_device(sys::fstat(device))) throw Error("/dev/null is not the device 1:3", ENODEV);
}

int attach_empty_directory(const Place& place, Scene& scene) {
  if (scene.empty_attached) {
    const auto clone = clone_tree(scene.empty_directory, "", AT_EMPTY_PATH, {}, scene);
    return clone.code != 0 ? clone.code : attach(clone.mount, place);
  }
  // The smallest tmpfs there is; nothing can be made in it even by somebody who makes it writable.
  const MountFilesystem empty{
      .type = "tmpfs",
      .source = "tmpfs",
      .target = "masked paths",
      .parameters = {"nr_blocks=1", "nr_inodes=1"},
      .attributes = {.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC}};
  scene.empty_directory = make_filesystem(empty, empty.parameters);
  const int code = attach(scene.empty_directory, place);
  scene.empty_attached = code == 0;
  return code;
}

}  // namespace oci::init
