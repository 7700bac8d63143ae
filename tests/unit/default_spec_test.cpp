// SPDX-License-Identifier: Apache-2.0
#include "spec/default_spec.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "spec/decode.hpp"
#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::Contains;
using Words = std::vector<std::string>;

namespace {

const Mount& mount_at(const Spec& spec, std::string_view destination) {
  const auto row =
      std::find_if(spec.mounts.begin(), spec.mounts.end(), [&](const auto& m) { return m.destination == destination; });
  REQUIRE(row != spec.mounts.end());
  return *row;
}

bool has(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

TEST_CASE("the first config.json describes a shell on a terminal") {
  const auto spec = decode_spec(default_spec(true, std::nullopt));
  CHECK(spec.oci_version == "1.3.0");
  CHECK(spec.process->terminal);
  CHECK(spec.process->args == Words{"sh"});
  CHECK(spec.process->env == Words{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"});
  CHECK(spec.process->cwd == "/");
  CHECK((spec.process->user.uid == 0 && spec.process->user.gid == 0));
  CHECK(spec.process->no_new_privileges);
  REQUIRE(spec.process->rlimits.size() == 1);
  CHECK(spec.process->rlimits[0].type == "RLIMIT_NOFILE");
  CHECK((spec.process->rlimits[0].soft == 1024 && spec.process->rlimits[0].hard == 1024));
  CHECK(spec.root.path == "rootfs");
  CHECK(spec.root.readonly);
  CHECK(spec.hostname == "runc");
}

TEST_CASE("it has three capabilities, none of them inheritable or ambient") {
  const auto text = default_spec(true, std::nullopt);
  const auto spec = decode_spec(text);
  const Words expected{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  REQUIRE(spec.process->capabilities.has_value());
  CHECK(spec.process->capabilities->bounding == expected);
  CHECK(spec.process->capabilities->effective == expected);
  CHECK(spec.process->capabilities->permitted == expected);
  CHECK_THAT(text, !Contains("inheritable") && !Contains("ambient"));
}

TEST_CASE("it mounts what programs expect") {
  const auto spec = decode_spec(default_spec(true, std::nullopt));
  CHECK(spec.mounts.size() == 7);
  CHECK(mount_at(spec, "/proc").type == "proc");
  CHECK(mount_at(spec, "/dev").options == Words{"nosuid", "strictatime", "mode=755", "size=65536k"});
  CHECK(mount_at(spec, "/dev/pts").options ==
        Words{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"});
  CHECK(mount_at(spec, "/dev/shm").type == "tmpfs");
  CHECK(mount_at(spec, "/dev/mqueue").type == "mqueue");
  CHECK(mount_at(spec, "/sys").type == "sysfs");
  CHECK(has(mount_at(spec, "/sys").options, "ro"));
  CHECK(mount_at(spec, "/sys/fs/cgroup").type == "cgroup");
  CHECK(has(mount_at(spec, "/sys/fs/cgroup").options, "ro"));
}

TEST_CASE("it denies every device") {
  const auto spec = decode_spec(default_spec(true, std::nullopt));
  REQUIRE(spec.linux.resources.devices.size() == 1);
  CHECK_FALSE(spec.linux.resources.devices[0].allow);
  CHECK(spec.linux.resources.devices[0].access == "rwm");
}

TEST_CASE("it hides and protects what belongs to the host") {
  const auto spec = decode_spec(default_spec(true, std::nullopt));
  for (const auto* path : {"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware", "/proc/interrupts"})
    CHECK(has(spec.linux.masked_paths, path));
  CHECK(spec.linux.readonly_paths == Words{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"});
}

TEST_CASE("it has every namespace that root needs, and one for cgroups only if asked") {
  const auto spec = decode_spec(default_spec(true, std::nullopt));
  using enum NamespaceType;
  for (const auto type : {pid, network, ipc, uts, mount, cgroup}) CHECK(spec.linux.find(type) != nullptr);
  CHECK(spec.linux.find(user) == nullptr);
  CHECK(decode_spec(default_spec(false, std::nullopt)).linux.find(cgroup) == nullptr);
}

TEST_CASE("namespaces have nothing but a type, which tests of engines rely on") {
  const auto text = default_spec(true, std::nullopt);
  const auto document = json::Document::parse(text);
  const auto* namespaces = document.root().find("linux")->find("namespaces");
  REQUIRE(namespaces->first != nullptr);
  for (const auto* entry = namespaces->first; entry; entry = entry->next) {
    CHECK(entry->first->key == "type");
    CHECK(entry->first->next == nullptr);
  }
}

TEST_CASE("an ordinary user's container has that user as its root") {
  const auto text = default_spec(true, Owner{1000, 1001});
  const auto spec = decode_spec(text);
  using enum NamespaceType;
  CHECK(spec.linux.find(user) != nullptr);
  CHECK(spec.linux.find(network) == nullptr);
  CHECK(spec.linux.uid_mappings == std::vector<IdMapping>{{0, 1000, 1}});
  CHECK(spec.linux.gid_mappings == std::vector<IdMapping>{{0, 1001, 1}});
  CHECK_FALSE(has(mount_at(spec, "/dev/pts").options, "gid=5"));
  CHECK(mount_at(spec, "/sys").type == "none");
  CHECK(mount_at(spec, "/sys").source == "/sys");
  CHECK(mount_at(spec, "/sys").options == Words{"rbind", "nosuid", "noexec", "nodev", "ro"});
  CHECK_THAT(text, !Contains("resources"));
}

TEST_CASE("it is indented by tabs") {
  const auto text = default_spec(true, std::nullopt);
  CHECK_THAT(text,
             Catch::Matchers::StartsWith("{\n\t\"ociVersion\": \"1.3.0\",\n\t\"process\": {\n\t\t\"terminal\": true,"));
  CHECK(text.find("\n ") == text.npos);
}
