// SPDX-License-Identifier: Apache-2.0
#include "spec/mount_options.hpp"

#include <sys/mount.h>

#include <algorithm>
#include <array>

namespace oci {
namespace {

enum class Kind : std::uint8_t {
  none,
  attribute,
  recursive_attribute,
  superblock,
  propagation,
  bind,
  rbind,
  remount,
  copy_up,
  copy_symlink,
  source_nofollow,
  target_nofollow,
  id_map,
  recursive_id_map
};

/// `set` is added to what earlier words asked for and `unset` taken away from it; `clear` is what a mount that has it
/// must lose.
struct Row {
  std::string_view name;
  Kind kind;
  std::uint64_t set = 0;
  std::uint64_t unset = 0;
  std::uint64_t clear = 0;
};

constexpr auto attribute = Kind::attribute;
constexpr auto recursive = Kind::recursive_attribute;
constexpr std::uint64_t any_atime = MOUNT_ATTR__ATIME;

constexpr Row on(std::string_view name, Kind kind, std::uint64_t bits) {
  return {name, kind, bits, 0, 0};
}
constexpr Row off(std::string_view name, Kind kind, std::uint64_t bits) {
  return {name, kind, 0, bits, kind == Kind::superblock ? 0 : bits};
}
/// One of the three modes; the kernel wants them chosen together.
constexpr Row atime(std::string_view name, Kind kind, std::uint64_t mode) {
  return {name, kind, mode, any_atime, any_atime};
}
/// "atime", "diratime", "norelatime": takes back what another word said. By itself it leaves a bind what it had
/// (mount(2), MS_REMOUNT), while the recursive form, which is newer, asks for the default.
constexpr Row no_atime(std::string_view name, Kind kind, std::uint64_t mode) {
  return {name, kind, 0, mode, kind == recursive ? any_atime : 0};
}

constexpr std::array table{
    on("acl", Kind::superblock, MS_POSIXACL),
    off("async", Kind::superblock, MS_SYNCHRONOUS),
    no_atime("atime", attribute, MOUNT_ATTR_NOATIME),
    Row{"bind", Kind::bind},
    Row{"copy-symlink", Kind::copy_symlink},
    Row{"defaults", Kind::none},
    Row{"dest-nofollow", Kind::target_nofollow},
    off("dev", attribute, MOUNT_ATTR_NODEV),
    no_atime("diratime", attribute, MOUNT_ATTR_NODIRATIME),
    on("dirsync", Kind::superblock, MS_DIRSYNC),
    off("exec", attribute, MOUNT_ATTR_NOEXEC),
    Row{"idmap", Kind::id_map},
    on("iversion", Kind::superblock, MS_I_VERSION),
    on("lazytime", Kind::superblock, MS_LAZYTIME),
    off("loud", Kind::superblock, MS_SILENT),
    on("mand", Kind::superblock, MS_MANDLOCK),
    off("noacl", Kind::superblock, MS_POSIXACL),
    atime("noatime", attribute, MOUNT_ATTR_NOATIME),
    on("nodev", attribute, MOUNT_ATTR_NODEV),
    Row{"nodiratime", attribute, MOUNT_ATTR_NODIRATIME, 0, any_atime},
    on("noexec", attribute, MOUNT_ATTR_NOEXEC),
    off("noiversion", Kind::superblock, MS_I_VERSION),
    off("nolazytime", Kind::superblock, MS_LAZYTIME),
    off("nomand", Kind::superblock, MS_MANDLOCK),
    no_atime("norelatime", attribute, MOUNT_ATTR_RELATIME),
    no_atime("nostrictatime", attribute, MOUNT_ATTR_STRICTATIME),
    on("nosuid", attribute, MOUNT_ATTR_NOSUID),
    on("nosymfollow", attribute, MOUNT_ATTR_NOSYMFOLLOW),
    Row{"private", Kind::propagation, MS_PRIVATE},
    off("rasync", Kind::superblock, MS_SYNCHRONOUS),
    no_atime("ratime", recursive, MOUNT_ATTR_NOATIME),
    Row{"rbind", Kind::rbind},
    off("rdev", recursive, MOUNT_ATTR_NODEV),
    off("rdiratime", recursive, MOUNT_ATTR_NODIRATIME),
    on("rdirsync", Kind::superblock, MS_DIRSYNC),
    atime("relatime", attribute, MOUNT_ATTR_RELATIME),
    Row{"remount", Kind::remount},
    off("rexec", recursive, MOUNT_ATTR_NOEXEC),
    Row{"ridmap", Kind::recursive_id_map},
    on("rmand", Kind::superblock, MS_MANDLOCK),
    atime("rnoatime", recursive, MOUNT_ATTR_NOATIME),
    on("rnodev", recursive, MOUNT_ATTR_NODEV),
    on("rnodiratime", recursive, MOUNT_ATTR_NODIRATIME),
    on("rnoexec", recursive, MOUNT_ATTR_NOEXEC),
    off("rnomand", Kind::superblock, MS_MANDLOCK),
    no_atime("rnorelatime", recursive, MOUNT_ATTR_RELATIME),
    no_atime("rnostrictatime", recursive, MOUNT_ATTR_STRICTATIME),
    on("rnosuid", recursive, MOUNT_ATTR_NOSUID),
    on("rnosymfollow", recursive, MOUNT_ATTR_NOSYMFOLLOW),
    on("ro", attribute, MOUNT_ATTR_RDONLY),
    Row{"rprivate", Kind::propagation, MS_PRIVATE | MS_REC},
    atime("rrelatime", recursive, MOUNT_ATTR_RELATIME),
    on("rro", recursive, MOUNT_ATTR_RDONLY),
    off("rrw", recursive, MOUNT_ATTR_RDONLY),
    Row{"rshared", Kind::propagation, MS_SHARED | MS_REC},
    Row{"rslave", Kind::propagation, MS_SLAVE | MS_REC},
    atime("rstrictatime", recursive, MOUNT_ATTR_STRICTATIME),
    off("rsuid", recursive, MOUNT_ATTR_NOSUID),
    off("rsymfollow", recursive, MOUNT_ATTR_NOSYMFOLLOW),
    on("rsync", Kind::superblock, MS_SYNCHRONOUS),
    Row{"runbindable", Kind::propagation, MS_UNBINDABLE | MS_REC},
    off("rw", attribute, MOUNT_ATTR_RDONLY),
    Row{"shared", Kind::propagation, MS_SHARED},
    on("silent", Kind::superblock, MS_SILENT),
    Row{"slave", Kind::propagation, MS_SLAVE},
    Row{"src-nofollow", Kind::source_nofollow},
    atime("strictatime", attribute, MOUNT_ATTR_STRICTATIME),
    off("suid", attribute, MOUNT_ATTR_NOSUID),
    off("symfollow", attribute, MOUNT_ATTR_NOSYMFOLLOW),
    on("sync", Kind::superblock, MS_SYNCHRONOUS),
    Row{"tmpcopyup", Kind::copy_up},
    Row{"unbindable", Kind::propagation, MS_UNBINDABLE},
};
static_assert(std::is_sorted(table.begin(), table.end(), [](const Row& a, const Row& b) { return a.name < b.name; }));

void apply(const Row& row, std::uint64_t& set, std::uint64_t& clear) {
  const bool takes_back = (set & row.unset & any_atime) != 0;
  set = (set & ~row.unset) | row.set;
  if (takes_back) clear &= ~any_atime;
  clear = (clear & ~(row.set & ~any_atime)) | row.clear;
}

/// The words that are flags of a mount or of its file system.
void apply_flag(const Row& row, MountAttributes& attributes) {
  if (row.kind == attribute) return apply(row, attributes.set, attributes.clear);
  if (row.kind == recursive) return apply(row, attributes.recursive_set, attributes.recursive_clear);
  attributes.superblock = (attributes.superblock & ~row.unset) | row.set;
}

void apply(const Row& row, MountOptions& options) {
  switch (row.kind) {
    case Kind::none:
      break;
    case Kind::attribute:
    case Kind::superblock:
      options.names_flags = true;
      [[fallthrough]];
    case Kind::recursive_attribute:
      apply_flag(row, options.attributes);
      break;
    case Kind::propagation:
      options.attributes.propagation.push_back(row.set);
      break;
    case Kind::bind:
      options.bind = true;
      options.recursive = false;
      break;
    case Kind::rbind:
      options.bind = options.recursive = true;
      break;
    case Kind::remount:
      options.remount = options.names_flags = true;
      break;
    case Kind::copy_up:
      options.copy_up = true;
      break;
    case Kind::copy_symlink:
      options.copy_symlink = true;
      break;
    case Kind::source_nofollow:
      options.source_nofollow = true;
      break;
    case Kind::target_nofollow:
      options.target_nofollow = true;
      break;
    case Kind::id_map:
      options.id_map = MountOptions::IdMap::top;
      break;
    case Kind::recursive_id_map:
      options.id_map = MountOptions::IdMap::recursive;
      break;
  }
}

/// crun's "idmap=uids=…;gids=…", and the same with "ridmap=". False when `word` is something else.
bool takes_id_maps(const std::string& word, MountOptions& options) {
  static constexpr std::string_view top = "idmap=";
  static constexpr std::string_view all = "ridmap=";
  if (!word.starts_with(top) && !word.starts_with(all)) return false;
  options.id_map = word.starts_with(top) ? MountOptions::IdMap::top : MountOptions::IdMap::recursive;
  options.id_maps = word.substr(word.find('=') + 1);
  return true;
}

}  // namespace

MountOptions parse_mount_options(const std::vector<std::string>& words) {
  MountOptions options;
  for (const auto& word : words) {
    const auto* row = std::lower_bound(table.begin(), table.end(), word,
                                       [](const Row& entry, std::string_view name) { return entry.name < name; });
    if (row != table.end() && row->name == word)
      apply(*row, options);
    else if (!word.empty() && !takes_id_maps(word, options))
      options.parameters.push_back(word);
  }
  return options;
}

std::vector<std::string_view> mount_option_names() {
  std::vector<std::string_view> names;
  names.reserve(table.size());
  for (const auto& row : table) names.push_back(row.name);
  return names;
}

}  // namespace oci
