// SPDX-License-Identifier: Apache-2.0
// Each rule of check.cpp, by a config.json that breaks this one alone.
#include "spec/check.hpp"

#include <array>

#include "oci/error.hpp"
#include "spec/decode.hpp"
#include "support/catch.hpp"

using namespace oci;
using namespace Catch::Matchers;

namespace {

/// A config.json that keeps every rule; `process` and `linux` are members to add to the two objects, `top` to the
/// whole.
std::string config(const std::string& process, const std::string& linux, const std::string& top = {}) {
  return R"({"ociVersion": "1.3.0", "root": {"path": "rootfs"}, "process": {"args": ["sh"], "cwd": "/")" + process +
         R"(}, "linux": {"namespaces": [{"type": "mount"}, {"type": "uts"}])" + linux + "}" + top + "}";
}

std::string refusal(const std::string& text) {
  try {
    check(decode_spec(text));
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

std::string process_refusal(const std::string& member) {
  return refusal(config(", " + member, ""));
}
std::string linux_refusal(const std::string& member) {
  return refusal(config("", ", " + member));
}
std::string namespace_refusal(const std::string& namespaces, const std::string& more = {}) {
  return refusal(R"({"ociVersion": "1.0.0", "root": {"path": "r"}, "process": {"args": ["a"], "cwd": "/"},
                    "linux": {"namespaces": [)" +
                 namespaces + "]" + more + "}}");
}

}  // namespace

TEST_CASE("a config.json that keeps every rule is accepted") {
  CHECK(refusal(config("", "")) == "accepted");
}

TEST_CASE("ociVersion is a version this runtime can know") {
  for (const auto* good : {"1.0.0", "1.3.0", "1.9.9", "1.0.2-dev", "1.0.0-rc2+build"})
    CHECK(refusal(R"({"ociVersion": ")" + std::string(good) + R"(", "root": {"path": "r"},
                     "process": {"args": ["a"], "cwd": "/"}})") == "accepted");
  for (const auto* bad : {"", "1.0", "banana", "1.0.0.0", "2.0.0", "0.9.0", "1.x.0"}) {
    INFO(bad);
    CHECK(refusal(R"({"ociVersion": ")" + std::string(bad) + R"(", "root": {"path": "r"},
                     "process": {"args": ["a"], "cwd": "/"}})")
              .starts_with("ociVersion: "));
  }
}

TEST_CASE("the process has a program and an absolute directory") {
  CHECK(refusal(R"({"ociVersion": "1.0.0", "root": {"path": "r"}})") == "process property must not be empty");
  CHECK(refusal(R"({"ociVersion": "1.0.0"})") == "root.path: missing or empty");
  const auto with = [](const std::string& process) {
    return refusal(R"({"ociVersion": "1.0.0", "root": {"path": "r"}, "process": )" + process + "}");
  };
  CHECK(with(R"({"args": [], "cwd": "/"})") == "process: args must not be empty");
  CHECK(with(R"({"args": ["a"]})") == "process: Cwd property must not be empty");
  CHECK(with(R"({"args": ["a"], "cwd": "tmp"})") == "process: Cwd must be an absolute path");
}

TEST_CASE("the environment is made of names and values") {
  CHECK(process_refusal(R"("env": ["A=1", "B"])") == "process.env[1]: \"B\" has no \"=\"");
  CHECK(process_refusal(R"("env": ["=1"])") == "process.env[0]: \"=1\" has no name before \"=\"");
}

TEST_CASE("rlimits are known, given once, and soft is not above hard") {
  CHECK(process_refusal(R"("rlimits": [{"type": "RLIMIT_X", "soft": 1, "hard": 1}])") ==
        "process.rlimits[0]: type: unknown rlimit \"RLIMIT_X\"");
  CHECK(process_refusal(R"("rlimits": [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1},
                                       {"type": "RLIMIT_CPU", "soft": 2, "hard": 2}])") ==
        "process.rlimits[1]: type: RLIMIT_CPU is given twice");
  CHECK(process_refusal(R"("rlimits": [{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}])") ==
        "process.rlimits[0]: soft: 2 is above hard");
}

TEST_CASE("ids, umask and oomScoreAdj are in the kernel's ranges") {
  CHECK(process_refusal(R"("user": {"uid": 4294967295})") == "process.user: uid: 4294967295 is not a user id");
  CHECK(process_refusal(R"("user": {"uid": 0, "umask": 512})") == "process.user: umask: not in 0..511 (octal 0777)");
  CHECK(process_refusal(R"("oomScoreAdj": 1001)") == "process: oomScoreAdj: 1001 is not in -1000..1000");
}

TEST_CASE("a scheduler has what its policy has, and nothing else") {
  CHECK(process_refusal(R"("scheduler": {"policy": "SCHED_X"})") ==
        "process.scheduler: policy: unknown scheduling policy \"SCHED_X\"");
  CHECK(process_refusal(R"("scheduler": {"policy": "SCHED_OTHER", "nice": 20})") ==
        "process.scheduler: nice: not in -20..19");
  CHECK(process_refusal(R"("scheduler": {"policy": "SCHED_OTHER", "priority": 1})") ==
        "process.scheduler: priority: only SCHED_FIFO and SCHED_RR have one");
  CHECK(process_refusal(R"("scheduler": {"policy": "SCHED_FIFO", "priority": 1, "runtime": 1})") ==
        "process.scheduler: runtime, deadline, period: only SCHED_DEADLINE has them");
  CHECK(process_refusal(R"("scheduler": {"policy": "SCHED_FIFO", "priority": 1, "flags": ["X"]})") ==
        "process.scheduler.flags[0]: unknown flag \"X\"");
  CHECK(process_refusal(R"("ioPriority": {"class": "X"})") == "process.ioPriority: class: unknown I/O class \"X\"");
  CHECK(process_refusal(R"("ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 8})") ==
        "process.ioPriority: priority: not in 0..7");
}

