// SPDX-License-Identifier: Apache-2.0
#include "kernel/systemd.hpp"

#include "kernel/device_filter.hpp"
#include "kernel/systemd_limits.hpp"
#include "oci/error.hpp"
#include "spec/decode.hpp"
#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

constexpr std::uint64_t infinity = ~std::uint64_t{0};

using Bytes = std::vector<std::uint8_t>;
using Strings = std::vector<std::string>;
using Allowed = std::vector<std::pair<std::string, std::string>>;
using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;

SystemdProperties limits_of(const std::string& json, IoScheduler scheduler = IoScheduler::bfq) {
  return limit_properties(cgroup_limits(with_systemd_quota(decode_resources(json))), scheduler);
}

PropertyValue value_of(const SystemdProperties& properties, std::string_view name) {
  std::optional<PropertyValue> found;
  for (const auto& property : properties)
    if (property.name == name) found = property.value;
  if (!found) throw Error("no property " + std::string(name));
  return *found;
}

PropertyValue limit_of(const std::string& json, std::string_view name) {
  return value_of(limits_of(json), name);
}

SystemdProperties annotated(const std::string& name, const std::string& value) {
  return annotated_properties({{"org.systemd.property." + name, value}, {"another", "'1'"}});
}

std::string refusal(const std::string& cgroups_path) {
  try {
    unit_place(cgroups_path, "c1", "system.slice");
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

DeviceRule rule(bool allow, const char* type, std::optional<std::int64_t> major, std::optional<std::int64_t> minor,
                const char* access) {
  return {allow, type, major, minor, access};
}

}  // namespace

TEST_CASE("a cgroupsPath of three parts is a scope in a slice") {
  const auto place = unit_place("machine.slice:libpod:abc", "c1", "system.slice");
  CHECK(place.name == "libpod-abc.scope");
  CHECK(place.slice == "machine.slice");
  CHECK_FALSE(place.is_slice());
  CHECK(unit_place(":crio:abc", "c1", "user.slice").slice == "user.slice");
  CHECK(unit_place("-:crio:abc", "c1", "user.slice").slice == "-.slice");
  CHECK(unit_place("::abc", "c1", "user.slice").name == "abc.scope");
}

TEST_CASE("without a cgroupsPath the scope is named by the program and the container") {
  CHECK(unit_place("", "c1", "system.slice").name == "runtime-c1.scope");
  CHECK(unit_place("", "c1", "system.slice").slice == "system.slice");
  CHECK(unit_place("", "a+b_c.d-e", "system.slice").name == "runtime-a\\x2bb_c.d-e.scope");
}

TEST_CASE("a name that ends in .slice is a slice of its own") {
  const auto place = unit_place("kubepods.slice:any:kubepods-burstable.slice", "c1", "system.slice");
  CHECK(place.name == "kubepods-burstable.slice");
  CHECK(place.is_slice());
}

TEST_CASE("a cgroupsPath that is none of systemd's is refused") {
  for (const char* path : {"/a/b", "a:b", "a.slice:b:c:d", "name"})
    CHECK_THAT(refusal(path), StartsWith("expected cgroupsPath to be of format \"slice:prefix:name\" for systemd"));
  for (const char* path :
       {"machine:a:b", "a--b.slice:a:b", "-a.slice:a:b", "a-.slice:a:b", ".slice:a:b", "a/b.slice:a:b"})
    CHECK_THAT(refusal(path), StartsWith("invalid slice name"));
  CHECK_THAT(refusal("a.slice:b:"), Contains("no name"));
  CHECK_THAT(refusal("a.slice:b:c/d"), Contains("no name of a systemd unit"));
  CHECK_THAT(refusal("a.slice:b:../c"), Contains("no name of a systemd unit"));
  CHECK_THAT(refusal("a.slice:b:" + std::string(250, 'x')), Contains("too long"));
}

TEST_CASE("a slice lies in the slices that its name has in front") {
  CHECK(expand_slice("a.slice") == "/a.slice");
  CHECK(expand_slice("a-b-c.slice") == "/a.slice/a-b.slice/a-b-c.slice");
  CHECK(expand_slice("-.slice").empty());
  CHECK_THROWS_WITH(expand_slice("a-b"), StartsWith("invalid slice name a-b"));
}

TEST_CASE("GVariant texts have the types that they say") {
  CHECK(parse_gvariant("true") == PropertyValue(true));
  CHECK(parse_gvariant("15") == PropertyValue(std::int32_t{15}));
  CHECK(parse_gvariant("-1") == PropertyValue(std::int32_t{-1}));
  CHECK(parse_gvariant("uint64 10000000") == PropertyValue(std::uint64_t{10'000'000}));
  CHECK(parse_gvariant("int64 -5") == PropertyValue(std::int64_t{-5}));
  CHECK(parse_gvariant("uint32 7") == PropertyValue(std::uint32_t{7}));
  CHECK(parse_gvariant("1.5") == PropertyValue(1.5));
  CHECK(parse_gvariant("'inactive-or-failed'") == PropertyValue(std::string("inactive-or-failed")));
  CHECK(parse_gvariant(R"("it's")") == PropertyValue(std::string("it's")));
  CHECK(parse_gvariant(R"('it\'s')") == PropertyValue(std::string("it's")));
  CHECK(parse_gvariant("['a.service', 'b.service']") == PropertyValue(Strings{"a.service", "b.service"}));
  CHECK(parse_gvariant("@as []") == PropertyValue(Strings{}));
}

TEST_CASE("texts that are no GVariant of a unit are refused") {
  for (const char* text : {"", " ", "bare", "'open", "['a'", "['a' 'b']", "uint64 -1", "uint32 4294967296",
                           "2147483648", "'a' 'b'", "handle 1", "(1, 2)", "uint64"})
    CHECK_THROWS_AS(parse_gvariant(text), Error);
}

TEST_CASE("an annotation becomes a property") {
  CHECK(annotated("CollectMode", "'inactive-or-failed'") ==
        SystemdProperties{{"CollectMode", std::string("inactive-or-failed")}});
  CHECK(annotated("KillSignal", "15") == SystemdProperties{{"KillSignal", std::int32_t{15}}});
}

TEST_CASE("times in seconds become what D-Bus has, microseconds") {
  CHECK(annotated("TimeoutStopSec", "2") == SystemdProperties{{"TimeoutStopUSec", std::uint64_t{2'000'000}}});
  CHECK(annotated("RuntimeMaxSec", "uint64 3") == SystemdProperties{{"RuntimeMaxUSec", std::uint64_t{3'000'000}}});
  CHECK(annotated("TimeoutStopSec", "0.5") == SystemdProperties{{"TimeoutStopUSec", std::uint64_t{500'000}}});
  CHECK(annotated("TimeoutStopUSec", "uint64 7") == SystemdProperties{{"TimeoutStopUSec", std::uint64_t{7}}});
  CHECK_THROWS_WITH(annotated("TimeoutStopSec", "'soon'"), Contains("a time in seconds is a number"));
  CHECK_THROWS_WITH(annotated("TimeoutStopSec", "-1"), Contains("not negative"));
}

TEST_CASE("annotations that reach beyond the scope are refused by name") {
  for (const char* name :
       {"FailureAction", "OnFailure", "PIDs", "Slice", "DevicePolicy", "Delegate", "BPFProgram", "Wants"})
    CHECK_THROWS_WITH(
        annotated(name, "'x'"),
        StartsWith("annotations.org.systemd.property." + std::string(name) + ": ") && Contains("not permitted"));
  CHECK_THROWS_WITH(annotated("X1", "1"), Contains("made of letters"));
  CHECK_THROWS_WITH(annotated("Ab", "1"), Contains("made of letters"));
}

TEST_CASE("the cgroup below the scope is one that was asked for") {
  CHECK(annotated_subgroup({}).empty());
  CHECK(annotated_subgroup({{"run.oci.systemd.subgroup", ""}}).empty());
  CHECK(annotated_subgroup({{"run.oci.systemd.subgroup", "container"}}) == "container");
  for (const char* name : {"..", ".", "a/b", "a\nb"})
    CHECK_THROWS_WITH(annotated_subgroup({{"run.oci.systemd.subgroup", name}}), Contains("no name of a cgroup"));
}

TEST_CASE("limits become the properties of the same meaning") {
  CHECK(limit_of(R"({"memory": {"limit": 33554432}})", "MemoryMax") == PropertyValue(std::uint64_t{33'554'432}));
  CHECK(limit_of(R"({"memory": {"limit": -1}})", "MemoryMax") == PropertyValue(infinity));
  CHECK(limit_of(R"({"memory": {"reservation": 4096}})", "MemoryLow") == PropertyValue(std::uint64_t{4096}));
  CHECK(limit_of(R"({"memory": {"limit": 100, "swap": 150}})", "MemorySwapMax") == PropertyValue(std::uint64_t{50}));
  CHECK(limit_of(R"({"pids": {"limit": 20}})", "TasksMax") == PropertyValue(std::uint64_t{20}));
  CHECK(limit_of(R"({"pids": {"limit": 0}})", "TasksMax") == PropertyValue(std::uint64_t{1}));
  CHECK(limit_of(R"({"pids": {"limit": -1}})", "TasksMax") == PropertyValue(infinity));
  CHECK(limit_of(R"({"cpu": {"shares": 1024}})", "CPUWeight") == PropertyValue(std::uint64_t{100}));
  CHECK(limit_of(R"({"cpu": {"idle": 1}})", "CPUWeight") == PropertyValue(std::uint64_t{0}));
  CHECK(limit_of(R"({"cpu": {"cpus": "0-1"}})", "AllowedCPUs") == PropertyValue(Bytes{3}));
  CHECK(limit_of(R"({"cpu": {"mems": "0"}})", "AllowedMemoryNodes") == PropertyValue(Bytes{1}));
}

TEST_CASE("unified limits are translated, and win over the others") {
  const auto properties =
      limits_of(R"({"memory": {"limit": 100}, "unified": {"memory.max": "2M", "memory.min": "131072",
      "memory.high": "20971520", "pids.max": "99", "cpu.max": "5000 50000", "memory.oom.group": "1",
      "misc.max": "res 1"}})");
  CHECK(value_of(properties, "MemoryMax") == PropertyValue(std::uint64_t{2} << 20U));
  CHECK(value_of(properties, "MemoryMin") == PropertyValue(std::uint64_t{131'072}));
  CHECK(value_of(properties, "MemoryHigh") == PropertyValue(std::uint64_t{20'971'520}));
  CHECK(value_of(properties, "TasksMax") == PropertyValue(std::uint64_t{99}));
  CHECK(value_of(properties, "CPUQuotaPerSecUSec") == PropertyValue(std::uint64_t{100'000}));
  CHECK(value_of(properties, "CPUQuotaPeriodUSec") == PropertyValue(std::uint64_t{50'000}));
  CHECK(value_of(properties, "OOMPolicy") == PropertyValue(std::string("kill")));
  CHECK(properties.size() == 7);
}

TEST_CASE("a quota is rounded up to what systemd can express, in the file as well") {
  CHECK(limit_of(R"({"cpu": {"quota": 12345, "period": 100000}})", "CPUQuotaPerSecUSec") ==
        PropertyValue(std::uint64_t{130'000}));
  CHECK(*with_systemd_quota(decode_resources(R"({"cpu": {"quota": 12345, "period": 100000}})")).cpu->quota == 13'000);
  CHECK(*with_systemd_quota(decode_resources(R"({"cpu": {"quota": 500000, "period": 1000000}})")).cpu->quota ==
        500'000);
  CHECK(*with_systemd_quota(decode_resources(R"({"cpu": {"quota": 3000}})")).cpu->quota == 3000);
  CHECK(*with_systemd_quota(decode_resources(R"({"cpu": {"quota": -1}})")).cpu->quota == -1);
  CHECK(limit_of(R"({"cpu": {"quota": -1}})", "CPUQuotaPerSecUSec") == PropertyValue(infinity));
}

TEST_CASE("weights of disks are told so that systemd's scale leads back to them") {
  CHECK(limit_of(R"({"blockIO": {"weight": 100}})", "IOWeight") == PropertyValue(std::uint64_t{100}));
  CHECK(limit_of(R"({"blockIO": {"weight": 1000}})", "IOWeight") == PropertyValue(std::uint64_t{10'000}));
  CHECK(limit_of(R"({"blockIO": {"weight": 50}})", "IOWeight") == PropertyValue(std::uint64_t{50}));
  CHECK(value_of(limits_of(R"({"blockIO": {"weight": 500}})", IoScheduler::other), "IOWeight") ==
        PropertyValue(std::uint64_t{4950}));
  CHECK(limit_of(R"({"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "weight": 20}]}})", "IODeviceWeight") ==
        PropertyValue(Numbers{{"/dev/block/8:0", 20}}));
  CHECK(limit_of(R"({"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 7}]}})",
                 "IOReadBandwidthMax") == PropertyValue(Numbers{{"/dev/block/8:0", 7}}));
}

TEST_CASE("lists of numbers are masks, the lowest number in the first byte") {
  CHECK(number_mask("0") == Bytes{1});
  CHECK(number_mask("0-5") == Bytes{0x3f});
  CHECK(number_mask("5-8") == Bytes{0xe0, 0x01});
  CHECK(number_mask("1,3,16") == Bytes{0x0a, 0, 1});
  CHECK(number_mask("").empty());
  for (const char* list : {"a", "3-1", "0-", "99999"}) CHECK_THROWS_AS(number_mask(list), Error);
}

TEST_CASE("device rules that only allow are systemd's own, behind an empty list") {
  const auto properties = device_properties({rule(false, "a", {}, {}, "rwm"), rule(true, "c", 1, 3, "rwm"),
                                             rule(true, "c", 136, {}, "rw"), rule(true, "b", {}, {}, "m")});
  REQUIRE(properties.size() == 3);
  CHECK(properties[0] == SystemdProperty{"DevicePolicy", std::string("strict")});
  CHECK(properties[1] == SystemdProperty{"DeviceAllow", Allowed{}});
  const auto allowed = std::get<Allowed>(properties[2].value);
  const auto has = [&](const std::pair<std::string, std::string>& entry) {
    return std::find(allowed.begin(), allowed.end(), entry) != allowed.end();
  };
  CHECK(has({"/dev/char/1:3", "rwm"}));
  CHECK(has({"char-136", "rw"}));
  CHECK(has({"block-*", "m"}));
  CHECK(allowed.size() == 3);
}

TEST_CASE("device rules that systemd cannot express leave it to the runtime's program") {
  const auto auto_policy = SystemdProperties{{"DevicePolicy", std::string("auto")}, {"DeviceAllow", Allowed{}}};
  CHECK(device_properties({rule(true, "a", {}, {}, "rwm")}) == auto_policy);
  CHECK(device_properties({rule(true, "c", 1, {}, "rwm"), rule(false, "c", 1, 3, "rwm")}) == auto_policy);
  CHECK(device_properties({rule(true, "c", {}, 3, "rwm")}) == auto_policy);
}

TEST_CASE("what the runtime asks is what the helper reads") {
  const SystemdRequest request{SystemdVerb::start,
                               "unix:path=/run/user/1000/bus",
                               "runtime-a\\x2bb.scope",
                               30,
                               {{"Description", std::string("tab\there, line\nthere, \\ everywhere")},
                                {"Delegate", true},
                                {"KillSignal", std::int32_t{-15}},
                                {"A", std::uint32_t{1}},
                                {"B", std::int64_t{-2}},
                                {"MemoryMax", infinity, true},
                                {"C", 1.5},
                                {"Wants", Strings{"a.slice", ""}},
                                {"AllowedCPUs", Bytes{0, 255}, true},
                                {"DeviceAllow", Allowed{}},
                                {"DeviceAllow", Allowed{{"/dev/char/1:3", "rwm"}, {"char-*", "m"}}},
                                {"IODeviceWeight", Numbers{{"/dev/block/8:0", 5}}}}};
  CHECK(decode_request(encode(request)) == request);
}

TEST_CASE("a request that is cut or damaged is refused") {
  const auto whole = encode({SystemdVerb::stop, "", "a.scope", 30, {}});
  CHECK_THROWS_AS(decode_request(whole.substr(0, whole.size() - 1)), Error);
  CHECK_THROWS_AS(decode_request("fly\t30\ta.scope\t\nend\n"), Error);
  CHECK_THROWS_AS(decode_request("stop\t30\nend\n"), Error);
  CHECK_THROWS_AS(decode_request("set\t30\ta.scope\t\nA\t!\tq\t1\nend\n"), Error);
  CHECK_THROWS_AS(decode_request("set\t30\ta.scope\t\nA\t!\tu\tx\nend\n"), Error);
}

TEST_CASE("a user's bus is where his environment says") {
  CHECK(user_bus("unix:path=/tmp/bus", "/run/user/1000") == "unix:path=/tmp/bus");
  CHECK(user_bus(nullptr, "/run/user/1000") == "unix:path=/run/user/1000/bus");
  CHECK(user_bus("", "/tmp/with space,comma") == "unix:path=/tmp/with%20space%2ccomma/bus");
  CHECK_THROWS_WITH(user_bus(nullptr, nullptr), Contains("loginctl enable-linger"));
}

TEST_CASE("a unit is remembered with its bus") {
  for (const SystemdUnit& unit : {SystemdUnit{"a.scope", ""}, SystemdUnit{"a.scope", "unix:path=/run/user/1/bus"}}) {
    const auto again = unit_from_text(to_text(unit));
    CHECK(again.name == unit.name);
    CHECK(again.bus == unit.bus);
  }
  CHECK(unit_from_text("").empty());
}
