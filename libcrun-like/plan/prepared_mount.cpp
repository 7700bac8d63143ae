// SPDX-License-Identifier: Apache-2.0
#include "plan/prepared_mount.hpp"

namespace oci {

const BindMount* bind_of(const Action& action) noexcept {
  const auto* early = std::get_if<OpenSource>(&action);
  return early ? &early->bind : std::get_if<BindMount>(&action);
}

const MountFilesystem* filesystem_of(const Action& action) noexcept {
  const auto* early = std::get_if<MakeFilesystem>(&action);
  return early ? &early->mount : std::get_if<MountFilesystem>(&action);
}

}  // namespace oci
