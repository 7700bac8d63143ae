// SPDX-License-Identifier: Apache-2.0
#include "base/mountinfo.hpp"

#include "base/text.hpp"

namespace oci {

MountLine cut_mount_line(std::string_view& mountinfo) noexcept {
  auto line = cut(mountinfo, "\n");
  MountLine found;
  for (auto* field : {&found.id, &found.parent, &found.device, &found.root, &found.point, &found.options})
    *field = cut(line, " ");
  while (!line.empty() && cut(line, " ") != "-") continue;  // optional fields
  for (auto* field : {&found.type, &found.source, &found.superblock}) *field = cut(line, " ");
  return found;
}

}  // namespace oci
