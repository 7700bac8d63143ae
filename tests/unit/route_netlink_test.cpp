// SPDX-License-Identifier: Apache-2.0
// rtnetlink messages, true and false. Where a socket is asked, only what every network namespace has is looked for.
#include "kernel/route_netlink.hpp"

#include <linux/if_link.h>
#include <net/if.h>

#include "kernel/network_link.hpp"
#include "oci/error.hpp"
#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::Contains;

namespace {

std::string attribute(unsigned type, const std::string& payload) {
  const rtattr header{static_cast<unsigned short>(sizeof(rtattr) + payload.size()), static_cast<unsigned short>(type)};
  std::string bytes = std::string(bytes_of(header)) + payload;
  bytes.resize(RTA_ALIGN(bytes.size()));
  return bytes;
}

std::string message(unsigned type, const std::string& body, std::uint32_t sequence = 7, unsigned flags = 0) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + body.size());
  header.nlmsg_type = static_cast<std::uint16_t>(type);
  header.nlmsg_flags = static_cast<std::uint16_t>(flags);
  header.nlmsg_seq = sequence;
  return std::string(bytes_of(header)) + body;
}

std::string verdict(int error, std::uint32_t sequence = 7) {
  nlmsgerr body{};
  body.error = error;
  return message(NLMSG_ERROR, std::string(bytes_of(body)), sequence);
}

std::string link_body(int index, const std::string& name, unsigned flags = 0) {
  ifinfomsg header{};
  header.ifi_index = index;
  header.ifi_flags = flags;
  return std::string(bytes_of(header)) + attribute(IFLA_IFNAME, name + '\0') +
         attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, std::string("veth\0", 5)));
}

std::optional<RouteVerdict> read(const std::string& datagram, std::vector<unsigned>* types = nullptr) {
  return read_route_datagram(datagram, 7, [&](unsigned type, std::string_view) {
    if (types) types->push_back(type);
  });
}

}  // namespace

TEST_CASE("a request is its header, then attributes, each padded to four bytes") {
  RouteRequest request(RTM_NEWLINK, 0, ifinfomsg{});
  request.add_text(IFLA_IFNAME, "eth1").add_number(IFLA_NET_NS_FD, std::uint32_t{5});
  const auto bytes = request.message(7);
  CHECK(bytes.size() == sizeof(nlmsghdr) + sizeof(ifinfomsg) + 12 + 8);
  const auto header = front_as<nlmsghdr>(bytes);
  CHECK(header->nlmsg_len == bytes.size());
  CHECK(header->nlmsg_flags == (NLM_F_REQUEST | NLM_F_ACK));
  std::vector<std::string> payloads;
  each_attribute(std::string_view(bytes).substr(sizeof(nlmsghdr) + sizeof(ifinfomsg)),
                 [&](unsigned, std::string_view payload) { payloads.emplace_back(payload); });
  CHECK(payloads == std::vector<std::string>{std::string("eth1\0", 5), std::string("\5\0\0\0", 4)});
}

TEST_CASE("every request but a dump asks for a verdict, or nobody would answer") {
  const auto flags = [](unsigned more) {
    return front_as<nlmsghdr>(RouteRequest(RTM_NEWADDR, more, ifaddrmsg{}).message(1))->nlmsg_flags;
  };
  CHECK(flags(NLM_F_CREATE | NLM_F_EXCL) == (NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL));
  CHECK(flags(NLM_F_DUMP) == (NLM_F_REQUEST | NLM_F_DUMP));
}

