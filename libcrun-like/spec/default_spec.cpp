// SPDX-License-Identifier: Apache-2.0
#include "spec/default_spec.hpp"

#include <string>
#include <vector>

#include "base/json.hpp"

namespace oci {
namespace {

using Words = std::vector<std::string>;

void add_process(json::Writer& out) {
  static constexpr std::int64_t open_files = 1024;
  const Words capabilities{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  out.key("process").open_object();
  out.key("terminal").boolean(true);
  out.key("user").open_object().key("uid").number(0).key("gid").number(0).close_object();
  out.member("args", Words{"sh"});
  out.member("env", Words{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"});
  out.member("cwd", "/");
  // Nothing inheritable or ambient: a program that is not root gets no capability by being executed.
  out.key("capabilities").open_object();
  for (const auto* set : {"bounding", "effective", "permitted"}) out.member(set, capabilities);
  out.close_object();
  out.key("rlimits").open_array().open_object().member("type", "RLIMIT_NOFILE");
  out.key("hard").number(open_files).key("soft").number(open_files).close_object().close_array();
  out.key("noNewPrivileges").boolean(true);
  out.close_object();
}

void add_mount(json::Writer& out, std::string_view destination, std::string_view type, std::string_view source,
               const Words& options = {}) {
  out.open_object().member("destination", destination).member("type", type).member("source", source);
  if (!options.empty()) out.member("options", options);
  out.close_object();
}

void add_mounts(json::Writer& out, bool rootless) {
  Words terminals{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"};
  if (!rootless) terminals.emplace_back("gid=5");  // the group tty, which a single mapped id cannot be
  out.key("mounts").open_array();
  add_mount(out, "/proc", "proc", "proc");
  add_mount(out, "/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"});
  add_mount(out, "/dev/pts", "devpts", "devpts", terminals);
  add_mount(out, "/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"});
  add_mount(out, "/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"});
  // sysfs may only be mounted by the owner of the network namespace, which an ordinary user's container shares.
  if (rootless)
    add_mount(out, "/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"});
  else
    add_mount(out, "/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"});
  add_mount(out, "/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"});
  out.close_array();
}

void add_mapping(json::Writer& out, std::string_view name, std::uint32_t id) {
  out.key(name).open_array().open_object();
  out.key("containerID").number(0).key("hostID").unsigned_number(id).key("size").number(1);
  out.close_object().close_array();
}

void add_linux(json::Writer& out, bool cgroup_namespace, const std::optional<Owner>& rootless) {
  Words namespaces{"pid", "ipc", "uts", "mount"};
  if (!rootless) namespaces.insert(namespaces.begin() + 1, "network");
  if (rootless) namespaces.emplace_back("user");
  if (cgroup_namespace) namespaces.emplace_back("cgroup");
  out.key("linux").open_object();
  if (rootless) {
    add_mapping(out, "uidMappings", rootless->uid);
    add_mapping(out, "gidMappings", rootless->gid);
  } else {
    out.key("resources").open_object().key("devices").open_array().open_object();
    out.key("allow").boolean(false).member("access", "rwm").close_object().close_array().close_object();
  }
  out.key("namespaces").open_array();
  for (const auto& type : namespaces) out.open_object().member("type", type).close_object();
  out.close_array();
  out.member("maskedPaths", Words{"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
                                  "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
                                  "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware"});
  out.member("readonlyPaths", Words{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"});
  out.close_object();
}

}  // namespace

std::string default_spec(bool cgroup_namespace, const std::optional<Owner>& rootless) {
  json::Writer out("\t");
  out.open_object().member("ociVersion", implemented_spec);
  add_process(out);
  out.key("root").open_object().member("path", "rootfs").key("readonly").boolean(true).close_object();
  out.member("hostname", "runc");  // what the tests of engines expect to find
  add_mounts(out, rootless.has_value());
  add_linux(out, cgroup_namespace, rootless);
  return out.close_object().text() + "\n";
}

}  // namespace oci
