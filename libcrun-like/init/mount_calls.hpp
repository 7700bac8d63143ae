// SPDX-License-Identifier: Apache-2.0
// What the mount steps share: the mount API of Linux 5.2, places to attach to, and when to do without that API.
// Functions answer with the errno, 0 for success; the steps make Errors of it.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "base/mount_attributes.hpp"
#include "base/rooted_path.hpp"
#include "init/scene.hpp"
#include "plan/describe_mounts.hpp"

namespace oci::init {

/// A mount, or the errno for which there is none.
struct TriedMount {
  MountFd mount;
  int code = 0;
};

/// open_tree(2) with OPEN_TREE_CLONE, and what mount_setattr(2) can do to the copy before anybody sees it. Of
/// `attributes` `superblock` is not looked at. `flags`: AT_*.
TriedMount clone_tree(FdRef dir, const std::string& path, unsigned flags, const MountAttributes& attributes,
                      Scene& scene);

/// mount_setattr(2) on the mount that `mount` is in, as often as `attributes` needs it.
int change_attributes(FdRef mount, const MountAttributes& attributes, bool has_children);

/// Where a mount goes: what `file` stands for, or the entry `name` of a directory somebody else owns.
struct Place {
  Fd file;
  FdRef directory{-1};
  std::string name;
  bool made = false;  ///< by us, just now
};

enum class Reach : std::uint8_t {
  anywhere,
  real_directory,  ///< no link on the way, and no file at its end
};

/// Finds the place for a mount on `target`; `kind()` says what is to be made when it is missing. With
/// Reach::real_directory a link on the way is ELOOP. A place that links led into a procfs is refused: the path did not
/// look like one (CVE-2019-19921).
/// @throws Error
template <class Kind>
Place find_place(const std::string& target, Kind&& kind, Reach reach, Scene& scene);

/// move_mount(2). What is added to a running container is remembered for take_back().
int attach(FdRef mount, const Place& place, Scene& scene);

/// Attaches a root that BindRoot has left detached where its directory is, for whoever cannot do without. @throws Error
void attach_root(Scene& scene);

/// What OpenSource or MakeFilesystem has brought for this step.
MountFd take_source(Scene& scene);

/// True when a kernel or a filter denies move_mount(2), or this process may not mount.
bool move_mount_is_denied() noexcept;

/// True when `code` comes from a kernel without the mount API or a filter that denies it, not from the mount itself.
bool mount_api_is_denied(int code) noexcept;

/// Runs `now`; where the mount API is denied, `before`, from then on at once.
template <class Now, class Before>
void with_mount_api(Scene& scene, Now&& now, Before&& before) {
  if (!scene.legacy_mounts) {
    try {
      return std::forward<Now>(now)();
    } catch (const Error& error) {
      // What mount(2) has made cannot be told from what others mount there, and not be taken back.
      if (scene.remembers_mounts || !mount_api_is_denied(error.code())) throw;
      scene.legacy_mounts = true;
    }
  }
  std::forward<Before>(before)();
}

/// Throws what the step was about to do and why it did not.
template <class Step>
void check(int code, const Step& step) {
  if (code != 0) throw Error::system(describe_mount_step(step), code);
}

/// @throws Error unless `device` is the null device: whatever hides files must be that (CVE-2025-31133)
void verify_null(FdRef device);

/// Parameters of a tmpfs in which nothing can be made even by somebody who makes it writable.
std::array<std::string, 2> smallest_tmpfs();

/// Puts an empty read-only directory at `place`, the same file system for all who ask. An old kernel makes clones only
/// of what is attached, so the first place gets the original.
int attach_empty_directory(const Place& place, Scene& scene);

// Implementation
// ------------------------------------------------------------------------------------------------------------

/// An entry of the /dev this process made itself: made without looking it up. Empty name when it is none or exists
/// already.
Place try_fresh_device_place(const std::string& target, Missing kind, const Scene& scene);
/// What stands at `target`; code ENOENT when nothing does.
struct FoundPlace {
  Place place;
  int code = 0;
};
FoundPlace try_find_place(const std::string& target, Reach reach, Scene& scene);
Place make_place(const std::string& target, Missing kind, Scene& scene);

template <class Kind>
Place find_place(const std::string& target, Kind&& kind, Reach reach, Scene& scene) {
  if (scene.dev && target.starts_with("/dev/"))
    if (auto fresh = try_fresh_device_place(target, kind(), scene); !fresh.name.empty()) return fresh;
  auto [place, code] = try_find_place(target, reach, scene);
  if (code == ENOENT) return make_place(target, kind(), scene);
  if (code != 0) throw Error::system("open " + target + " in the container's root (O_PATH)", code);
  return std::move(place);
}

}  // namespace oci::init
