// SPDX-License-Identifier: Apache-2.0
// Small files, whole: configuration, state, and the one-line files of /proc and /sys.
#pragma once
#include <fcntl.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/handle.hpp"

namespace oci {

/// Reads to the end of file; pipes and /dev/fd/N work. A file of more than `limit` bytes is an Error, not a truncation.
std::string read_all(FdRef file, std::string_view name, std::size_t limit);
/// The same of a file that is no pipe, device or directory, which could keep the caller waiting for ever; anything else
/// is an Error that says what it is. To be opened with `flags_of_regular`.
std::string read_regular(FdRef file, std::string_view name, std::size_t limit);
inline constexpr int flags_of_regular = O_RDONLY | O_NONBLOCK | O_NOCTTY;
std::string read_file(FdRef dir, const std::string& path, std::size_t limit = std::size_t{1} << 20U);
/// Nothing when there is no such file (ENOENT, ENOTDIR, and ENODEV and ESRCH, which files of cgroup and /proc give).
std::optional<std::string> try_read_file(FdRef dir, const std::string& path, std::size_t limit = std::size_t{1} << 20U);
/// The same of a file that the kernel writes while it is read: what comes at once, which is all of it up to a
/// page; the rest is cut off.
std::optional<std::string> try_read_page(FdRef dir, const std::string& path);

/// Writes `text` in one write(2), as kernel files want it. The file must exist. @throws Error "write TEXT to PATH: …"
void write_file(FdRef dir, const std::string& path, std::string_view text);
/// The same, answering with the errno, 0 for success.
int try_write_file(FdRef dir, const std::string& path, std::string_view text) noexcept;

/// Writes all of `text`, however many write(2)s that takes.
void write_all(FdRef file, std::string_view text, std::string_view name);

/// Creates or replaces a file so that a reader sees all of it or nothing (a temporary name, then rename(2)).
void replace_file(FdRef dir, const std::string& path, std::string_view text, mode_t mode);

/// `path` below the working directory unless it is absolute; purely textual.
std::string absolute_path(const std::string& path);
/// Without ".", "..", and doubled slashes; purely textual, so links are not looked at.
std::string clean_path(std::string_view path);

/// A path in /proc/PID/mountinfo (proc_pid_mountinfo(5)), where blanks and backslashes are three octal digits: "\040".
std::string unescape_mountinfo(std::string_view text);

}  // namespace oci
