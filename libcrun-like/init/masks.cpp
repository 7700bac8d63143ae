// SPDX-License-Identifier: Apache-2.0
// Paths that the container must not read, or not write. What hides them comes from the host or from us, never from the
// image (CVE-2025-31133), and goes onto what the path led to when it was opened.
#include <sys/mount.h>
#include <sys/stat.h>

#include "init/mount_calls.hpp"
#include "init/mounts_legacy.hpp"
#include "init/perform_mounts.hpp"

namespace oci::init {
namespace {

/// What is not there, or what not even the container's root can reach, needs no hiding.
bool out_of_reach(int code) {
  return code == ENOENT || code == ENOTDIR || code == EACCES;
}

/// False when there is nothing at `path`.
bool find(const std::string& path, Place& place, Scene& scene) {
  auto [file, code] = try_open_in_root(scene.root, path, O_PATH);
  if (out_of_reach(code)) return false;
  if (code != 0) throw Error::system("open " + path + " in the container's root (O_PATH)", code);
  place.file = std::move(file);
  return true;
}

/// The first mask is the mount that BindRoot kept; the others are its clones, which an old kernel makes only of an
/// attached one.
int hide_file(const Place& place, Scene& scene) {
  if (!scene.null_attached) {
    const int code = attach(scene.null_device, place, scene);
    scene.null_attached = code == 0;
    return code;
  }
  const auto null = clone_tree(scene.null_device, "", AT_EMPTY_PATH, {}, scene);
  return null.code != 0 ? null.code : attach(null.mount, place, scene);
}

/// mount(2) binds only what is mounted in this namespace, which the host's /dev no longer is: the container's own node
/// serves, wherever it comes from, once it has turned out to be that device. It is looked up once.
int hide_file_before(const Place& place, Scene& scene) {
  if (!scene.null_device) {
    scene.null_device = open_in_root(scene.root, "/dev/null", O_PATH);
    verify_null(scene.null_device);
  }
  return legacy::bind(scene.null_device, place, false, scene);
}

int hide_before(const MaskPath& step, const Place& place, bool is_directory, Scene& scene) {
  if (!is_directory) return hide_file_before(place, scene);
  if (scene.empty_directory) return legacy::bind(scene.empty_directory, place, false, scene);
  const MountFilesystem empty{
      .type = "tmpfs",
      .source = "tmpfs",
      .target = step.path,
      .attributes = {.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC}};
  const int code = legacy::mount_filesystem(empty, smallest_tmpfs(), place, scene);
  if (code == 0) scene.empty_directory = MountFd(open_in_root(scene.root, step.path, O_PATH).release());
  return code;
}

void make_readonly(const ReadonlyPath& step, const Place& place, Scene& scene) {
  // For a path with nothing of config.json's below it "all" is as good as "the top", and one system call less.
  MountAttributes attributes;
  (step.is_leaf ? attributes.recursive_set : attributes.set) = MOUNT_ATTR_RDONLY;
  const auto tree = clone_tree(place.file, "", AT_EMPTY_PATH | AT_RECURSIVE, attributes, scene);
  check(tree.code != 0 ? tree.code : attach(tree.mount, place, scene), step);
}

}  // namespace

void perform(const MaskPath& step, Scene& scene) {
  Place place;
  if (!find(step.path, place, scene)) return;
  const bool is_directory = S_ISDIR(sys::fstat(place.file).st_mode);
  with_mount_api(
      scene, [&] { check(is_directory ? attach_empty_directory(place, scene) : hide_file(place, scene), step); },
      [&] { check(hide_before(step, place, is_directory, scene), step); });
}

void perform(const ReadonlyPath& step, Scene& scene) {
  Place place;
  if (!find(step.path, place, scene)) return;
  with_mount_api(
      scene, [&] { make_readonly(step, place, scene); },
      [&] {
        check(legacy::bind(place.file, place, true, scene), step);
        check(legacy::change(step.path, {.set = MOUNT_ATTR_RDONLY}, scene), step);
      });
}

}  // namespace oci::init
