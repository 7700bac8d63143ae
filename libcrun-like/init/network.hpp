// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace oci::init {

/// Sets "lo" of the network namespace that the caller is in up. @throws Error
void raise_loopback();

}  // namespace oci::init
