// SPDX-License-Identifier: Apache-2.0
#include "kernel/network_devices.hpp"

#include "base/log.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

bool is_template(const std::string& name) {
  return name.find('%') != name.npos;
}

}  // namespace

NetworkDevices::NetworkDevices(const Pidfd& process)
    : host_(NetworkNamespace::own()), container_(NetworkNamespace::of(process)) {
  if (host_ == container_)
    throw Error("linux.netDevices: the container's network namespace is the host's, which has the devices already");
}

void NetworkDevices::move(const std::map<std::string, NetDevice>& devices) {
  for (const auto& entry : devices)
    in_context([&] { return "linux.netDevices." + entry.first; }, [&] { move(entry.first, entry.second.name); });
}

void NetworkDevices::move(const std::string& name, const std::string& new_name) {
  const auto link = host_.find(name);
  if (!link) throw Error("the host's network namespace has no such device", ENODEV);
  const auto& wanted = new_name.empty() ? link->name : new_name;
  // The kernel moves first and renames then; asking before spares the device the way there and back.
  if (!is_template(wanted) && container_.find(wanted))
    throw Error("the container's network namespace has a device " + wanted + " already", EEXIST);

  // Before it goes down: that takes most IPv6 addresses with it.
  auto addresses = host_.addresses(link->index);
  std::optional<int> index;
  try {
    host_.move(link->index, container_, wanted, index);
  } catch (const Error&) {
    if (index) moved_.push_back({*link, std::move(addresses), *index});
    throw;
  }
  const auto& moved = moved_.emplace_back(Moved{*link, std::move(addresses), *index});
  const auto there = container_.find(moved.index);
  if (!there) throw Error("the device has not arrived in the container's network namespace", ENODEV);
  for (const auto& address : moved.addresses)
    if (address.belongs_to_device()) container_.add(address, *there, link->name);
  container_.set_up(there->index);
}

void NetworkDevices::give_back() noexcept {
  while (!moved_.empty()) {
    const auto device = std::move(moved_.back());
    moved_.pop_back();
    try {
      give_back(device);
    } catch (const Error& error) {
      log::warning("give network device " + device.link.name + " back to the host: " + error.what());
    }
  }
}

void NetworkDevices::give_back(const Moved& device) {
  std::optional<int> index;
  container_.move(device.index, host_, device.link.name, index);
  const auto here = host_.find(*index);
  if (!here) throw Error("it has not arrived");
  for (const auto& address : device.addresses) host_.add(address, *here, device.link.name);
  if (device.link.up) host_.set_up(here->index);
}

}  // namespace oci
