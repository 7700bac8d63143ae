// SPDX-License-Identifier: Apache-2.0
// Network namespaces from outside, and the network devices in them (rtnetlink(7)).
#pragma once
#include <linux/if_addr.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/handle.hpp"
#include "kernel/route_netlink.hpp"

namespace oci {

/// A network device, as its namespace knows it.
struct NetworkLink {
  int index = 0;
  std::string name;
  bool up = false;
  std::string kind;  ///< "veth"; empty for hardware (IFLA_INFO_KIND)
};

/// One of its addresses.
struct NetworkAddress {
  ifaddrmsg header{};
  std::uint32_t flags = 0;                                   ///< IFA_F_…
  std::vector<std::pair<unsigned, std::string>> attributes;  ///< IFA_…, as the kernel gave them
  std::string label;                                         ///< IFA_LABEL (IPv4): "eth0", "eth0:1"

  /// What config-linux.md, "Network Devices", wants preserved: IFA_F_PERMANENT and RT_SCOPE_UNIVERSE.
  bool belongs_to_device() const noexcept;
};

/// @throws Error when `body`, of an RTM_NEWLINK or RTM_NEWADDR message, is too short for what it has to be
NetworkLink decode_link(std::string_view body);
NetworkAddress decode_address(std::string_view body);

/// The label of an address when its device gets another name: "eth0:1" of eth0 becomes "ctr0:1". Empty where the kernel
/// shall use the device's name.
std::string label_after_renaming(const std::string& label, const std::string& old_name, const std::string& new_name);

/// A network namespace and a socket in it, which this process uses from where it is. Both keep the namespace alive.
class NetworkNamespace {
 public:
  /// The caller's.
  static NetworkNamespace own();
  /// That of `process`: setns(2) there and back, because a socket belongs where it was made.
  static NetworkNamespace of(const Pidfd& process);

  bool operator==(const NetworkNamespace& other) const;

  /// Also by one of its alternative names, if it has some; nothing when there is no such device.
  std::optional<NetworkLink> find(const std::string& name);
  std::optional<NetworkLink> find(int index);
  std::vector<NetworkAddress> addresses(int index);

  /// Moves the device `index` to `target`, where it is called `name`; "%d" in that is a number of the kernel's choice.
  /// Addresses are lost, and it is down. Returns its index there. One message, but two steps of the kernel's: where the
  /// second, the renaming, fails, the device is in `target` under its old name, and moved_to is set all the same.
  void move(int index, NetworkNamespace& target, const std::string& name, std::optional<int>& moved_to);
  /// An address that is there already is no error.
  void add(const NetworkAddress& address, const NetworkLink& link, const std::string& old_name);
  void set_up(int index);

 private:
  explicit NetworkNamespace(Fd file) : file_(std::move(file)) {}
  std::optional<NetworkLink> answer(const RouteRequest& request);
  int free_index(int wanted);

  Fd file_;  ///< nsfs
  RouteSocket socket_;
};

}  // namespace oci
