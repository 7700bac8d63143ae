// SPDX-License-Identifier: Apache-2.0
#include <sys/mount.h>
#include <sys/stat.h>

#include "init/mount_calls.hpp"
#include "init/mounts_legacy.hpp"
#include "init/perform_mounts.hpp"

namespace oci::init {
namespace {

/// Permissions arrive as they are written; whatever runs later finds the caller's mask again.
class NoUmask {
 public:
  NoUmask() noexcept : before_(::umask(0)) {}
  NoUmask(const NoUmask&) = delete;
  NoUmask& operator=(const NoUmask&) = delete;
  ~NoUmask() { ::umask(before_); }

 private:
  mode_t before_;
};

[[noreturn]] void fail(std::string_view verb, const MakeDevices& step, const DeviceNode& node, int code) {
  throw Error::system(std::string(verb) + " " + describe_device(step.directory, node), code);
}

/// What the image has under that name serves if it is the same device.
void accept_existing(const MakeDevices& step, const DeviceNode& node, FdRef directory) {
  const auto found = sys::try_fstatat(directory, node.name);
  const bool same_type = found && (found->st_mode & S_IFMT) == (node.mode & S_IFMT);
  if (!same_type || (!S_ISFIFO(node.mode) && found->st_rdev != node.number)) fail("make", step, node, EEXIST);
  if (found->st_uid != node.uid || found->st_gid != node.gid)
    sys::fchownat(directory, node.name, node.uid, node.gid, AT_SYMLINK_NOFOLLOW);
  if ((found->st_mode & 07777U) != (node.mode & 07777U) &&
      ::fchmodat(directory.get(), node.name.c_str(), node.mode & 07777U, AT_SYMLINK_NOFOLLOW) < 0)
    fail("change the mode of", step, node, errno);
}

void bind_host(const MakeDevices& step, const DeviceNode& node, FdRef directory, Scene& scene) {
  const std::string source = (step.directory == "/" ? "" : step.directory) + "/" + node.name;
  // No link is followed, neither here nor when the mount is attached, so the name cannot lead elsewhere.
  const auto [file, code] = sys::try_openat(directory, node.name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0);
  if (code != 0 && code != EEXIST) fail("make a file for", step, node, code);
  Place place;
  place.directory = directory;
  place.name = node.name;
  const auto attempt = [&](int result) {
    if (result != 0) fail("bind the host's", step, node, result);
  };
  with_mount_api(
      scene,
      [&] {
        const auto tree = clone_tree(working_directory, source, AT_SYMLINK_NOFOLLOW, {}, scene);
        attempt(tree.code != 0 ? tree.code : attach(tree.mount, place, scene));
      },
      [&] { attempt(legacy::bind(sys::openat(working_directory, source, O_PATH | O_NOFOLLOW), place, false, scene)); });
}

void make_node(const MakeDevices& step, const DeviceNode& node, FdRef directory, Scene& scene) {
  if (step.binds_host && !S_ISFIFO(node.mode)) return bind_host(step, node, directory, scene);
  if (::mknodat(directory.get(), node.name.c_str(), node.mode, node.number) == 0) {
    if (node.uid != 0 || node.gid != 0) sys::fchownat(directory, node.name, node.uid, node.gid, AT_SYMLINK_NOFOLLOW);
    return;
  }
  if (errno == EEXIST)
    accept_existing(step, node, directory);
  else if (errno == EPERM && !S_ISFIFO(node.mode))
    bind_host(step, node, directory, scene);
  else
    fail("make", step, node, errno);
}

void make_link(const MakeDevices& step, const DeviceLink& link, FdRef directory) {
  const auto make = [&] { return ::symlinkat(link.target.c_str(), directory.get(), link.name.c_str()) == 0; };
  if (make() || (errno == EEXIST && !link.replaces)) return;
  if (errno == EEXIST) sys::unlinkat(directory, link.name);
  if (errno != EEXIST || !make())
    throw Error::system("make the link " + step.directory + "/" + link.name + " to " + link.target);
}

Fd open_directory(const std::string& path, Scene& scene) {
  auto [directory, code] = try_open_in_root(scene.root, path, O_PATH | O_DIRECTORY);
  if (code == ENOENT) return make_in_root(scene.root, path, Missing::directory);
  if (code != 0) throw Error::system("open " + path + " in the container's root (O_PATH|O_DIRECTORY)", code);
  return std::move(directory);
}

}  // namespace

void perform(const MakeDevices& step, Scene& scene) {
  const Fd opened = scene.dev && step.directory == "/dev" ? Fd() : open_directory(step.directory, scene);
  const FdRef directory = opened ? FdRef(opened) : FdRef(scene.dev);
  const NoUmask whole_modes;
  for (const auto& node : step.nodes) make_node(step, node, directory, scene);
  for (const auto& link : step.links) make_link(step, link, directory);
}

}  // namespace oci::init
