// SPDX-License-Identifier: Apache-2.0
#include "spec/mount_options.hpp"

#include <sys/mount.h>

#include <algorithm>

#include "support/catch.hpp"

using namespace oci;

namespace {

std::string words_of(const std::vector<std::string>& options) {
  return in_words(parse_mount_options(options).attributes);
}

}  // namespace

TEST_CASE("flags are set and cleared as they are named, and the later of two holds") {
  const auto options = parse_mount_options({"ro", "nosuid", "dev", "rw", "ro"});
  CHECK(options.attributes.set == (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID));
  CHECK(options.attributes.clear == MOUNT_ATTR_NODEV);
  CHECK(options.names_flags);
  CHECK(parse_mount_options({"ro", "rw"}).attributes.clear == MOUNT_ATTR_RDONLY);
  CHECK(parse_mount_options({"ro", "rw"}).attributes.set == 0);
}

TEST_CASE("the mode of access times is chosen as a whole") {
  const auto noatime = parse_mount_options({"strictatime", "noatime"}).attributes;
  CHECK(noatime.set == MOUNT_ATTR_NOATIME);
  CHECK(noatime.clear == MOUNT_ATTR__ATIME);
  const auto relatime = parse_mount_options({"noatime", "relatime"}).attributes;
  CHECK(relatime.set == 0);
  CHECK(relatime.clear == MOUNT_ATTR__ATIME);
  const auto both = parse_mount_options({"noatime", "nodiratime"}).attributes;
  CHECK(both.set == (MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODIRATIME));
  CHECK(both.clear == MOUNT_ATTR__ATIME);
  const auto inherited = parse_mount_options({"noatime", "atime"}).attributes;
  CHECK(inherited.set == 0);
  CHECK(inherited.clear == 0);
  CHECK(parse_mount_options({"relatime", "atime"}).attributes.clear == MOUNT_ATTR__ATIME);
  CHECK(parse_mount_options({"diratime"}).attributes.clear == 0);
  CHECK(parse_mount_options({"nodiratime", "diratime"}).attributes.set == 0);
}

TEST_CASE("the words with r are for everything below and say nothing about the top's flags") {
  const auto options = parse_mount_options({"rbind", "rro", "rnosuid", "rexec", "ratime"});
  CHECK(options.bind);
  CHECK(options.recursive);
  CHECK_FALSE(options.names_flags);
  CHECK(options.attributes.set == 0);
  CHECK(options.attributes.recursive_set == (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID));
  CHECK(options.attributes.recursive_clear == (MOUNT_ATTR_NOEXEC | MOUNT_ATTR__ATIME));
}

TEST_CASE("propagation is kept in the order it is given") {
  const auto options = parse_mount_options({"private", "rshared"});
  CHECK(options.attributes.propagation == std::vector<unsigned long>{MS_PRIVATE, MS_SHARED | MS_REC});
  CHECK_FALSE(options.names_flags);
}

TEST_CASE("words of the file system are left as they are") {
  const auto options = parse_mount_options({"defaults", "size=64k", "", "newinstance", "mode=755"});
  CHECK(options.parameters == std::vector<std::string>{"size=64k", "newinstance", "mode=755"});
  CHECK_FALSE(options.names_flags);
}

TEST_CASE("flags of the superblock are apart from those of the mount") {
  const auto options = parse_mount_options({"sync", "lazytime", "silent", "loud", "nomand"});
  CHECK(options.attributes.superblock == (MS_SYNCHRONOUS | MS_LAZYTIME));
  CHECK(options.attributes.set == 0);
}

TEST_CASE("what is neither flag nor parameter is a member of its own") {
  const auto options =
      parse_mount_options({"tmpcopyup", "copy-symlink", "src-nofollow", "dest-nofollow", "ridmap", "remount"});
  CHECK(options.copy_up);
  CHECK(options.copy_symlink);
  CHECK(options.source_nofollow);
  CHECK(options.target_nofollow);
  CHECK(options.remount);
  CHECK(options.id_map == MountOptions::IdMap::recursive);
  CHECK(parse_mount_options({"idmap"}).id_map == MountOptions::IdMap::top);
  CHECK_FALSE(parse_mount_options({"idmap"}).id_maps);
  CHECK(parse_mount_options({"ridmap=uids=0-1-2"}).id_map == MountOptions::IdMap::recursive);
  CHECK(parse_mount_options({"idmap=uids=0-1-2"}).id_maps == "uids=0-1-2");
  CHECK(parse_mount_options({"idmap=uids=0-1-2"}).parameters.empty());
  CHECK(options.parameters.empty());
}

TEST_CASE("every word that runc and crun know is in the table, and none is taken for a parameter") {
  const std::vector<std::string> known{"acl",
                                       "async",
                                       "atime",
                                       "bind",
                                       "copy-symlink",
                                       "defaults",
                                       "dest-nofollow",
                                       "dev",
                                       "diratime",
                                       "dirsync",
                                       "exec",
                                       "idmap",
                                       "iversion",
                                       "lazytime",
                                       "loud",
                                       "mand",
                                       "noacl",
                                       "noatime",
                                       "nodev",
                                       "nodiratime",
                                       "noexec",
                                       "noiversion",
                                       "nolazytime",
                                       "nomand",
                                       "norelatime",
                                       "nostrictatime",
                                       "nosuid",
                                       "nosymfollow",
                                       "private",
                                       "rasync",
                                       "ratime",
                                       "rbind",
                                       "rdev",
                                       "rdiratime",
                                       "rdirsync",
                                       "relatime",
                                       "remount",
                                       "rexec",
                                       "ridmap",
                                       "rmand",
                                       "rnoatime",
                                       "rnodev",
                                       "rnodiratime",
                                       "rnoexec",
                                       "rnomand",
                                       "rnorelatime",
                                       "rnostrictatime",
                                       "rnosuid",
                                       "rnosymfollow",
                                       "ro",
                                       "rprivate",
                                       "rrelatime",
                                       "rro",
                                       "rrw",
                                       "rshared",
                                       "rslave",
                                       "rstrictatime",
                                       "rsuid",
                                       "rsymfollow",
                                       "rsync",
                                       "runbindable",
                                       "rw",
                                       "shared",
                                       "silent",
                                       "slave",
                                       "src-nofollow",
                                       "strictatime",
                                       "suid",
                                       "symfollow",
                                       "sync",
                                       "tmpcopyup",
                                       "unbindable"};
  const auto names = mount_option_names();
  CHECK(std::equal(names.begin(), names.end(), known.begin(), known.end()));
  CHECK(parse_mount_options(known).parameters.empty());
}

TEST_CASE("attributes are shown in the words they came in") {
  CHECK(words_of({"nosuid", "ro", "noatime", "rnoexec", "sync", "rslave"}) == "ro,nosuid,noatime,rnoexec,sync,rslave");
  CHECK(words_of({"rw", "relatime"}) == "rw,relatime");
  CHECK(words_of({"defaults"}).empty());
}
