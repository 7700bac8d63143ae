// SPDX-License-Identifier: Apache-2.0
// Which ids an id-mapped mount shows: its own mappings, crun's option "idmap=…", or those of the container's user
// namespace.
#pragma once
#include <optional>

#include "kernel/id_maps.hpp"
#include "oci/spec.hpp"
#include "plan/mount_steps.hpp"
#include "spec/mount_options.hpp"

namespace oci {

/// Nothing for a mount that maps no ids. `container`: the maps of the container's user namespace, empty where it has
/// none. @throws Error with the member of the mount that is wrong
std::optional<MountIdMaps> mount_id_maps(const Mount& mount, const MountOptions& options, const IdMaps& container);

/// Whether any mount needs to know the maps of the container's user namespace.
bool needs_container_ids(const Spec& spec);

}  // namespace oci
