// SPDX-License-Identifier: Apache-2.0
// tmpcopyup: a tmpfs that starts with what it covers. The directory is the image's, so nothing in it is followed.
#include <dirent.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <memory>
#include <string>
#include <vector>

#include "base/syscalls.hpp"
#include "init/mounts.hpp"

namespace oci::init {
namespace {

/// Every level keeps two descriptors open; nobody nests an image's directory like this except to use them up.
constexpr unsigned deepest = 100;
constexpr mode_t permissions = 07777;

void copy_content(FdRef from, FdRef to, const std::string& name) {
  static constexpr std::size_t chunk = std::size_t{1} << 30U;
  for (;;) {
    const auto copied = ::sendfile(to.get(), from.get(), nullptr, chunk);
    if (copied == 0) return;
    if (copied < 0 && errno != EINTR) throw Error::system("copy up " + name);
  }
}

/// Owner before mode, because chown(2) takes set-id bits away. What tmpfs has no place for (ENOTSUP) is left behind.
void copy_properties(FdRef from, FdRef to, const struct stat& status, const std::string& name) {
  if (::fchown(to.get(), status.st_uid, status.st_gid) < 0 || ::fchmod(to.get(), status.st_mode & permissions) < 0)
    throw Error::system("copy up the owner and mode of " + name);
  std::string names(std::size_t{64} * 1024, '\0');
  const auto size = ::flistxattr(from.get(), names.data(), names.size());
  if (size <= 0) return;
  std::string value(std::size_t{64} * 1024, '\0');
  for (std::size_t at = 0; at < static_cast<std::size_t>(size); at += std::string_view(names.c_str() + at).size() + 1) {
    const auto length = ::fgetxattr(from.get(), names.c_str() + at, value.data(), value.size());
    if (length < 0) continue;
    const int set = ::fsetxattr(to.get(), names.c_str() + at, value.data(), static_cast<std::size_t>(length), 0);
    if (set < 0 && errno != ENOTSUP && errno != EPERM) throw Error::system("copy up the attributes of " + name);
  }
}

void copy_tree(FdRef from, FdRef to, const std::string& name, unsigned depth);

void copy_entry(FdRef from, FdRef to, const std::string& name, unsigned depth) {
  const auto status = sys::try_fstatat(from, name);
  if (!status) return;
  if (S_ISDIR(status->st_mode)) {
    sys::mkdirat(to, name, 0700);
    const auto below = sys::openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const auto copy = sys::openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    copy_tree(below, copy, name, depth + 1);
  } else if (S_ISREG(status->st_mode)) {
    const auto file = sys::openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const auto copy = sys::openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    copy_content(file, copy, name);
    copy_properties(file, copy, sys::fstat(file), name);
  } else if (S_ISLNK(status->st_mode)) {
    if (::symlinkat(sys::readlinkat(from, name).c_str(), to.get(), name.c_str()) < 0)
      throw Error::system("copy up the link " + name);
    sys::fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW);
  } else {
    if (::mknodat(to.get(), name.c_str(), status->st_mode, status->st_rdev) < 0)
      throw Error::system("copy up the node " + name);
    sys::fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW);
  }
}

std::vector<std::string> names_in(FdRef directory, const std::string& name) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(
      ::fdopendir(sys::openat(directory, ".", O_RDONLY | O_DIRECTORY).release()), &::closedir);
  if (!listing) throw Error::system("list " + name);
  std::vector<std::string> names;
  while (const auto* entry = ::readdir(listing.get()))
    if (std::string_view found = entry->d_name; found != "." && found != "..") names.emplace_back(found);
  return names;
}

void copy_tree(FdRef from, FdRef to, const std::string& name, unsigned depth) {
  if (depth > deepest) throw Error("copy up " + name + ": nested too deeply", ELOOP);
  for (const auto& entry : names_in(from, name)) copy_entry(from, to, entry, depth);
  copy_properties(from, to, sys::fstat(from), name);
}

}  // namespace

void copy_directory(FdRef from, FdRef to) {
  // Both may be O_PATH, which can be neither listed nor changed.
  const auto source = sys::openat(from, ".", O_RDONLY | O_DIRECTORY);
  const auto target = sys::openat(to, ".", O_RDONLY | O_DIRECTORY);
  for (const auto& entry : names_in(source, "the directory")) copy_entry(source, target, entry, 0);
}

}  // namespace oci::init
