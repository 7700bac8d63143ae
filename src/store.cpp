// SPDX-License-Identifier: Apache-2.0
#include "store.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/files.hpp"

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

/// Empty when there is none to be used.
std::string user_root() {
  const char* directory = std::getenv("XDG_RUNTIME_DIR");
  if (!directory || *directory != '/' || !is_ordinary_user()) return {};
  return clean_path(std::string(directory) + "/runtime");
}

}  // namespace

Store store_of(const Globals& globals) {
  if (!globals.root.empty()) return {globals.root};
  auto root = user_root();
  return {root.empty() ? std::string(system_root) : std::move(root)};
}

void make_default_root(const Globals& globals) {
  const auto root = globals.root.empty() ? user_root() : std::string();
  if (root.empty()) return;
  static constexpr mode_t owner_and_sticky = S_IRWXU | S_ISVTX;
  if (::mkdir(root.c_str(), S_IRWXU) < 0 && errno != EEXIST) throw Error::system("make the directory " + root);
  if (::chmod(root.c_str(), owner_and_sticky) < 0) throw Error::system("set the sticky bit of " + root);
}

}  // namespace oci::cli
