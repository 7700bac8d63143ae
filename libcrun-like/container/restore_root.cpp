// SPDX-License-Identifier: Apache-2.0
#include "container/restore_root.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/rooted_path.hpp"
#include "base/syscalls.hpp"
#include "init/mount_calls.hpp"
#include "kernel/mountinfo.hpp"
#include "plan/mounts.hpp"
#include "spec/mount_options.hpp"

namespace oci {
namespace {

constexpr auto directory_name = "criu-root";

std::string path_of(FdRef file) {
  return sys::readlinkat(working_directory, "/proc/self/fd/" + std::to_string(file.get()));
}

std::string destination_of(const Mount& mount) {
  return clean_path("/" + mount.destination);
}

/// CRIU brings back the whole of every file system it mounts, mountpoints among it.
bool is_in_restored_filesystem(const Spec& spec, const Mount& mount) {
  const auto target = destination_of(mount);
  return std::any_of(spec.mounts.begin(), spec.mounts.end(), [&](const auto& other) {
    const auto above = destination_of(other);
    return above != target && is_at_or_below(target, above) && !is_bind_mount(other);
  });
}

bool is_cgroup(const Mount& mount) {
  return mount.type == "cgroup" || mount.type == "cgroup2";
}

Fd find_or_make(FdRef root, const std::string& target, Missing kind) {
  auto [file, code] = try_open_in_root(root, target, O_PATH);
  if (code == ENOENT) return make_in_root(root, target, kind);
  if (code != 0) throw Error::system("open " + target + " in the container's root (O_PATH)", code);
  return std::move(file);
}

/// Binds it below `root`: what lies inside of it, and is a mountpoint of a later one, is looked up or made there. In
/// the result the target has no links.
PlacedBind place_bind(FdRef root, PlacedBind bind) {
  const unsigned recursive = bind.recursive ? AT_RECURSIVE : 0;
  const auto tree = sys::open_tree(working_directory, bind.source, OPEN_TREE_CLONE | recursive);
  const auto kind = S_ISDIR(sys::fstat(tree).st_mode) ? Missing::directory : Missing::file;
  const auto place = find_or_make(root, bind.target, kind);
  const auto prefix = path_of(root), path = path_of(place);
  sys::move_mount(tree, place, "bind " + bind.source + " to " + bind.target);
  if (is_at_or_below(path, prefix)) bind.target = path.substr(prefix.size());
  return bind;
}

/// CRIU gives the flags that a mount had when it was dumped only to the first of several mounts of one file; the others
/// have those of what they are made of. What hides files must not let the container change the host's node.
void protect_null() {
  const auto null = sys::openat(working_directory, "/dev/null", O_PATH | O_NOFOLLOW);
  init::verify_null(null);
  sys::move_mount(sys::open_tree(null, "", OPEN_TREE_CLONE | AT_EMPTY_PATH), null, "bind /dev/null to itself");
  const unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC;
  if (::mount(nullptr, "/dev/null", nullptr, flags, nullptr) < 0) throw Error::system("make /dev/null read-only");
}

}  // namespace

RestoreRoot::RestoreRoot(const StateDirectory& state, std::string rootfs, NullDevice null)
    : rootfs_(std::move(rootfs)),
      namespace_(sys::openat(working_directory, "/proc/self/ns/mnt", O_RDONLY)),
      root_(sys::openat(working_directory, "/", O_PATH | O_DIRECTORY)),
      directory_(sys::openat(working_directory, ".", O_PATH | O_DIRECTORY)) {
  sys::mkdirat(state.fd(), directory_name, 0700);
  // CRIU looks for it in mountinfo, so no link may be left in the name.
  path_ = path_of(state.fd()) + "/" + directory_name;
  if (::unshare(CLONE_NEWNS) < 0) throw Error::system("unshare the mount namespace");
  try {
    if (::mount(nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr) < 0) throw Error::system("make / rslave");
    if (null == NullDevice::read_only) protect_null();
    attach();
  } catch (...) {
    leave();
    throw;
  }
}

RestoreRoot::~RestoreRoot() {
  if (!namespace_) return;
  try {
    leave();
  } catch (const Error& error) {
    log::warning(error.what());
    ::umount2(path_.c_str(), MNT_DETACH);  // so that the directory can be removed from here, too
  }
}

void RestoreRoot::attach() const {
  const auto place = sys::openat(working_directory, path_, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  sys::move_mount(sys::open_tree(working_directory, rootfs_, OPEN_TREE_CLONE | AT_RECURSIVE), place,
                  "bind " + rootfs_ + " to " + path_);
}

void RestoreRoot::leave() {
  if (::setns(namespace_.get(), CLONE_NEWNS) < 0) throw Error::system("return to the mount namespace");
  // setns(2) puts a process at the namespace's root; a caller may have been elsewhere.
  if (::fchdir(root_.get()) < 0 || ::chroot(".") < 0 || ::fchdir(directory_.get()) < 0)
    throw Error::system("return to the root and the working directory");
  namespace_.reset();
}

std::vector<PlacedBind> RestoreRoot::prepare(const Spec& spec, const std::string& bundle) {
  const auto root = sys::openat(working_directory, path_, O_PATH | O_DIRECTORY);
  std::vector<PlacedBind> binds;
  for (const auto& mount : spec.mounts) {
    const auto options = parse_mount_options(mount.options);
    if (options.remount || is_cgroup(mount)) continue;
    const bool is_bind = is_bind_mount(mount);
    const auto target = destination_of(mount);
    if (is_in_restored_filesystem(spec, mount)) {
      if (is_bind) binds.push_back({source_of_bind(mount, bundle), target, options.recursive});
      continue;
    }
    if (is_bind)
      binds.push_back(place_bind(root, {source_of_bind(mount, bundle), target, options.recursive}));
    else
      find_or_make(root, target, Missing::directory);
  }
  if (::umount2(path_.c_str(), MNT_DETACH) < 0) throw Error::system("unmount " + path_);
  attach();
  return binds;
}

void remove_restore_root(const StateDirectory& state) {
  sys::unlinkat(state.fd(), directory_name, AT_REMOVEDIR);
}

}  // namespace oci
