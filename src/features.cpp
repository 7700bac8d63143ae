// SPDX-License-Identifier: Apache-2.0
#include "features.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "spec/default_spec.hpp"
#include "spec/names.hpp"

namespace oci::cli {
namespace {

Names sorted(Names names) {
  std::sort(names.begin(), names.end());
  return names;
}

Names namespaces() {
  Names names;
  for (const auto& row : namespace_names()) names.emplace_back(row.name);
  return sorted(std::move(names));
}

void add_enabled(json::Writer& out, std::string_view name, bool enabled) {
  out.key(name).open_object().key("enabled").boolean(enabled).close_object();
}

void add_cgroup(json::Writer& out, const Mechanisms& known) {
  out.key("cgroup").open_object();
  out.key("v1").boolean(known.cgroup_v1).key("v2").boolean(known.cgroup_v2);
  out.key("systemd").boolean(known.cgroup_systemd).key("systemdUser").boolean(known.cgroup_systemd_user);
  out.key("rdma").boolean(known.rdma).close_object();
}

void add_seccomp(json::Writer& out, const Mechanisms& known) {
  out.key("seccomp").open_object().key("enabled").boolean(!known.seccomp_actions.empty());
  out.member("actions", sorted(known.seccomp_actions));
  out.member("operators", sorted(known.seccomp_operators));
  out.member("archs", sorted(known.seccomp_architectures));
  out.member("knownFlags", known.seccomp_known_flags);
  out.member("supportedFlags", known.seccomp_supported_flags);
  out.close_object();
}

void add_intel_rdt(json::Writer& out, const Mechanisms& known) {
  out.key("intelRdt").open_object().key("enabled").boolean(known.intel_rdt);
  out.key("schemata").boolean(known.intel_rdt_schemata).key("monitoring").boolean(known.intel_rdt_monitoring);
  out.close_object();
}

void add_linux(json::Writer& out, const Mechanisms& known) {
  out.key("linux").open_object();
  out.member("namespaces", namespaces());
  out.member("capabilities", capability_names());
  add_cgroup(out, known);
  add_seccomp(out, known);
  add_enabled(out, "apparmor", known.apparmor);
  add_enabled(out, "selinux", known.selinux);
  add_intel_rdt(out, known);
  if (!known.memory_policy_modes.empty()) {
    out.key("memoryPolicy").open_object().member("modes", known.memory_policy_modes);
    out.member("flags", known.memory_policy_flags).close_object();
  }
  out.key("mountExtensions").open_object();
  add_enabled(out, "idmap", known.idmapped_mounts);
  out.close_object();
  add_enabled(out, "netDevices", known.network_devices);
  out.close_object();
}

}  // namespace

std::string features_text(Mechanisms known) {
  json::Writer out("    ");
  out.open_object().member("ociVersionMin", "1.0.0").member("ociVersionMax", implemented_spec);
  out.member("hooks", known.hooks).member("mountOptions", sorted(std::move(known.mount_options)));
  add_linux(out, known);
  // The names are runc's, because those are what engines look for.
  out.key("annotations").open_object();
  out.member("io.github.seccomp.libseccomp.version", known.libseccomp_release);
  out.member("org.opencontainers.runc.checkpoint.enabled", known.checkpoint ? "true" : "false").close_object();
  out.member("potentiallyUnsafeConfigAnnotations", known.unsafe_annotations);
  return out.close_object().text() + "\n";
}

}  // namespace oci::cli