TEST_CASE("what does not fit into an attribute is refused, not cut (CVE-2021-43784)") {
  RouteRequest request(RTM_NEWLINK, 0, ifinfomsg{});
  CHECK_THROWS_AS(request.add(IFLA_IFNAME, std::string(65'532, 'x')), Error);
  CHECK_THROWS_AS(request.add(IFLA_IFNAME, std::string(65'536, 'x')), Error);
  CHECK_THROWS_AS(request.add_text(IFLA_IFNAME, std::string("a\0b", 3)), Error);
  CHECK(request.message(1).size() == sizeof(nlmsghdr) + sizeof(ifinfomsg));
}

TEST_CASE("a datagram is read up to its verdict") {
  std::vector<unsigned> types;
  const auto link = message(RTM_NEWLINK, link_body(3, "eth1"));
  CHECK_FALSE(read(link + link, &types));
  CHECK(types == std::vector<unsigned>{RTM_NEWLINK, RTM_NEWLINK});
  CHECK(read(link + verdict(0))->code == 0);
  CHECK(read(verdict(-ENODEV))->code == ENODEV);
  CHECK(read(message(NLMSG_DONE, std::string(4, '\0')))->code == 0);
  CHECK(read(message(NLMSG_DONE, std::string(4, '\0'), 7, NLM_F_DUMP_INTR))->torn);
  // Left over from a question that was given up.
  CHECK_FALSE(read(verdict(-ENODEV, 6)));
}

TEST_CASE("the kernel's words come with its verdict") {
  nlmsgerr body{};
  body.error = -EINVAL;
  const auto text = attribute(NLMSGERR_ATTR_MSG, std::string("not today\0", 10));
  CHECK(read(message(NLMSG_ERROR, std::string(bytes_of(body)) + text, 7, NLM_F_ACK_TLVS | NLM_F_CAPPED))->text ==
        "not today");
  body.msg.nlmsg_len = sizeof(nlmsghdr) + 6;  // the request stands in between, padded
  CHECK(read(message(NLMSG_ERROR, std::string(bytes_of(body)) + std::string(8, 'x') + text, 7, NLM_F_ACK_TLVS))->text ==
        "not today");
  body.msg.nlmsg_len = 0xFFFFFFF0;  // further than there is anything
  CHECK(read(message(NLMSG_ERROR, std::string(bytes_of(body)) + text, 7, NLM_F_ACK_TLVS))->text.empty());
}

TEST_CASE("lengths that cannot be are errors, whatever they are") {
  const auto whole = message(RTM_NEWLINK, link_body(3, "eth1")) + verdict(0);
  for (std::size_t size = 1; size < whole.size(); ++size) {
    INFO(size);
    try {
      const bool ended = read(whole.substr(0, size)).has_value();
      CHECK_FALSE(ended);  // cut between two messages
    } catch (const Error& error) {
      CHECK_THAT(error.what(), Contains("length that cannot be") || Contains("too short"));
    }
  }
  for (const std::uint32_t length : {0U, 1U, 15U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
    auto bytes = whole;
    std::memcpy(bytes.data(), &length, sizeof length);
    CHECK_THROWS_AS(read(bytes), Error);
  }
  const auto body = link_body(3, "eth1");
  for (std::size_t size = 0; size < body.size(); ++size) {
    try {
      const auto link = decode_link(std::string_view(body).substr(0, size));
      CHECK(link.index == 3);
    } catch (const Error&) {
    }
  }
  for (const unsigned short length : std::initializer_list<unsigned short>{0, 3, 9999}) {
    auto bytes = body;
    std::memcpy(bytes.data() + sizeof(ifinfomsg), &length, sizeof length);
    CHECK_THROWS_AS(decode_link(bytes), Error);
  }
}

TEST_CASE("a link has a name, a state and a kind") {
  const auto link = decode_link(link_body(3, "eth1", IFF_UP));
  CHECK(link.index == 3);
  CHECK(link.name == "eth1");
  CHECK(link.up);
  CHECK(link.kind == "veth");
  CHECK_FALSE(decode_link(link_body(3, "eth1")).up);
  CHECK_THROWS_AS(decode_link(link_body(0, "eth1")), Error);
}

TEST_CASE("an address belongs to its device when it is permanent and global") {
  const auto address = [](unsigned scope, std::uint32_t flags) {
    ifaddrmsg header{};
    header.ifa_scope = static_cast<unsigned char>(scope);
    return decode_address(std::string(bytes_of(header)) + attribute(IFA_FLAGS, std::string(bytes_of(flags))));
  };
  CHECK(address(RT_SCOPE_UNIVERSE, IFA_F_PERMANENT).belongs_to_device());
  CHECK_FALSE(address(RT_SCOPE_LINK, IFA_F_PERMANENT).belongs_to_device());
  CHECK_FALSE(address(RT_SCOPE_HOST, IFA_F_PERMANENT).belongs_to_device());
  CHECK_FALSE(address(RT_SCOPE_UNIVERSE, 0).belongs_to_device());
}

TEST_CASE("a label follows its device's name, where there is room for it") {
  CHECK(label_after_renaming("eth0:1", "eth0", "ctr0") == "ctr0:1");
  CHECK(label_after_renaming("eth0", "eth0", "ctr0").empty());
  CHECK(label_after_renaming("eth01:1", "eth0", "ctr0").empty());
  CHECK(label_after_renaming("eth0:12", "eth0", "thirteen-byte").empty());
}

TEST_CASE("the loopback device is found in this network namespace, and nothing that is not there") {
  auto here = NetworkNamespace::own();
  const auto lo = here.find("lo");
  REQUIRE(lo);
  CHECK(here.find(lo->index)->name == "lo");
  CHECK_FALSE(here.find("none-of-that"));
  CHECK_FALSE(here.find(0x7FFFFFF0));
  CHECK(here == NetworkNamespace::own());
}