TEST_CASE("hooks are absolute programs with a time above nothing") {
  const auto hook = [](const std::string& text) {
    return refusal(config("", "", R"(, "hooks": {"poststop": [)" + text + "]}"));
  };
  CHECK(hook(R"({"path": "bin/x"})") == "hooks.poststop[0]: path: \"bin/x\" is not an absolute path");
  CHECK(hook(R"({"path": "/x", "timeout": 0})") == "hooks.poststop[0]: timeout: 0 is not above 0");
}

TEST_CASE("names of the machine need a uts namespace, and are short") {
  CHECK(refusal(R"({"ociVersion": "1.0.0", "root": {"path": "r"}, "hostname": "h",
                   "process": {"args": ["a"], "cwd": "/"}})") ==
        "hostname: needs a uts namespace of the container's own");
  CHECK(refusal(config("", "", R"(, "domainname": ")" + std::string(65, 'a') + "\"")) ==
        "domainname: more than 64 bytes");
}

TEST_CASE("a namespace is given once, and its path is absolute") {
  CHECK(namespace_refusal(R"({"type": "ipc"}, {"type": "ipc"})") == "linux.namespaces[1]: type: ipc is given twice");
  CHECK(namespace_refusal(R"({"type": "ipc", "path": "x"})") ==
        "linux.namespaces[0]: path: \"x\" is not an absolute path");
}

TEST_CASE("id mappings belong to a user namespace") {
  const std::string one = R"([{"containerID": 0, "hostID": 1, "size": 1}])";
  CHECK(linux_refusal("\"uidMappings\": " + one) ==
        "linux: uidMappings, gidMappings: there is no user namespace in namespaces to map ids in");
  CHECK(namespace_refusal(R"({"type": "user"})") ==
        "linux: uidMappings: missing, and the new user namespace needs them");
  CHECK(namespace_refusal(R"({"type": "user"})", ", \"uidMappings\": " + one) ==
        "linux: gidMappings: missing, and the new user namespace needs them");
  CHECK(namespace_refusal(R"({"type": "user"})",
                          R"(, "gidMappings": [], "uidMappings": [{"containerID": 0, "hostID": 1, "size": 0}])") ==
        "linux: gidMappings: missing, and the new user namespace needs them");
}

