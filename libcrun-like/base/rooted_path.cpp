// SPDX-License-Identifier: Apache-2.0
#include "base/rooted_path.hpp"

#include <linux/openat2.h>

#include <deque>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/text.hpp"

namespace oci {
namespace {

/// path_resolution(7).
constexpr unsigned most_links = 40;

/// The walk down to something that has to be made. `parents_` are the directories passed, so that ".." of a link's
/// target goes up by descriptor, and never above the root.
class Walk {
 public:
  Walk(FdRef root, std::string_view path, Missing kind) : root_(root), kind_(kind), path_(path) { put_in_front(path); }

  Fd run() {
    while (!rest_.empty()) {
      const std::string part = std::move(rest_.front());
      rest_.pop_front();
      if (part == "..") {
        go_up();
      } else if (!rest_.empty() || kind_ == Missing::directory) {
        descend(part);
      } else if (auto file = make_file(part)) {
        return file;
      }
    }
    if (kind_ == Missing::file) throw Error::system("make the file " + path_ + " in the container's root", EISDIR);
    return parents_.empty() ? sys::duplicate(root_) : std::move(parents_.back());
  }

 private:
  void put_in_front(std::string_view path) {
    std::vector<std::string_view> parts;
    while (!path.empty()) {
      const auto part = cut(path, "/");
      if (!part.empty() && part != ".") parts.push_back(part);
    }
    rest_.insert(rest_.begin(), parts.begin(), parts.end());
  }

  void go_up() {
    if (!parents_.empty()) parents_.pop_back();
  }

  [[noreturn]] void fail(const std::string& part, int code) const {
    throw Error::system("make " + part + " of " + path_ + " in the container's root", code);
  }

  /// The last component. Empty when a link stands there, which the walk then follows.
  Fd make_file(const std::string& part) {
    auto [file, code] = sys::try_openat(FdRef(here()), part, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
    if (code == 0) return std::move(file);
    if (code != EEXIST) fail(part, code);
    auto [found, why] = look_at(part, 0);
    if (why == ELOOP)
      follow(part);
    else if (why != 0)
      fail(part, why);
    return std::move(found);
  }

  sys::TriedFd look_at(const std::string& part, int flags) const {
    return sys::try_openat2(FdRef(here()), part.c_str(), O_PATH | flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  }

  void make_directory(const std::string& part) const {
    if (::mkdirat(here(), part.c_str(), 0755) < 0 && errno != EEXIST) fail(part, errno);
  }

  void descend(const std::string& part) {
    // The last one is what the lookup missed, so it is made without looking; those above it mostly exist.
    if (rest_.empty()) make_directory(part);
    auto [directory, code] = look_at(part, O_DIRECTORY);
    if (code == ENOENT) {
      make_directory(part);
      auto again = look_at(part, O_DIRECTORY);
      directory = std::move(again.fd);
      code = again.code;
    }
    if (code == ELOOP) return follow(part);
    if (code != 0) fail(part, code);
    parents_.push_back(std::move(directory));
  }

  void follow(const std::string& part) {
    if (++links_ > most_links) fail(part, ELOOP);
    // What a link of /proc reads as is not where it leads, and a descriptor that this walk opened may have brought it
    // forth.
    if (sys::try_openat2(FdRef(here()), part.c_str(), O_PATH, RESOLVE_NO_MAGICLINKS).code == ELOOP) fail(part, ELOOP);
    const std::string target = sys::readlinkat(FdRef(here()), part);
    if (target.starts_with('/')) parents_.clear();
    put_in_front(target);
  }

  int here() const { return parents_.empty() ? root_.get() : parents_.back().get(); }

  FdRef root_;
  std::vector<Fd> parents_;
  std::deque<std::string> rest_;
  Missing kind_;
  std::string path_;
  unsigned links_ = 0;
};

const char* relative(const std::string& path) {
  const auto start = path.find_first_not_of('/');
  return start == path.npos ? "." : path.c_str() + start;
}

}  // namespace

sys::TriedFd try_open_in_root(FdRef root, const std::string& path, int flags, Links links) {
  const std::uint64_t resolve =
      RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (links == Links::refuse ? std::uint64_t{RESOLVE_NO_SYMLINKS} : 0);
  auto tried = sys::try_openat2(root, relative(path), flags, resolve);
  if (tried.code == ENOSYS)
    throw Error::system(
        "openat2 " + path + " (Linux 5.6 or later is needed, and a seccomp filter that lets it through)", ENOSYS);
  return tried;
}

Fd open_in_root(FdRef root, const std::string& path, int flags, Links links) {
  auto [file, code] = try_open_in_root(root, path, flags, links);
  if (code != 0)
    throw Error::system("open " + path + " in the container's root (" + sys::open_flags_in_words(flags) + ")", code);
  return std::move(file);
}

Fd make_in_root(FdRef root, const std::string& path, Missing kind) {
  return Walk(root, path, kind).run();
}

RootedEntry open_parent_in_root(FdRef root, const std::string& path) {
  const std::string clean = clean_path("/" + path);
  const auto slash = clean.rfind('/');
  RootedEntry entry{{}, clean.substr(slash + 1)};
  if (entry.name.empty()) throw Error("\"" + path + "\" names no entry of a directory", EINVAL);
  const std::string parent = clean.substr(0, slash);
  auto [directory, code] = try_open_in_root(root, parent, O_PATH | O_DIRECTORY);
  if (code != 0 && code != ENOENT) throw Error::system("open " + parent + " in the container's root", code);
  entry.directory = code == 0 ? std::move(directory) : make_in_root(root, parent, Missing::directory);
  return entry;
}

}  // namespace oci
