// SPDX-License-Identifier: Apache-2.0
// linux.netDevices: the host's network devices in a container's network namespace (config-linux.md, "Network Devices").
#pragma once
#include <map>
#include <string>
#include <vector>

#include "kernel/network_link.hpp"
#include "oci/spec.hpp"

namespace oci {

/// The way of a container's devices, there and back. What keeps this object keeps both namespaces alive.
class NetworkDevices {
 public:
  /// `process` lives in the container's network namespace. @throws Error when that is the host's
  explicit NetworkDevices(const Pidfd& process);

  /// Moves each device, under its new name, with its permanent addresses of global scope, and up. MTU and hardware
  /// address stay by themselves. @throws Error "linux.netDevices.NAME: …"; give_back then takes back what has moved
  void move(const std::map<std::string, NetDevice>& devices);

  /// Back to the host, under the old names, with the addresses and the state they had. For a container that has not
  /// come to be; what fails is a warning.
  void give_back() noexcept;

 private:
  struct Moved {
    NetworkLink link;  ///< as it was on the host
    std::vector<NetworkAddress> addresses;
    int index = 0;  ///< in the container
  };
  void move(const std::string& name, const std::string& new_name);
  void give_back(const Moved& device);

  NetworkNamespace host_;
  NetworkNamespace container_;
  std::vector<Moved> moved_;
};

}  // namespace oci
