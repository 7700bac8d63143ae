// SPDX-License-Identifier: Apache-2.0
// What a bundle says, read and checked before anything is made.
#pragma once
#include <string>

#include "oci/container.hpp"
#include "oci/spec.hpp"

namespace oci {

struct BundleConfig {
  std::string text;  ///< as it was read
  Spec spec;
};

/// @throws Error that names the member at fault, or says where the file was looked for
BundleConfig read_bundle_config(const CreateOptions& options);

/// root.path, absolute. @throws Error unless it is a directory
std::string find_rootfs(const Spec& spec, const std::string& bundle);

}  // namespace oci
