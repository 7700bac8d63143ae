// SPDX-License-Identifier: Apache-2.0
#include "init/mounts_legacy.hpp"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <utility>

namespace oci::init::legacy {
namespace {

/// MOUNT_ATTR_* and the MS_* that mount(2) calls the same.
struct Pair {
  std::uint64_t attribute;
  unsigned long flag;
};
constexpr std::array pairs{
    Pair{MOUNT_ATTR_RDONLY, MS_RDONLY},         Pair{MOUNT_ATTR_NOSUID, MS_NOSUID},
    Pair{MOUNT_ATTR_NODEV, MS_NODEV},           Pair{MOUNT_ATTR_NOEXEC, MS_NOEXEC},
    Pair{MOUNT_ATTR_NOATIME, MS_NOATIME},       Pair{MOUNT_ATTR_STRICTATIME, MS_STRICTATIME},
    Pair{MOUNT_ATTR_NODIRATIME, MS_NODIRATIME}, Pair{MOUNT_ATTR_NOSYMFOLLOW, 256 /* MS_NOSYMFOLLOW */}};

/// fsconfig(2) takes strings of up to 256 bytes.
constexpr std::size_t longest_value = 255;

constexpr unsigned long only_mount_knows = MS_SILENT | MS_I_VERSION | MS_POSIXACL;

unsigned long flags_of(std::uint64_t attributes) {
  unsigned long flags = 0;
  for (const auto& [attribute, flag] : pairs)
    if ((attributes & attribute) != 0) flags |= flag;
  return flags;
}

/// While one lives, the working directory is a procfs, so that descriptors have names: "self/fd/7". Ours is looked at
/// once, when it can still only be the host's; it stays open until the program starts, because the container's may be
/// anything.
class Names {
 public:
  explicit Names(Scene& scene) {
    attach_root(scene);  // mount(2) reaches nothing that is detached
    keep_host_proc(scene);
    before_ = sys::openat(working_directory, ".", O_PATH | O_DIRECTORY);
    if (::fchdir(scene.host_proc.get()) < 0) throw Error::system("change to /proc");
  }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  ~Names() { [[maybe_unused]] const int back = ::fchdir(before_.get()); }

  static std::string of(FdRef file) { return "self/fd/" + std::to_string(file.get()); }

 private:
  Fd before_;
};

/// A place that was named has to be opened for mount(2).
Fd open_named(const Place& place) {
  return place.name.empty() ? Fd() : sys::openat(place.directory, place.name, O_PATH | O_NOFOLLOW);
}

int call(const char* source, const std::string& target, const char* type, unsigned long flags,
         const std::string& options) {
  return ::mount(source, target.c_str(), type, flags, options.empty() ? nullptr : options.c_str()) < 0 ? errno : 0;
}

/// mount(2) wants to know all flags of a bind again.
std::uint64_t present(FdRef mount) {
  struct statvfs status {};
  if (::fstatvfs(mount.get(), &status) < 0) throw Error::system("statvfs of a mount");
  // statvfs(3)'s flags; those of access times have bits of their own.
  std::uint64_t attributes = status.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC);
  if ((status.f_flag & ST_NOATIME) != 0)
    attributes |= MOUNT_ATTR_NOATIME;
  else if ((status.f_flag & ST_RELATIME) == 0)
    attributes |= MOUNT_ATTR_STRICTATIME;
  if ((status.f_flag & ST_NODIRATIME) != 0) attributes |= MOUNT_ATTR_NODIRATIME;
  return attributes;
}

/// A label of SELinux has commas in it, which otherwise end an option (mount(8), "context").
std::string quoted(const std::string& parameter) {
  const auto name = std::string_view(parameter).substr(0, parameter.find('='));
  if (!name.ends_with("context") || parameter.find(',') == parameter.npos) return parameter;
  return std::string(name).append("=\"").append(parameter, name.size() + 1).append("\"");
}

}  // namespace

bool needs_mount(const MountFilesystem& step, Parameters parameters) noexcept {
  const bool too_long = std::any_of(parameters.begin(), parameters.end(),
                                    [](const auto& parameter) { return parameter.size() > longest_value; });
  return too_long || (step.attributes.superblock & only_mount_knows) != 0;
}

void keep_host_proc(Scene& scene) {
  if (scene.host_proc) return;
  scene.host_proc = sys::openat(working_directory, "/proc", O_PATH | O_DIRECTORY);
  if (sys::filesystem_magic(scene.host_proc) != PROC_SUPER_MAGIC) throw Error("/proc is no procfs");
}

int unmount(FdRef mount, Scene& scene) {
  // UMOUNT_NOFOLLOW would take the name for the place. Where it leads no path of the container's decides, but the
  // kernel goes on from there to what covers the mount, and takes that. EINVAL: the mount is not, or no more, in the
  // namespace. The container may cover it again and again.
  static constexpr int most_covers = 1000;
  const Names names(scene);
  const auto name = Names::of(mount);
  for (int count = 0; count < most_covers; ++count)
    if (::umount2(name.c_str(), MNT_DETACH) < 0) return count > 0 && errno == EINVAL ? 0 : errno;
  return EBUSY;
}

bool is_locked(FdRef mount, Scene& scene) {
  // Who holds a descriptor of it uses it, so it does not expire: EBUSY, where a lock is seen first.
  const Names names(scene);
  return ::umount2(Names::of(mount).c_str(), MNT_EXPIRE) < 0 && errno == EINVAL;
}

int mount_filesystem(const MountFilesystem& step, Parameters parameters, const Place& place, Scene& scene) {
  const Fd named = open_named(place);
  std::string options;
  for (const auto& parameter : parameters) options.append(options.empty() ? "" : ",").append(quoted(parameter));
  const Names names(scene);
  const auto flags = flags_of(step.attributes.set) | step.attributes.superblock;
  return call(step.source.c_str(), Names::of(named ? named : place.file), step.type.c_str(), flags, options);
}

int bind(FdRef source, const Place& place, bool recursive, Scene& scene) {
  const Fd named = open_named(place);
  const Names names(scene);
  return call(Names::of(source).c_str(), Names::of(named ? named : place.file), nullptr,
              MS_BIND | (recursive ? static_cast<unsigned long>(MS_REC) : 0), {});
}

int change(const std::string& target, const MountAttributes& attributes, Scene& scene) {
  if ((attributes.recursive_set | attributes.recursive_clear) != 0)
    throw Error("recursive flags at " + target + " need mount_setattr(2), Linux 5.12", ENOSYS);
  const Fd mount = open_in_root(scene.root, target, O_PATH);
  const Names names(scene);
  if ((attributes.set | attributes.clear) != 0) {
    const auto wanted = (present(mount) & ~attributes.clear) | attributes.set;
    auto flags = flags_of(wanted);
    if ((wanted & (MOUNT_ATTR_NOATIME | MOUNT_ATTR_STRICTATIME)) == 0) flags |= MS_RELATIME;
    if (const int code = call(nullptr, Names::of(mount), nullptr, MS_REMOUNT | MS_BIND | flags, {}); code != 0)
      return code;
  }
  for (const auto propagation : attributes.propagation)
    if (const int code = call(nullptr, Names::of(mount), nullptr, propagation, {}); code != 0) return code;
  return 0;
}

}  // namespace oci::init::legacy
