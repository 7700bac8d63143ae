// SPDX-License-Identifier: Apache-2.0
// Which directory remembers the containers of this call.
#pragma once
#include "oci/store.hpp"
#include "options.hpp"

namespace oci::cli {

/// `--root`, or the default: /run/runtime, and $XDG_RUNTIME_DIR/runtime for ordinary users.
Store store_of(const Globals& globals);

/// Makes the default directory below $XDG_RUNTIME_DIR, with the sticky bit that keeps cleaners from removing it
/// (XDG base directory specification); nothing to do for any other.
void make_default_root(const Globals& globals);

}  // namespace oci::cli
