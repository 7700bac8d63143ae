// SPDX-License-Identifier: Apache-2.0
#include "store.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/files.hpp"
#include "oci/error.hpp"

namespace oci::cli {
namespace {

constexpr std::string_view system_root = "/run/runtime";

bool in_user_namespace() {
  // The initial one maps all ids to themselves (user_namespaces(7)).
  const auto map = try_read_file(working_directory, "/proc/self/uid_map");
  std::uint64_t inside = 0, outside = 0, size = 0;
  return map && std::sscanf(map->c_str(), "%lu %lu %lu", &inside, &outside, &size) == 3 &&
         !(inside == 0 && outside == 0 && size == UINT32_MAX);
}

/// Root of a user namespace that was not entered as root (podman unshare, rootlesskit) counts as an ordinary user.
bool is_ordinary_user() {
  if (::geteuid() != 0) return true;
  const char* user = std::getenv("USER");
  return (!user || std::string_view(user) != "root") && in_user_namespace();
}

/// Where pam_systemd(8) puts $XDG_RUNTIME_DIR, for those who come by su(1) or cron(8) and are not told. Empty when it
/// is not theirs.
std::string usual_runtime_directory() {
  auto directory = "/run/user/" + std::to_string(::geteuid());
  struct stat status {};
  const bool is_own =
      ::lstat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid();
  return is_own ? directory : std::string();
}

/// Empty when there is none to be used.
std::string user_root() {
  const char* named = std::getenv("XDG_RUNTIME_DIR");
  const bool is_named = named && *named == '/';
  if (!is_named && ::geteuid() == 0) return {};
  if (is_named && !is_ordinary_user()) return {};
  const auto directory = is_named ? std::string(named) : usual_runtime_directory();
  return directory.empty() ? directory : clean_path(directory + "/runtime");
}

[[noreturn]] void refuse_root() {
  throw Error("no directory for the state of containers: $XDG_RUNTIME_DIR is not set, and /run/user/" +
                  std::to_string(::geteuid()) +
                  " is not this user's: export XDG_RUNTIME_DIR=DIRECTORY (one of your own), or use --root DIRECTORY",
              ENOENT);
}

[[noreturn]] void refuse_root(const std::string& root, int code) {
  throw Error(std::string(Error::system("make the directory " + root, code).what()) +
                  ": $XDG_RUNTIME_DIR is no directory of this user: export XDG_RUNTIME_DIR=/run/user/" +
                  std::to_string(::geteuid()) + ", or use --root DIRECTORY",
              code);
}

}  // namespace

Store store_of(const Globals& globals) {
  if (!globals.root.empty()) return {globals.root};
  auto root = user_root();
  return {root.empty() ? std::string(system_root) : std::move(root)};
}

void make_default_root(const Globals& globals) {
  const auto root = globals.root.empty() ? user_root() : std::string();
  if (root.empty() && globals.root.empty() && ::geteuid() != 0) refuse_root();
  if (root.empty()) return;
  static constexpr mode_t owner_and_sticky = S_IRWXU | S_ISVTX;
  if (::mkdir(root.c_str(), S_IRWXU) < 0 && errno != EEXIST) refuse_root(root, errno);
  if (::chmod(root.c_str(), owner_and_sticky) < 0) throw Error::system("set the sticky bit of " + root);
}

}  // namespace oci::cli
