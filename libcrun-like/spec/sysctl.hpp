// SPDX-License-Identifier: Apache-2.0
// Names of kernel settings (config-linux.md, "Sysctl"): the file below /proc/sys that one means, and what keeps it
// apart from the host's. Both answers come from the file, so that no spelling means one thing to the check and another
// to the kernel.
#pragma once
#include <string>

#include "oci/spec.hpp"

namespace oci {

/// "net.ipv4.ip_forward" and "net/ipv4/ip_forward" -> "net/ipv4/ip_forward". As in sysctl(8) dots separate unless the
/// first separator is a slash; then they are part of names ("net/ipv4/conf/eth0.1/forwarding"). @throws Error for what
/// is no name
std::string sysctl_file(const std::string& name);

/// The kind of namespace that has its own value of `file`. @throws Error when there is none: it would change the host
NamespaceType sysctl_namespace(const std::string& file);

}  // namespace oci
