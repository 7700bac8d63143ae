// SPDX-License-Identifier: Apache-2.0
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "init/mount_calls.hpp"
#include "init/mounts_legacy.hpp"
#include "init/perform_mounts.hpp"

namespace oci::init {
namespace {

/// Locked as one: who names a mode of access times says all of it (mount_namespaces(7)).
constexpr std::uint64_t atime = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
constexpr std::uint64_t lockable = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | atime;

std::uint64_t flags_of(FdRef mount) {
  struct statvfs status {};
  if (::fstatvfs(mount.get(), &status) < 0) throw Error::system("statvfs of a bind's source");
  std::uint64_t flags = 0;
  if ((status.f_flag & ST_RDONLY) != 0) flags |= MOUNT_ATTR_RDONLY;
  if ((status.f_flag & ST_NOSUID) != 0) flags |= MOUNT_ATTR_NOSUID;
  if ((status.f_flag & ST_NODEV) != 0) flags |= MOUNT_ATTR_NODEV;
  if ((status.f_flag & ST_NOEXEC) != 0) flags |= MOUNT_ATTR_NOEXEC;
  if ((status.f_flag & ST_NODIRATIME) != 0) flags |= MOUNT_ATTR_NODIRATIME;
  if ((status.f_flag & ST_NOATIME) != 0)
    flags |= MOUNT_ATTR_NOATIME;
  else if ((status.f_flag & ST_RELATIME) == 0)
    flags |= MOUNT_ATTR_STRICTATIME;
  return flags;
}

/// What is left to ask for when the kernel holds on to flags of the source: they are kept, unless the options say
/// otherwise.
bool allow_for_locked(const BindMount& step, std::uint64_t source, MountAttributes& attributes) {
  const auto kept = source & lockable & ~std::uint64_t{MOUNT_ATTR__ATIME};
  if ((kept & step.insists_on_clearing) != 0) return false;
  const bool names_atime = (step.insists_on_clearing & MOUNT_ATTR__ATIME) != 0;
  if (names_atime && (step.attributes.set & atime) != (source & atime)) return false;
  attributes.set |= kept;
  attributes.clear &= ~kept;
  return true;
}

MountFd clone_source(const BindMount& step, Scene& scene) {
  if (step.opened_before) return take_source(scene);
  TriedMount tree;
  if (step.opened_by_parent) {
    tree.mount = MountFd(ask(scene, Word::source).fd.release());
    tree.code = change_attributes(tree.mount, step.attributes, step.recursive);
  } else {
    const unsigned flags =
        (step.recursive ? unsigned{AT_RECURSIVE} : 0) | (step.source_nofollow ? unsigned{AT_SYMLINK_NOFOLLOW} : 0);
    tree = clone_tree(working_directory, step.source, flags, step.attributes, scene);
    if (!tree.mount) throw Error::system("bind source " + step.source, tree.code);
  }
  if (tree.code == EPERM) {
    auto attributes = step.attributes;
    if (allow_for_locked(step, flags_of(tree.mount), attributes))
      tree.code = change_attributes(tree.mount, attributes, step.recursive);
  }
  check(tree.code, step);
  return std::move(tree.mount);
}

Missing kind_of(FdRef source) {
  return S_ISDIR(sys::fstat(source).st_mode) ? Missing::directory : Missing::file;
}

/// Whoever binds over /proc has to bring a procfs, or labels and sysctls would be written to what only looks like one
/// (CVE-2019-16884).
void check_proc(const BindMount& step, FdRef source) {
  if (step.target != "/proc") return;
  if (!sys::is_proc_root(source))
    throw Error(describe_mount_step(step) + ": what is mounted at /proc must be a procfs", EPERM);
}

void refuse_procfs(const BindMount& step, FdRef place) {
  if (sys::filesystem_magic(place) == PROC_SUPER_MAGIC)
    throw Error("\"" + step.target + "\" cannot be mounted because it leads inside /proc", EPERM);
}

/// On the link itself, or what is there; made when nothing is. A link above it may lead to the directory that /proc is
/// in: what is there counts, not only where.
Place unfollowed_place(const BindMount& step, FdRef source, Scene& scene) {
  const bool names_proc = step.target == "/proc" || step.target.starts_with("/proc/");
  auto [directory, name] = open_parent_in_root(scene.root, step.target);
  if (!names_proc) refuse_procfs(step, directory);
  const auto [entry, code] = sys::try_openat(directory, name, O_PATH | O_NOFOLLOW);
  if (code != 0 && code != ENOENT) throw Error::system("open " + step.target + " (O_PATH|O_NOFOLLOW)", code);
  const bool there = code == 0;
  if (there && !names_proc) refuse_procfs(step, entry);
  if (!there && kind_of(source) == Missing::directory)
    sys::mkdirat(directory, name, 0755);
  else if (!there)
    sys::openat(directory, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
  Place place{.file = std::move(directory), .name = std::move(name), .made = !there};
  place.directory = place.file;
  return place;
}

Place place_of(const BindMount& step, FdRef source, Scene& scene) {
  if (step.target_nofollow) return unfollowed_place(step, source, scene);
  const Reach reach = step.target == "/proc" ? Reach::real_directory : Reach::anywhere;
  return find_place(
      step.target, [&] { return kind_of(source); }, reach, scene);
}

bool copies_link(const BindMount& step, FdRef source) {
  return step.copy_symlink && S_ISLNK(sys::fstat(source).st_mode);
}

/// The same link may be there already: the container's root outlives the container.
void copy_link(const BindMount& step, FdRef source, Scene& scene) {
  const auto text = sys::readlinkat(source, "");
  const auto [directory, name] = open_parent_in_root(scene.root, step.target);
  if (::symlinkat(text.c_str(), directory.get(), name.c_str()) == 0) return;
  const int code = errno;
  const auto there = sys::try_fstatat(directory, name);
  const bool same = there && S_ISLNK(there->st_mode) && sys::readlinkat(directory, name) == text;
  if (!same) throw Error::system("make the link " + step.target + " to " + text, code);
}

void remember(const BindMount& step, MountFd& mount, Scene& scene) {
  if (step.target == "/dev") scene.dev.reset();
  const auto set = step.attributes.set | step.attributes.recursive_set;
  if (step.target == "/proc" && (set & MOUNT_ATTR_RDONLY) == 0) scene.proc = Fd(mount.release());
}

void bind_now(const BindMount& step, Scene& scene) {
  auto tree = clone_source(step, scene);
  if (copies_link(step, tree)) return copy_link(step, tree, scene);
  check_proc(step, tree);
  const auto place = place_of(step, tree, scene);
  int code = attach(tree, place, scene);
  // move_mount(2) says EINVAL where mount(2) says what is wrong, and engines look for that.
  if (code == EINVAL && place.file && S_ISDIR(sys::fstat(tree).st_mode) != S_ISDIR(sys::fstat(place.file).st_mode))
    code = ENOTDIR;
  check(code, step);
  remember(step, tree, scene);
}

void bind_before(const BindMount& step, Scene& scene) {
  if (step.id_maps)
    throw Error(describe_mount_step(step) + ": needs open_tree(2) and mount_setattr(2), Linux 5.12", ENOSYS);
  // The runtime has nothing to hand over that mount(2) takes: what this process may not reach stays out of reach.
  const auto [source, code] =
      sys::try_openat(working_directory, step.source, O_PATH | (step.source_nofollow ? O_NOFOLLOW : 0));
  if (code != 0) throw Error::system("bind source " + step.source, code);
  if (copies_link(step, source)) return copy_link(step, source, scene);
  check_proc(step, source);
  check(legacy::bind(source, place_of(step, source, scene), step.recursive, scene), step);
  if (step.target == "/dev") scene.dev.reset();
  auto attributes = step.attributes;
  int changed = legacy::change(step.target, attributes, scene);
  if (changed == EPERM && allow_for_locked(step, flags_of(source), attributes))
    changed = legacy::change(step.target, attributes, scene);
  check(changed, step);
}

}  // namespace

void perform(const OpenSource& step, Scene& scene) {
  scene.sources.push_back(clone_source(step.bind, scene));
}

void perform(const BindMount& step, Scene& scene) {
  with_mount_api(
      scene, [&] { bind_now(step, scene); }, [&] { bind_before(step, scene); });
}

}  // namespace oci::init
