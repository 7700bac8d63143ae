// SPDX-License-Identifier: Apache-2.0
#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/files.hpp"
#include "base/mountinfo.hpp"
#include "base/syscalls.hpp"
#include "base/text.hpp"
#include "kernel/cgroup.hpp"

namespace oci {
namespace {

bool is_cgroup2(const char* path) noexcept {
  struct statfs result {};
  return ::statfs(path, &result) == 0 && result.f_type == CGROUP2_SUPER_MAGIC;
}

}  // namespace

std::string find_cgroup_mount(std::string_view mountinfo, std::string_view type, std::string_view controller) {
  while (!mountinfo.empty()) {
    const auto line = cut_mount_line(mountinfo);
    if (line.type == type && (controller.empty() || has_part(line.superblock, ",", controller)))
      return unescape_mountinfo(line.point);
  }
  return {};
}

CgroupHost CgroupHost::probe() {
  if (is_cgroup2("/sys/fs/cgroup")) return {.mount = "/sys/fs/cgroup", .hybrid = false};
  if (is_cgroup2("/sys/fs/cgroup/unified")) return {.mount = "/sys/fs/cgroup/unified", .hybrid = true};
  return {.mount = find_cgroup_mount(read_file(working_directory, "/proc/self/mountinfo"), "cgroup2"), .hybrid = true};
}

std::string own_cgroup() {
  static constexpr std::size_t size = 4096;
  const Fd file = sys::openat(working_directory, "/proc/self/cgroup", O_RDONLY);
  std::string text;
  // cgroups(7): cgroup2 has the hierarchy 0 and no controllers; its line is the last one, so there is no need to look
  // for the end of the file behind it.
  for (;;) {
    const auto used = text.size();
    text.resize(used + size);
    const auto got = ::read(file.get(), text.data() + used, size);
    if (got < 0 && errno != EINTR) throw Error::system("read /proc/self/cgroup");
    text.resize(used + static_cast<std::size_t>(got > 0 ? got : 0));
    const auto line = text.starts_with("0::") ? 0 : text.find("\n0::");
    if (line != std::string::npos && text.back() == '\n') {
      std::string_view rest = std::string_view(text).substr(text.find("::", line) + 2);
      return std::string(cut(rest, "\n"));
    }
    if (got == 0) throw Error("/proc/self/cgroup has no line for cgroup2 (\"0::\")");
  }
}

std::string cgroup_directory(const CgroupHost& host, std::string_view cgroups_path, std::string_view id) {
  // A name cut off at its NUL, or one that climbs, would be another cgroup than the one that was asked for.
  if (cgroups_path.find('\0') != std::string_view::npos) throw Error("linux.cgroupsPath has a NUL character in it");
  const std::string_view name = cgroups_path.empty() ? id : cgroups_path;
  for (std::string_view rest = name; !rest.empty();)
    if (cut(rest, "/") == "..") throw Error("linux.cgroupsPath " + std::string(name) + " has a \"..\" in it");

  std::string path = clean_path("/" + std::string(name));
  if (path == "/")
    throw Error("linux.cgroupsPath " + std::string(name) +
                " is the root of all cgroups, which a container cannot have");
  if (name.front() == '/') return host.mount + path;
  const std::string own = own_cgroup();
  // Its own cgroup holds the caller, and a cgroup with processes cannot hand controllers on: hence a sibling.
  // clean_path drops the ".." that a cgroup namespace shows for cgroups outside of it.
  const std::string parent = clean_path(own.substr(0, own.rfind('/')) + "/");
  return host.mount + (parent == "." || parent == "/" ? "" : parent) + path;
}

}  // namespace oci
