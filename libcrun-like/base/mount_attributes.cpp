// SPDX-License-Identifier: Apache-2.0
#include "base/mount_attributes.hpp"

#include <sys/mount.h>

#include <array>
#include <string_view>

namespace oci {
namespace {

struct Word {
  std::uint64_t bits;
  const char* set;
  const char* cleared;
};

constexpr std::array attribute_words{
    Word{MOUNT_ATTR_RDONLY, "ro", "rw"},
    Word{MOUNT_ATTR_NOSUID, "nosuid", "suid"},
    Word{MOUNT_ATTR_NODEV, "nodev", "dev"},
    Word{MOUNT_ATTR_NOEXEC, "noexec", "exec"},
    Word{MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow", "symfollow"},
    Word{MOUNT_ATTR_NODIRATIME, "nodiratime", "diratime"},
};

constexpr std::array superblock_words{
    Word{MS_SYNCHRONOUS, "sync", ""},  Word{MS_DIRSYNC, "dirsync", ""}, Word{MS_MANDLOCK, "mand", ""},
    Word{MS_LAZYTIME, "lazytime", ""}, Word{MS_SILENT, "silent", ""},   Word{MS_I_VERSION, "iversion", ""},
    Word{MS_POSIXACL, "acl", ""},
};

void append(std::string& words, std::string_view prefix, std::string_view word) {
  words.append(words.empty() ? "" : ",").append(prefix).append(word);
}

void append_attributes(std::string& words, std::string_view prefix, std::uint64_t set, std::uint64_t clear) {
  for (const auto& word : attribute_words) {
    if ((set & word.bits) != 0)
      append(words, prefix, word.set);
    else if ((clear & word.bits) != 0)
      append(words, prefix, word.cleared);
  }
  if ((set & MOUNT_ATTR_NOATIME) != 0)
    append(words, prefix, "noatime");
  else if ((set & MOUNT_ATTR_STRICTATIME) != 0)
    append(words, prefix, "strictatime");
  else if ((clear & MOUNT_ATTR__ATIME) != 0)
    append(words, prefix, "relatime");
}

}  // namespace

std::string propagation_in_words(unsigned long flags) {
  const char* type = (flags & MS_SHARED) != 0    ? "shared"
                     : (flags & MS_SLAVE) != 0   ? "slave"
                     : (flags & MS_PRIVATE) != 0 ? "private"
                                                 : "unbindable";
  return ((flags & MS_REC) != 0 ? "r" : "") + std::string(type);
}

std::string in_words(const MountAttributes& attributes) {
  std::string words;
  append_attributes(words, "", attributes.set, attributes.clear);
  append_attributes(words, "r", attributes.recursive_set, attributes.recursive_clear);
  for (const auto& word : superblock_words)
    if ((attributes.superblock & word.bits) != 0) append(words, "", word.set);
  for (const auto flags : attributes.propagation) append(words, "", propagation_in_words(flags));
  return words;
}

}  // namespace oci
