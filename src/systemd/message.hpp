// SPDX-License-Identifier: Apache-2.0
// Properties of units as D-Bus messages have them: a(sv).
#pragma once
#include <systemd/sd-bus.h>

#include <string_view>

#include "kernel/systemd_properties.hpp"

namespace oci::systemd {

/// The result of a function of sd-bus: itself, unless it is an errno. @throws Error
int check(int result, std::string_view attempt);

/// Writes one struct (sv). @throws Error
void append(sd_bus_message* message, const SystemdProperty& property);

}  // namespace oci::systemd