TEST_CASE("time offsets belong to a new time namespace") {
  const std::string offsets = R"(, "timeOffsets": {"monotonic": {"secs": 1}})";
  CHECK(namespace_refusal("", offsets) == "linux.timeOffsets: there is no time namespace in namespaces to offset");
  CHECK(namespace_refusal(R"({"type": "time", "path": "/x"})", offsets) ==
        "linux.timeOffsets: the time namespace is joined, its offsets are fixed");
  CHECK(namespace_refusal(R"({"type": "time"})", R"(, "timeOffsets": {"x": {"secs": 1}})") ==
        "linux.timeOffsets: unknown clock \"x\"; expected monotonic or boottime");
  CHECK(namespace_refusal(R"({"type": "time"})", R"(, "timeOffsets": {"boottime": {"nanosecs": 1000000000}})") ==
        "linux.timeOffsets: boottime.nanosecs: a second or more");
}

TEST_CASE("a sysctl is one that a namespace of the container's own keeps apart") {
  CHECK(linux_refusal(R"("sysctl": {"kernel.core_pattern": "x"})") ==
        "linux.sysctl.kernel.core_pattern: not kept apart by any namespace, so it would change the host");
  CHECK(linux_refusal(R"("sysctl": {"net.ipv4.ip_forward": "1"})") ==
        "linux.sysctl.net.ipv4.ip_forward: needs a network namespace of the container's own");
  CHECK(linux_refusal(R"("sysctl": {"net/ipv4/ip_forward": "1"})") ==
        "linux.sysctl.net/ipv4/ip_forward: needs a network namespace of the container's own");
  CHECK(linux_refusal(R"("sysctl": {"kernel.shmmax": "1"})") ==
        "linux.sysctl.kernel.shmmax: needs a ipc namespace of the container's own");
  CHECK(linux_refusal(R"("sysctl": {"net/../kernel/core_pattern": "x"})") ==
        "linux.sysctl.net/../kernel/core_pattern: not the name of a setting");
  CHECK(linux_refusal(R"("sysctl": {"kernel.hostname": "x"})") ==
        "linux.sysctl.kernel.hostname: set by the field hostname");
  CHECK(linux_refusal(R"("sysctl": {"kernel.domainname": "x"})") == "accepted");
}

TEST_CASE("devices and paths are well formed") {
  CHECK(linux_refusal(R"("devices": [{"type": "x", "path": "/dev/x"}])") ==
        "linux.devices[0]: type: \"x\" is none of c, b, u, p");
  CHECK(linux_refusal(R"("devices": [{"type": "c", "path": "dev/x"}])") ==
        "linux.devices[0]: path: \"dev/x\" is not an absolute path");
  CHECK(linux_refusal(R"("devices": [{"type": "c", "path": "/dev/x", "major": -1}])") ==
        "linux.devices[0]: major, minor: not a device number");
  CHECK(linux_refusal(R"("maskedPaths": ["proc/x"])") ==
        "linux.maskedPaths[0]: path: \"proc/x\" is not an absolute path");
  CHECK(linux_refusal(R"("readonlyPaths": [""])") == "linux.readonlyPaths[0]: path: \"\" is not an absolute path");
}

TEST_CASE("startContainer hooks need a process that may fork") {
  const auto with = [](const std::string& flags) {
    return refusal(
        config(R"(, "scheduler": {"policy": "SCHED_DEADLINE", "runtime": 1, "deadline": 2, "flags": [)" + flags + "]}",
               "", R"(, "hooks": {"startContainer": [{"path": "/bin/true"}]})"));
  };
  CHECK(with("") == "hooks: startContainer: a SCHED_DEADLINE process cannot fork without SCHED_FLAG_RESET_ON_FORK");
  CHECK(with(R"("SCHED_FLAG_RESET_ON_FORK")") == "accepted");
}

TEST_CASE("exec's CPUs are lists as the kernel writes them") {
  CHECK(process_refusal(R"("execCPUAffinity": {"initial": "0-3,7", "final": "4000"})") == "accepted");
  CHECK(process_refusal(R"("execCPUAffinity": {"initial": "", "final": ""})") == "accepted");
  CHECK_THAT(process_refusal(R"("execCPUAffinity": {"initial": "3-1"})"),
             StartsWith("process.execCPUAffinity.initial: \"3-1\" is not a list of numbers"));
  CHECK_THAT(process_refusal(R"("execCPUAffinity": {"final": "all"})"),
             StartsWith("process.execCPUAffinity.final: \"all\" is not a list of numbers"));
}

