// SPDX-License-Identifier: Apache-2.0
#include "init/mount_calls.hpp"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <optional>

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

/// As few changes as say the same, one after the other. A mount without others below it has no need of AT_RECURSIVE, so
/// more of them become one.
class Changes {
 public:
  Changes(const MountAttributes& attributes, bool has_children) noexcept
      : attributes_(attributes), recursive_(has_children ? unsigned{AT_RECURSIVE} : 0) {}

  std::optional<Change> next() noexcept {
    std::optional<Change> joined;
    for (; at_ < attribute_words + attributes_.propagation.size(); ++at_) {
      const auto wish = at_ < attribute_words ? of_attributes() : of_propagation();
      if (!is_any(wish)) continue;
      if (!joined)
        joined = wish;
      else if (at_ >= attribute_words && joined->flags == wish.flags && joined->attributes.propagation == 0)
        joined->attributes.propagation = wish.attributes.propagation;
      else
        break;
    }
    return joined;
  }

 private:
  /// The mount's own, and those of the ones below as well.
  static constexpr std::size_t attribute_words = 2;

  static bool is_any(const Change& wish) noexcept {
    return (wish.attributes.attr_set | wish.attributes.attr_clr | wish.attributes.propagation) != 0;
  }

  Change of_attributes() const noexcept {
    Change wish{.flags = at_ == 0 ? 0 : recursive_};
    wish.attributes.attr_set = at_ == 0 ? attributes_.set : attributes_.recursive_set;
    wish.attributes.attr_clr = at_ == 0 ? attributes_.clear : attributes_.recursive_clear;
    return wish;
  }

  Change of_propagation() const noexcept {
    const auto propagation = attributes_.propagation[at_ - attribute_words];
    Change wish{.flags = (propagation & MS_REC) != 0 ? recursive_ : 0};
    wish.attributes.propagation = propagation & ~static_cast<unsigned long>(MS_REC);
    return wish;
  }

  const MountAttributes& attributes_;
  unsigned recursive_;
  std::size_t at_ = 0;
};

int make(const Change& wanted, FdRef mount) noexcept {
  const auto flags = AT_EMPTY_PATH | wanted.flags;
  auto attributes = wanted.attributes;
  return ::mount_setattr(mount.get(), "", flags, &attributes, sizeof attributes) < 0 ? errno : 0;
}

/// open_tree and the first change in one call where the kernel has that; `first` is reset then.
TriedMount clone_and_change(FdRef dir, const std::string& path, unsigned flags, std::optional<Change>& first,
                            Scene& scene) {
  flags |= OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  if (first && !scene.no_open_tree_attr && (first->flags != 0) == ((flags & AT_RECURSIVE) != 0)) {
    const long fd =
        ::syscall(open_tree_attr, dir.get(), path.c_str(), flags, &first->attributes, sizeof first->attributes);
    if (fd >= 0) {
      first.reset();
      return {MountFd(static_cast<int>(fd)), 0};
    }
    // A filter may answer EPERM for what it does not know, and so may the kernel for a locked flag: the plain call
    // tells.
    scene.no_open_tree_attr = errno == ENOSYS;
    if (errno != ENOSYS && errno != EPERM) return {MountFd(), errno};
  }
  const int fd = ::open_tree(dir.get(), path.c_str(), flags);
  return {MountFd(fd), fd < 0 ? errno : 0};
}

int move_to(FdRef mount, const Place& place) noexcept {
  // By name no link is followed, because MOVE_MOUNT_T_SYMLINKS is not given.
  const bool by_name = !place.name.empty();
  const FdRef to = by_name ? place.directory : FdRef(place.file);
  const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (by_name ? 0U : unsigned{MOVE_MOUNT_T_EMPTY_PATH});
  return ::move_mount(mount.get(), "", to.get(), place.name.c_str(), flags) < 0 ? errno : 0;
}

/// Before Linux 6.15 nothing can be attached to what is detached itself.
int attach_now(FdRef mount, const Place& place, Scene& scene) {
  const int code = move_to(mount, place);
  if (code != EINVAL || !scene.detached_root) return code;
  attach_root(scene);
  return move_to(mount, place);
}

/// No kernel knows these: EINVAL from one that has the call. move_mount and fsmount ask for the privilege first, so
/// without it they say EPERM as well; mount(2) will then say the same.
constexpr unsigned unknown_flags = ~0U;

bool is_denial(int answer) noexcept {
  return answer == ENOSYS || answer == EPERM;
}

}  // namespace

TriedMount clone_tree(FdRef dir, const std::string& path, unsigned flags, const MountAttributes& attributes,
                      Scene& scene) {
  Changes changes(attributes, (flags & AT_RECURSIVE) != 0);
  auto change = changes.next();
  auto tree = clone_and_change(dir, path, flags, change, scene);
  if (!change) change = changes.next();
  for (; tree.code == 0 && change; change = changes.next()) tree.code = make(*change, tree.mount);
  return tree;
}

int change_attributes(FdRef mount, const MountAttributes& attributes, bool has_children) {
  Changes changes(attributes, has_children);
  while (const auto change = changes.next())
    if (const int code = make(*change, mount); code != 0) return code;
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

int attach(FdRef mount, const Place& place, Scene& scene) {
  if (!scene.remembers_mounts) return attach_now(mount, place, scene);
  auto remembered = sys::duplicate(mount);
  const int code = attach_now(mount, place, scene);
  if (code == 0) scene.added.push_back(std::move(remembered));  // there is room: PrepareMountChanges
  return code;
}

MountFd take_source(Scene& scene) {
  return std::move(scene.sources.at(scene.sources_taken++));
}

bool move_mount_is_denied() noexcept {
  return ::syscall(SYS_move_mount, -1, "", -1, "", unknown_flags) < 0 && is_denial(errno);
}

bool mount_api_is_denied(int code) noexcept {
  if (!is_denial(code)) return false;
  const std::array answers{::syscall(SYS_open_tree, -1, "", unknown_flags) < 0 ? errno : 0,
                           ::syscall(SYS_fsopen, nullptr, unknown_flags) < 0 ? errno : 0,
                           ::syscall(SYS_fsconfig, -1, unknown_flags, nullptr, nullptr, 0) < 0 ? errno : 0,
                           ::syscall(SYS_fsmount, -1, unknown_flags, 0) < 0 ? errno : 0,
                           ::syscall(SYS_mount_setattr, -1, "", unknown_flags, nullptr, 0) < 0 ? errno : 0};
  return move_mount_is_denied() || std::ranges::any_of(answers, is_denial);
}

void verify_null(FdRef device) {
  if (!sys::is_null_device(sys::fstat(device))) throw Error("/dev/null is not the device 1:3", ENODEV);
}

std::array<std::string, 2> smallest_tmpfs() {
  return {"nr_blocks=1", "nr_inodes=1"};
}

int attach_empty_directory(const Place& place, Scene& scene) {
  if (scene.empty_attached) {
    const auto clone = clone_tree(scene.empty_directory, "", AT_EMPTY_PATH, {}, scene);
    return clone.code != 0 ? clone.code : attach(clone.mount, place, scene);
  }
  const MountFilesystem empty{
      .type = "tmpfs",
      .source = "tmpfs",
      .target = "masked paths",
      .attributes = {.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC}};
  scene.empty_directory = make_filesystem(empty, smallest_tmpfs());
  const int code = attach(scene.empty_directory, place, scene);
  scene.empty_attached = code == 0;
  return code;
}

}  // namespace oci::init
