// SPDX-License-Identifier: Apache-2.0
// Mounts of a container that has no mount namespace: they are the host's, and outlive its process.
#pragma once
#include <string>

#include "container/state.hpp"

namespace oci {

/// Before the first of them: writes down what is mounted at `rootfs` now, so that later the container's mounts can be
/// told from it. @throws Error where that could not be: the root is the host's
void remember_host_view(const StateDirectory& directory, const std::string& rootfs);

/// runtime.md, "Delete": what create has made is deleted. Unmounts the container's root with everything in it, if there
/// is one. What cannot be unmounted is a warning.
void clear_host_view(const StateDirectory& directory);

}  // namespace oci