TEST_CASE("a memory policy has a known mode, known flags, and nodes where its mode has some") {
  const auto policy = [](const std::string& members) { return linux_refusal(R"("memoryPolicy": {)" + members + "}"); };
  for (const auto* mode : {"MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE", "MPOL_PREFERRED_MANY"}) {
    INFO(mode);
    const auto named = R"("mode": ")" + std::string(mode) + "\"";
    CHECK(policy(named + R"(, "nodes": "0-1")") == "accepted");
    CHECK(policy(named) == "linux.memoryPolicy: memory policy mode requires at least 1 node but got 0");
  }
  for (const auto* mode : {"MPOL_DEFAULT", "MPOL_LOCAL"}) {
    INFO(mode);
    const auto named = R"("mode": ")" + std::string(mode) + "\"";
    CHECK(policy(named) == "accepted");
    CHECK(policy(named + R"(, "nodes": "0-7")") == "linux.memoryPolicy: memory policy mode requires 0 nodes but got 8");
  }
  CHECK(policy(R"("mode": "MPOL_PREFERRED")") == "accepted");
  CHECK(policy(R"("mode": "MPOL_PREFERRED", "nodes": "1")") == "accepted");
  CHECK(policy("") == "linux.memoryPolicy: invalid memory policy mode \"\"");
  CHECK(policy(R"("mode": "INTERLEAVE")") == "linux.memoryPolicy: invalid memory policy mode \"INTERLEAVE\"");
  CHECK(policy(R"("mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES", "badflag"])") ==
        "linux.memoryPolicy: invalid memory policy flag \"badflag\"");
  CHECK_THAT(policy(R"("mode": "MPOL_BIND", "nodes": "0-9876543210")"),
             StartsWith("linux.memoryPolicy: invalid memory policy nodes \"0-9876543210\": "));
}

TEST_CASE("each member of the process that is no string of the right kind is refused by its name") {
  struct Row {
    const char* member;
    const char* refusal;  ///< how it starts
  };
  static constexpr std::array rows{
      Row{R"("oomScoreAdj": "high")", "process.oomScoreAdj: "},
      Row{R"("oomScoreAdj": -1001)", "process: oomScoreAdj: -1001 is not in -1000..1000"},
      Row{R"("oomScoreAdj": 1.5)", "process.oomScoreAdj: "},
      Row{R"("user": {"umask": "022"})", "process.user.umask: "},
      Row{R"("user": {"umask": -1})", "process.user.umask: "},
      Row{R"("user": {"additionalGids": 5})", "process.user.additionalGids: "},
      Row{R"("user": {"additionalGids": [4294967296]})", "process.user.additionalGids[0]: "},
      Row{R"("user": {"additionalGids": [4294967295]})", "process.user.additionalGids[0]: 4294967295"},
      Row{R"("rlimits": {})", "process.rlimits: "},
      Row{R"("rlimits": [{"type": "RLIMIT_CPU", "soft": "1", "hard": 1}])", "process.rlimits[0].soft: "},
      Row{R"("rlimits": [{"type": "RLIMIT_CPU", "soft": -2, "hard": 1}])", "process.rlimits[0].soft: "},
      Row{R"("scheduler": "SCHED_FIFO")", "process.scheduler: "},
      Row{R"("scheduler": {"policy": 1})", "process.scheduler.policy: "},
      Row{R"("scheduler": {"policy": "SCHED_EXT"})", "process.scheduler: policy: unknown scheduling policy"},
      Row{R"("scheduler": {"policy": "SCHED_DEADLINE", "runtime": -1})", "process.scheduler.runtime: "},
      Row{R"("scheduler": {"policy": "SCHED_OTHER", "flags": "SCHED_FLAG_RECLAIM"})", "process.scheduler.flags: "},
      Row{R"("ioPriority": {"priority": 1})", "process.ioPriority: "},
      Row{R"("ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": "1"})", "process.ioPriority.priority: "},
      Row{R"("ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": -1})", "process.ioPriority: priority: not in 0..7"},
      Row{R"("execCPUAffinity": "0")", "process.execCPUAffinity: "},
      Row{R"("execCPUAffinity": {"initial": 0})", "process.execCPUAffinity.initial: "},
      Row{R"("noNewPrivileges": "yes")", "process.noNewPrivileges: "},
      Row{R"("capabilities": {"bounding": "CAP_KILL"})", "process.capabilities.bounding: "},
  };
  for (const auto& [text, start] : rows) {
    INFO(text);
    CHECK_THAT(process_refusal(text), StartsWith(start));
  }
  CHECK_THAT(linux_refusal(R"("personality": {"domain": 32})"), StartsWith("linux.personality.domain: "));
  CHECK_THAT(linux_refusal(R"("memoryPolicy": {"mode": "MPOL_BIND", "nodes": 0})"),
             StartsWith("linux.memoryPolicy.nodes: "));
  CHECK_THAT(linux_refusal(R"("timeOffsets": {"boottime": {"secs": "1"}})"),
             StartsWith("linux.timeOffsets.boottime.secs: "));
}

