// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

namespace oci {

/// The directory that remembers containers (`--root`): one sub-directory per id, made on first use.
struct Store {
  std::string root;  ///< absolute
};

}  // namespace oci
