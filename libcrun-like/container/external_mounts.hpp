// SPDX-License-Identifier: Apache-2.0
// Mounts that come from outside of the container: CRIU neither dumps what is in them nor makes them itself, but has to
// be told of each. "mnt[/data]:/data" gives the mount at /data a name when it is dumped, and "mnt[/data]:/srv/data"
// says what takes the place of that name when it is restored. The names are runc's.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "oci/spec.hpp"

namespace oci {

/// For a dump of the container whose first process is `pid`. What is where comes from that process's mount table: a
/// destination may have led through links.
std::vector<std::string> mounts_left_out(const Spec& spec, const std::string& bundle, pid_t pid);

/// A bind of config.json, and where its destination leads in the container.
struct PlacedBind {
  std::string source;  ///< absolute
  std::string target;
  bool recursive = false;
};

/// For a restore.
std::vector<std::string> mounts_brought_in(const Spec& spec, const std::vector<PlacedBind>& binds);

/// Whether config.json asks for the mount of something that exists elsewhere.
bool is_bind_mount(const Mount& mount);

}  // namespace oci
