// SPDX-License-Identifier: Apache-2.0
// System calls under their own names. Each throws an Error that says what was attempted; the try_ forms return the
// errno instead, for callers to whom a failure is an answer. Every descriptor they make is close-on-exec from birth.
#pragma once
#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.hpp"
#include "oci/error.hpp"

namespace oci::sys {

/// A descriptor, or the errno for which there is none.
struct TriedFd {
  Fd fd;
  int code = 0;
  explicit operator bool() const noexcept { return code == 0; }
};

/// open(2) flags in words, as error messages show them: "O_RDONLY|O_DIRECTORY".
std::string open_flags_in_words(int flags);

// Files
// -----------------------------------------------------------------------------------------------------------------

Fd openat(FdRef dir, const std::string& path, int flags, mode_t mode = 0);
TriedFd try_openat(FdRef dir, const std::string& path, int flags, mode_t mode = 0) noexcept;

/// openat2(2); `resolve` is of RESOLVE_*. Retries EAGAIN, which a rename during a RESOLVE_IN_ROOT lookup causes.
TriedFd try_openat2(FdRef dir, const char* path, int flags, std::uint64_t resolve, mode_t mode = 0) noexcept;

struct stat fstat(FdRef file);
bool is_same_file(const struct stat& one, const struct stat& other) noexcept;
/// stat without following a last link; nothing when there is no such file.
std::optional<struct stat> try_fstatat(FdRef dir, const std::string& path, int flags = AT_SYMLINK_NOFOLLOW);
/// The file system's magic number (fstatfs(2), f_type).
unsigned long filesystem_magic(FdRef file);
/// The root of a procfs, which has always the same number (PROC_ROOT_INO), whatever is mounted on parts of it.
bool is_proc_root(FdRef directory);
/// The device 1:3 (Documentation/admin-guide/devices.txt).
bool is_null_device(const struct stat& status) noexcept;
void mkdirat(FdRef dir, const std::string& path, mode_t mode);
void unlinkat(FdRef dir, const std::string& path, int flags = 0);
void fchownat(FdRef dir, const std::string& path, uid_t uid, gid_t gid, int flags);
/// The target of a symbolic link; `path` may be empty for an O_PATH descriptor of the link itself.
std::string readlinkat(FdRef dir, const std::string& path);
Fd duplicate(FdRef file, int lowest = 3);

/// Marks every descriptor from `first` on close-on-exec, or closes it (close_range(2)).
void cloexec_from(unsigned first);
void close_from(unsigned first);

// Mounts (the child's steps are the only callers; a style test checks it)
// --------------------------------------------------

Fd fsopen(const std::string& type);
/// `flags`: OPEN_TREE_CLONE and AT_* (AT_RECURSIVE, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW). O_CLOEXEC is added.
MountFd open_tree(FdRef dir, const std::string& path, unsigned flags);
/// Attaches `mount` on top of what `target` stands for (MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH).
void move_mount(const MountFd& mount, FdRef target, std::string_view what);

// Processes -----------------------------------------------------------------------------------------------------------

Pidfd pidfd_open(pid_t pid);
/// Nothing when there is no such process.
std::optional<Pidfd> try_pidfd_open(pid_t pid);
/// False when the process is gone.
bool pidfd_send_signal(const Pidfd& process, int signal);
/// True once the process has ended (a zombie counts), without reaping it. Waits for `timeout_ms`, for ever if -1.
bool has_ended(const Pidfd& process, int timeout_ms = 0);

/// The exit status as a shell would give it: 0-255, 128+n for signal n. Reaps.
int wait_status(const Pidfd& child);

}  // namespace oci::sys
