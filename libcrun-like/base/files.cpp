// SPDX-License-Identifier: Apache-2.0
#include "base/files.hpp"

#include <sys/stat.h>

#include <array>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <memory>
#include <vector>

#include "base/syscalls.hpp"
#include "base/text.hpp"

namespace oci {
namespace {

/// One component more, without what leads nowhere.
void append_component(std::vector<std::string_view>& parts, std::string_view part, bool absolute) {
  if (part.empty() || part == ".") return;
  const bool leads_up = part == "..";
  if (leads_up && !parts.empty() && parts.back() != "..")
    parts.pop_back();
  else if (!leads_up || !absolute)
    parts.push_back(part);
}

/// Nothing that clean_path() would take out; no name with a dot in front, to be quick.
bool is_clean(std::string_view path) {
  if (path.size() < 2 || path.front() != '/' || path.back() == '/') return false;
  return path.find("//") == path.npos && path.find("/.") == path.npos;
}

/// ENODEV and ESRCH come from files of cgroups and of /proc.
bool is_gone(int code) noexcept {
  return code == ENOENT || code == ENOTDIR || code == ENODEV || code == ESRCH;
}

/// Nothing where there is none to read.
std::optional<Fd> try_open(FdRef dir, const std::string& path) {
  auto [file, code] = sys::try_openat(dir, path, O_RDONLY);
  if (is_gone(code)) return std::nullopt;
  if (code != 0) throw Error::system("open " + path + " (O_RDONLY)", code);
  return std::move(file);
}

std::string_view kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "a directory";
    case S_IFIFO:
      return "a pipe";
    case S_IFSOCK:
      return "a socket";
    default:
      return "a device";
  }
}

std::string read_to_end(FdRef file, const struct stat& status, std::string_view name, std::size_t limit) {
  static constexpr std::size_t first_block = 4096;  // what most files of procfs, sysfs and cgroupfs fit in
  const bool sized = S_ISREG(status.st_mode) && status.st_size > 0;
  const auto guess = sized ? static_cast<std::size_t>(status.st_size) + 1 : first_block;
  std::string text(std::min(guess, limit + 1), '\0');
  std::size_t used = 0;
  for (;;) {
    const auto got = ::read(file.get(), text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error::system("read " + std::string(name));
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
    if (used > limit)
      throw Error("read " + std::string(name) + ": more than " + std::to_string(limit) + " bytes", EFBIG);
    if (sized && used + 1 == guess && used < text.size()) break;  // as long as it was said to be, with room for more
    if (used == text.size()) text.resize(std::min(text.size() * 2, limit + 1));
  }
  text.resize(used);
  return text;
}

}  // namespace

std::string read_all(FdRef file, std::string_view name, std::size_t limit) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) status = {};
  return read_to_end(file, status, name, limit);
}

std::string read_regular(FdRef file, std::string_view name, std::size_t limit) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw Error::system("stat " + std::string(name));
  if (!S_ISREG(status.st_mode))
    throw Error(std::string(name) + " is " + std::string(kind_of(status.st_mode)) + ", not a regular file", EINVAL);
  return read_to_end(file, status, name, limit);
}

std::string read_file(FdRef dir, const std::string& path, std::size_t limit) {
  return read_all(sys::openat(dir, path, O_RDONLY), path, limit);
}

std::optional<std::string> try_read_file(FdRef dir, const std::string& path, std::size_t limit) {
  const auto file = try_open(dir, path);
  if (!file) return std::nullopt;
  try {
    return read_all(*file, path, limit);
  } catch (const Error& error) {
    if (is_gone(error.code())) return std::nullopt;
    throw;
  }
}

std::optional<std::string> try_read_page(FdRef dir, const std::string& path) {
  const auto file = try_open(dir, path);
  if (!file) return std::nullopt;
  std::array<char, 4096> page;  // NOLINT(cppcoreguidelines-pro-type-member-init): the kernel fills what is used
  const auto got = ::read(file->get(), page.data(), page.size());
  if (got < 0 && is_gone(errno)) return std::nullopt;
  if (got < 0) throw Error::system("read " + path);
  return std::string(page.data(), static_cast<std::size_t>(got));
}

int try_write_file(FdRef dir, const std::string& path, std::string_view text) noexcept {
  auto [file, code] = sys::try_openat(dir, path, O_WRONLY);
  if (code != 0) return code;
  ssize_t written = 0;
  do {
    written = ::write(file.get(), text.data(), text.size());
  } while (written < 0 && errno == EINTR);
  return written < 0 ? errno : 0;
}

void write_file(FdRef dir, const std::string& path, std::string_view text) {
  if (const int code = try_write_file(dir, path, text); code != 0)
    throw Error::system("write \"" + std::string(text) + "\" to " + path, code);
}

void write_all(FdRef file, std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const auto written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw Error::system("write " + std::string(name));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void replace_file(FdRef dir, const std::string& path, std::string_view text, mode_t mode) {
  // The process id keeps two writers apart; whoever renames last wins, and neither is seen half-written.
  const std::string temporary = path + "." + std::to_string(::getpid()) + ".new";
  try {
    write_all(sys::openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode), text, path);
    if (::renameat(dir.get(), temporary.c_str(), dir.get(), path.c_str()) < 0)
      throw Error::system("rename " + temporary + " to " + path);
  } catch (...) {
    ::unlinkat(dir.get(), temporary.c_str(), 0);
    throw;
  }
}

std::string absolute_path(const std::string& path) {
  if (!path.empty() && path.front() == '/') return clean_path(path);
  const std::unique_ptr<char, decltype(&std::free)> here(::get_current_dir_name(), &std::free);
  if (!here) throw Error::system("get the working directory");
  return clean_path(std::string(here.get()) + "/" + path);
}

std::string clean_path(std::string_view path) {
  if (is_clean(path)) return std::string(path);
  const bool absolute = !path.empty() && path.front() == '/';
  std::vector<std::string_view> parts;
  while (!path.empty()) append_component(parts, cut(path, "/"), absolute);
  std::string result;
  for (const auto part : parts) result.append(absolute || !result.empty() ? "/" : "").append(part);
  return !result.empty() ? result : absolute ? "/" : ".";
}

std::string unescape_mountinfo(std::string_view text) {
  static constexpr std::size_t digits = 3;
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char code = 0;
    const char* first = text.data() + i + 1;
    if (text[i] == '\\' && i + digits < text.size() &&
        std::from_chars(first, first + digits, code, 8).ptr == first + digits) {
      result.push_back(static_cast<char>(code));
      i += digits;
    } else {
      result.push_back(text[i]);
    }
  }
  return result;
}

}  // namespace oci
