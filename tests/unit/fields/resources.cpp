// SPDX-License-Identifier: Apache-2.0
#include "fields/rows.hpp"

namespace test {
namespace {

#define RESOURCES "linux.resources."

#define THROTTLE_ROWS(LIST)                                                                                      \
  FieldRow{RESOURCES "blockIO." LIST, R"("resources": {"blockIO": {")" LIST R"(": @}})", "[]",                   \
           R"([{"major": 8, "minor": 0}])", RESOURCES "blockIO." LIST "[0]: rate: missing"},                     \
      FieldRow{RESOURCES "blockIO." LIST "[].major",                                                             \
               R"("resources": {"blockIO": {")" LIST R"(": [{"major": @, "minor": 0, "rate": 1}]}})", "8", "-1", \
               RESOURCES "blockIO." LIST "[0]: a device's numbers are not negative"},                            \
      FieldRow{RESOURCES "blockIO." LIST "[].minor",                                                             \
               R"("resources": {"blockIO": {")" LIST R"(": [{"major": 8, "minor": @, "rate": 1}]}})", "0", "-1", \
               RESOURCES "blockIO." LIST "[0]: a device's numbers are not negative"},                            \
      FieldRow {                                                                                                 \
    RESOURCES "blockIO." LIST "[].rate",                                                                         \
        R"("resources": {"blockIO": {")" LIST R"(": [{"major": 8, "minor": 0, "rate": @}]}})", "0", "-1",        \
        RESOURCES "blockIO." LIST "[0].rate: expected an integer in 0.."                                         \
  }

constexpr std::array rows{
    FieldRow{"linux.resources", R"("resources": @)", "{}", R"({"rdma": []})",
             "linux.resources.rdma: expected an object"},
    FieldRow{RESOURCES "devices", R"("resources": {"devices": @})", R"([{"allow": false}])", R"([{"type": "a"}])",
             "linux.resources.devices[0]: allow: missing"},
    FieldRow{RESOURCES "devices[].allow", R"("resources": {"devices": [{"allow": @}]})", "true", "", ""},
    FieldRow{RESOURCES "devices[].type", R"("resources": {"devices": [{"allow": true, "type": @}]})", R"("c")",
             R"("u")", "linux.resources.devices[0].type: \"u\" is none of a, b, and c"},
    FieldRow{RESOURCES "devices[].major", R"("resources": {"devices": [{"allow": true, "type": "c", "major": @}]})",
             "-1", "-2", "linux.resources.devices[0].major: -2 is no device number"},
    FieldRow{RESOURCES "devices[].minor", R"("resources": {"devices": [{"allow": true, "type": "c", "minor": @}]})",
             "4294967295", "4294967296", "linux.resources.devices[0].minor: 4294967296 is no device number"},
    FieldRow{RESOURCES "devices[].access", R"("resources": {"devices": [{"allow": true, "access": @}]})", R"("rwm")",
             R"("rx")", "linux.resources.devices[0].access: \"rx\" has letters other than r, w, and m"},

    FieldRow{RESOURCES "memory", R"("resources": {"memory": @})", "{}", R"({"swap": 1})",
             "linux.resources.memory.swap: memory and swap together are limited to 1"},
    FieldRow{RESOURCES "memory.limit", R"("resources": {"memory": {"limit": @}})", "-1", "-2",
             "linux.resources.memory.limit: -2 is neither an amount nor -1"},
    FieldRow{RESOURCES "memory.reservation", R"("resources": {"memory": {"reservation": @}})", "-1", "-2",
             "linux.resources.memory.reservation: -2 is neither an amount nor -1"},
    FieldRow{RESOURCES "memory.swap", R"("resources": {"memory": {"limit": 2, "swap": @}})", "2", "1",
             "linux.resources.memory.swap: 1 bytes of memory and swap are less than memory.limit"},
    FieldRow{RESOURCES "memory.kernel", R"("resources": {"memory": {"kernel": @}})", "-1", "9223372036854775808",
             "linux.resources.memory.kernel: expected an integer in "},
    FieldRow{RESOURCES "memory.kernelTCP", R"("resources": {"memory": {"kernelTCP": @}})", "-1", "9223372036854775808",
             "linux.resources.memory.kernelTCP: expected an integer in "},
    FieldRow{RESOURCES "memory.swappiness", R"("resources": {"memory": {"swappiness": @}})", "100", "101",
             "linux.resources.memory.swappiness: 101 is not in 0..100"},
    FieldRow{RESOURCES "memory.disableOOMKiller", R"("resources": {"memory": {"disableOOMKiller": @}})", "true", "",
             ""},
    FieldRow{RESOURCES "memory.useHierarchy", R"("resources": {"memory": {"useHierarchy": @}})", "true", "", ""},
    FieldRow{RESOURCES "memory.checkBeforeUpdate", R"("resources": {"memory": {"checkBeforeUpdate": @}})", "true", "",
             ""},

    FieldRow{RESOURCES "cpu", R"("resources": {"cpu": @})", "{}", R"({"idle": 2})",
             "linux.resources.cpu.idle: 2 is neither 0 nor 1"},
    FieldRow{RESOURCES "cpu.shares", R"("resources": {"cpu": {"shares": @}})", "1024", "-1",
             "linux.resources.cpu.shares: expected an integer in 0.."},
    FieldRow{RESOURCES "cpu.quota", R"("resources": {"cpu": {"quota": @}})", "-1", "9223372036854775808",
             "linux.resources.cpu.quota: expected an integer in "},
    FieldRow{RESOURCES "cpu.burst", R"("resources": {"cpu": {"burst": @}})", "0", "-1",
             "linux.resources.cpu.burst: expected an integer in 0.."},
    FieldRow{RESOURCES "cpu.period", R"("resources": {"cpu": {"period": @}})", "100000", "-1",
             "linux.resources.cpu.period: expected an integer in 0.."},
    FieldRow{RESOURCES "cpu.realtimeRuntime", R"("resources": {"cpu": {"realtimeRuntime": @}})", "0",
             "9223372036854775808", "linux.resources.cpu.realtimeRuntime: expected an integer in "},
    FieldRow{RESOURCES "cpu.realtimePeriod", R"("resources": {"cpu": {"realtimePeriod": @}})", "0", "-1",
             "linux.resources.cpu.realtimePeriod: expected an integer in 0.."},
    FieldRow{RESOURCES "cpu.cpus", R"("resources": {"cpu": {"cpus": @}})", R"("0-3,7")", R"("0;1")",
             "linux.resources.cpu.cpus: \"0;1\" is not a list of numbers"},
    FieldRow{RESOURCES "cpu.mems", R"("resources": {"cpu": {"mems": @}})", R"("0")", R"("zero")",
             "linux.resources.cpu.mems: \"zero\" is not a list of numbers"},
    FieldRow{RESOURCES "cpu.idle", R"("resources": {"cpu": {"idle": @}})", "1", "2",
             "linux.resources.cpu.idle: 2 is neither 0 nor 1"},

    FieldRow{RESOURCES "pids", R"("resources": {"pids": @})", "{}", R"({"limit": "1"})",
             "linux.resources.pids.limit: expected an integer"},
    FieldRow{RESOURCES "pids.limit", R"("resources": {"pids": {"limit": @}})", "-1", "9223372036854775808",
             "linux.resources.pids.limit: expected an integer in "},

    FieldRow{RESOURCES "blockIO", R"("resources": {"blockIO": @})", "{}", R"({"weight": 9})",
             "linux.resources.blockIO.weight: 9 is not between 10 and 1000"},
    FieldRow{RESOURCES "blockIO.weight", R"("resources": {"blockIO": {"weight": @}})", "1000", "1001",
             "linux.resources.blockIO.weight: 1001 is not between 10 and 1000"},
    FieldRow{RESOURCES "blockIO.leafWeight", R"("resources": {"blockIO": {"leafWeight": @}})", "10", "65536",
             "linux.resources.blockIO.leafWeight: expected an integer in 0..65535"},
    FieldRow{RESOURCES "blockIO.weightDevice", R"("resources": {"blockIO": {"weightDevice": @}})", "[]",
             R"([{"minor": 0}])", "linux.resources.blockIO.weightDevice[0]: major: missing"},
    FieldRow{RESOURCES "blockIO.weightDevice[].major",
             R"("resources": {"blockIO": {"weightDevice": [{"major": @, "minor": 0, "weight": 10}]}})", "8", "-1",
             "linux.resources.blockIO.weightDevice[0]: a device's numbers are not negative"},
    FieldRow{RESOURCES "blockIO.weightDevice[].minor",
             R"("resources": {"blockIO": {"weightDevice": [{"major": 8, "minor": @, "weight": 10}]}})", "0", "-1",
             "linux.resources.blockIO.weightDevice[0]: a device's numbers are not negative"},
    FieldRow{RESOURCES "blockIO.weightDevice[].weight",
             R"("resources": {"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "weight": @}]}})", "10", "9",
             "linux.resources.blockIO.weightDevice[0]: 9 is not between 10 and 1000"},
    FieldRow{RESOURCES "blockIO.weightDevice[].leafWeight",
             R"("resources": {"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "leafWeight": @}]}})", "10",
             "65536", "linux.resources.blockIO.weightDevice[0].leafWeight: expected an integer in 0..65535"},
    THROTTLE_ROWS("throttleReadBpsDevice"),
    THROTTLE_ROWS("throttleWriteBpsDevice"),
    THROTTLE_ROWS("throttleReadIOPSDevice"),
    THROTTLE_ROWS("throttleWriteIOPSDevice"),

    FieldRow{RESOURCES "hugepageLimits", R"("resources": {"hugepageLimits": @})", "[]", R"([{"pageSize": "2MB"}])",
             "linux.resources.hugepageLimits[0]: limit: missing"},
    FieldRow{RESOURCES "hugepageLimits[].pageSize", R"("resources": {"hugepageLimits": [{"pageSize": @, "limit": 0}]})",
             R"("2MB")", R"("2M")", "linux.resources.hugepageLimits[0].pageSize: \"2M\" is not a size"},
    FieldRow{RESOURCES "hugepageLimits[].limit",
             R"("resources": {"hugepageLimits": [{"pageSize": "2MB", "limit": @}]})", "0", "-1",
             "linux.resources.hugepageLimits[0].limit: expected an integer in 0.."},
    FieldRow{RESOURCES "network", R"("resources": {"network": @})", "{}", R"({"classID": -1})",
             "linux.resources.network.classID: expected an integer in 0..4294967295"},
    FieldRow{RESOURCES "network.classID", R"("resources": {"network": {"classID": @}})", "1048577", "4294967296",
             "linux.resources.network.classID: expected an integer in 0..4294967295"},
    FieldRow{RESOURCES "network.priorities", R"("resources": {"network": {"priorities": @}})", "[]",
             R"([{"name": "eth0"}])", "linux.resources.network.priorities[0]: priority: missing"},
    FieldRow{RESOURCES "network.priorities[].name",
             R"("resources": {"network": {"priorities": [{"name": @, "priority": 1}]}})", R"("eth0")", "", ""},
    FieldRow{RESOURCES "network.priorities[].priority",
             R"("resources": {"network": {"priorities": [{"name": "eth0", "priority": @}]}})", "1", "-1",
             "linux.resources.network.priorities[0].priority: expected an integer in 0..4294967295"},
    FieldRow{RESOURCES "rdma", R"("resources": {"rdma": @})", R"({"mlx5_1": {"hcaHandles": 1}})",
             R"({"a b": {"hcaHandles": 1}})", "linux.resources.rdma.a b: this is no device's name"},
    FieldRow{RESOURCES "rdma.*.hcaHandles", R"("resources": {"rdma": {"k": {"hcaHandles": @}}})", "1", "-1",
             "linux.resources.rdma.k.hcaHandles: expected an integer in 0..4294967295"},
    FieldRow{RESOURCES "rdma.*.hcaObjects", R"("resources": {"rdma": {"k": {"hcaObjects": @}}})", "1", "4294967296",
             "linux.resources.rdma.k.hcaObjects: expected an integer in 0..4294967295"},
    FieldRow{RESOURCES "unified", R"("resources": {"unified": @})", R"({"memory.high": "max"})", R"({"../x.y": "1"})",
             "linux.resources.unified.../x.y: unified resource \"../x.y\" must be a file name"},
};

}  // namespace

std::span<const FieldRow> resource_rows() {
  return rows;
}

}  // namespace test
