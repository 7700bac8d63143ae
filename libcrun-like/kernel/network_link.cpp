// SPDX-License-Identifier: Apache-2.0
#include "kernel/network_link.hpp"

#include <linux/if_link.h>
#include <net/if.h>

#include <algorithm>

#include "base/syscalls.hpp"
#include "kernel/network_visit.hpp"

namespace oci {
namespace {

std::string text_of(std::string_view payload) {
  return std::string(payload.substr(0, payload.find('\0')));
}

ifinfomsg link_header(int index) {
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = index;
  return header;
}

/// What user space may ask for; the others are the kernel's to set.
constexpr std::uint32_t settable =
    IFA_F_NODAD | IFA_F_OPTIMISTIC | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN;

bool copied(unsigned type) {
  static constexpr unsigned priority = 9;  // IFA_RT_PRIORITY, IFA_PROTO: newer than some headers
  static constexpr unsigned protocol = 11;
  return type == IFA_ADDRESS || type == IFA_LOCAL || type == IFA_BROADCAST || type == IFA_CACHEINFO ||
         type == priority || type == protocol;
}

}  // namespace

bool NetworkAddress::belongs_to_device() const noexcept {
  return (flags & IFA_F_PERMANENT) != 0 && header.ifa_scope == RT_SCOPE_UNIVERSE;
}

NetworkLink decode_link(std::string_view body) {
  const auto header = front_as<ifinfomsg>(body);
  if (!header) throw Error("rtnetlink: a link that is too short");
  NetworkLink link{header->ifi_index, {}, (header->ifi_flags & IFF_UP) != 0, {}};
  each_attribute(body.substr(sizeof *header), [&](unsigned type, std::string_view payload) {
    if (type == IFLA_IFNAME) link.name = text_of(payload);
    if (type != IFLA_LINKINFO) return;
    each_attribute(payload, [&](unsigned info, std::string_view value) {
      if (info == IFLA_INFO_KIND) link.kind = text_of(value);
    });
  });
  if (link.index <= 0 || link.name.empty()) throw Error("rtnetlink: a link without index or name");
  return link;
}

NetworkAddress decode_address(std::string_view body) {
  const auto header = front_as<ifaddrmsg>(body);
  if (!header) throw Error("rtnetlink: an address that is too short");
  NetworkAddress address;
  address.header = *header;
  address.flags = header->ifa_flags;
  each_attribute(body.substr(sizeof *header), [&](unsigned type, std::string_view payload) {
    if (type == IFA_FLAGS) address.flags = front_as<std::uint32_t>(payload).value_or(address.flags);
    if (type == IFA_LABEL) address.label = text_of(payload);
    if (copied(type)) address.attributes.emplace_back(type, payload);
  });
  return address;
}

std::string label_after_renaming(const std::string& label, const std::string& old_name, const std::string& new_name) {
  if (!label.starts_with(old_name + ":")) return {};
  const auto changed = new_name + label.substr(old_name.size());
  return changed.size() < IFNAMSIZ ? changed : std::string();
}

NetworkNamespace NetworkNamespace::own() {
  return NetworkNamespace(sys::openat(working_directory, "/proc/self/ns/net", O_RDONLY));
}

NetworkNamespace NetworkNamespace::of(const Pidfd& process) {
  NetworkVisit visit;
  visit.begin(process);
  auto found = own();
  visit.end();
  return found;
}

bool NetworkNamespace::operator==(const NetworkNamespace& other) const {
  return sys::is_same_file(sys::fstat(file_), sys::fstat(other.file_));
}

std::optional<NetworkLink> NetworkNamespace::answer(const RouteRequest& request) {
  std::optional<NetworkLink> link;
  const auto verdict = socket_.ask(request, [&](unsigned type, std::string_view body) {
    if (type == RTM_NEWLINK) link = decode_link(body);
  });
  if (verdict.code == ENODEV) return std::nullopt;
  if (verdict.code != 0) throw Error::system("look for a network device (RTM_GETLINK)", verdict.code);
  return link;
}

std::optional<NetworkLink> NetworkNamespace::find(const std::string& name) {
  return answer(RouteRequest(RTM_GETLINK, 0, link_header(0)).add_text(IFLA_IFNAME, name));
}

std::optional<NetworkLink> NetworkNamespace::find(int index) {
  return answer(RouteRequest(RTM_GETLINK, 0, link_header(index)));
}

std::vector<NetworkAddress> NetworkNamespace::addresses(int index) {
  std::vector<NetworkAddress> found;
  const auto verdict =
      socket_.ask(RouteRequest(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{}), [&](unsigned type, std::string_view body) {
        if (type != RTM_NEWADDR) return;
        auto address = decode_address(body);
        if (address.header.ifa_index == static_cast<unsigned>(index)) found.push_back(std::move(address));
      });
  if (verdict.code != 0) throw Error::system("list addresses (RTM_GETADDR)", verdict.code);
  return found;
}

/// `wanted`, or one above all others.
int NetworkNamespace::free_index(int wanted) {
  if (!find(wanted)) return wanted;
  int highest = 0;
  const auto verdict =
      socket_.ask(RouteRequest(RTM_GETLINK, NLM_F_DUMP, link_header(0)), [&](unsigned type, std::string_view body) {
        if (type == RTM_NEWLINK) highest = std::max(highest, decode_link(body).index);
      });
  if (verdict.code != 0) throw Error::system("list network devices (RTM_GETLINK)", verdict.code);
  return highest + 1;
}

void NetworkNamespace::move(int index, NetworkNamespace& target, const std::string& name,
                            std::optional<int>& moved_to) {
  // Chosen here, because the answer does not tell it, and a name with "%d" in it cannot be looked up.
  const int new_index = target.free_index(index);
  RouteRequest request(RTM_NEWLINK, 0, link_header(index));
  request.add_number(IFLA_NET_NS_FD, static_cast<std::uint32_t>(target.file_.get()));
  request.add_text(IFLA_IFNAME, name);
  static constexpr unsigned new_ifindex = 49;  // IFLA_NEW_IFINDEX, Linux 5.13; without it the kernel keeps a free one
  if (new_index != index) request.add_number(new_ifindex, static_cast<std::int32_t>(new_index));
  try {
    socket_.demand(request, "move it to another network namespace (RTM_NEWLINK, IFLA_NET_NS_FD)");
  } catch (const Error&) {
    if (!find(index) && target.find(new_index)) moved_to = new_index;
    throw;
  }
  moved_to = new_index;
}

void NetworkNamespace::add(const NetworkAddress& address, const NetworkLink& link, const std::string& old_name) {
  auto header = address.header;
  header.ifa_index = static_cast<unsigned>(link.index);
  header.ifa_flags = 0;  // eight bits of what IFA_FLAGS has in full
  RouteRequest request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, header);
  for (const auto& [type, payload] : address.attributes) request.add(type, payload);
  request.add_number(IFA_FLAGS, address.flags & settable);
  if (const auto label = label_after_renaming(address.label, old_name, link.name); !label.empty())
    request.add_text(IFA_LABEL, label);
  const auto verdict = socket_.ask(request);
  if (verdict.code == 0 || verdict.code == EEXIST) return;
  throw Error::system("give it back its addresses (RTM_NEWADDR)" + (verdict.text.empty() ? "" : ": " + verdict.text),
                      verdict.code);
}

void NetworkNamespace::set_up(int index) {
  auto header = link_header(index);
  header.ifi_flags = header.ifi_change = IFF_UP;
  socket_.demand(RouteRequest(RTM_NEWLINK, 0, header), "set it up (RTM_NEWLINK, IFF_UP)");
}

}  // namespace oci