TEST_CASE("a personality is one of two, without flags") {
  CHECK(linux_refusal(R"("personality": {"domain": "X"})") ==
        "linux: personality.domain: \"X\" is neither LINUX nor LINUX32");
  CHECK(linux_refusal(R"("personality": {"domain": "LINUX", "flags": ["X"]})") ==
        "linux: personality.flags: runtime-spec 1.3 defines none");
}

TEST_CASE("a network device needs a network namespace, and names that the kernel takes") {
  const auto network = [](const std::string& devices) {
    return namespace_refusal(R"({"type": "network"})", R"(, "netDevices": )" + devices);
  };
  CHECK(network(R"({"eth1": {}, "eth2": {"name": "a-name-of-15-by"}, "eth3": {"name": "ctr%d"}})") == "accepted");
  CHECK(network(R"({"eth1": {"name": "x%d"}, "eth2": {"name": "x%d"}})") == "accepted");
  CHECK(linux_refusal(R"("netDevices": {"eth1": {}})") ==
        "linux.netDevices.eth1: needs a network namespace of the container's own");
  const auto name = [&](const std::string& text) { return network(R"({"eth1": {"name": ")" + text + "\"}}"); };
  CHECK(name("a-name-of-16-byt") ==
        "linux.netDevices.eth1.name: \"a-name-of-16-byt\" is no name for a device: more than 15 bytes");
  for (const auto* bad : {"a/b", "a:b", "a b", "a\\tb", ".", "..", "%", "a%s", "%d%d", "%%d", "a%"})
    CHECK_THAT(name(bad), Catch::Matchers::StartsWith("linux.netDevices.eth1.name: \""));
  for (const auto* bad : {"eth%d", "", "a/b", "sixteen-bytes-16"})
    CHECK_THAT(network(R"({")" + std::string(bad) + R"(": {}})"), Catch::Matchers::Contains("is no name for a device"));
  CHECK(network(R"({"eth1": {"name": "eth2"}, "eth2": {}})") ==
        "linux.netDevices.eth2: name: another device is to be called \"eth2\", too");
}

TEST_CASE("a class of service is one directory of resctrl, and its schemata are lines") {
  const auto class_refusal = [](const std::string& name) {
    return linux_refusal(R"("intelRdt": {"closID": ")" + name + "\"}");
  };
  for (const auto* good : {"", "/", "guaranteed", "a.b", "informed"}) CHECK(class_refusal(good) == "accepted");
  for (const auto* bad : {"a/b", "/a", "..", ".", "info", "mon_groups", "mon_data", "a\\nb"})
    CHECK_THAT(class_refusal(bad), Catch::Matchers::StartsWith("linux.intelRdt: closID: \""));
  CHECK(linux_refusal(R"("intelRdt": {"schemata": ["L3:0=f", "MB:0=50"]})") == "accepted");
  CHECK(linux_refusal(R"("intelRdt": {"schemata": ["L3:0=f", ""]})") ==
        "linux.intelRdt.schemata[1]: \"\" is not one line");
  CHECK_THAT(linux_refusal(R"("intelRdt": {"schemata": ["L3:0=f\nMB:0=1"]})"),
             Catch::Matchers::StartsWith("linux.intelRdt.schemata[0]: "));
}
