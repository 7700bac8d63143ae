// SPDX-License-Identifier: Apache-2.0
#include "container/record.hpp"

#include "base/decode.hpp"
#include "base/files.hpp"
#include "spec/decode.hpp"
#include "spec/names.hpp"

namespace oci {
namespace {

/// The part of state.json that is this runtime's own; the rest keeps runc's names for those who read it.
struct Own {
  std::string bundle;
  std::uint32_t cgroup_driver = 0;
  std::string unit;
  std::int32_t namespaces = 0;
  bool in_user_namespace = false;
  bool no_new_keyring = false;
  bool made_resctrl = false;
  bool made_resctrl_monitoring = false;
  std::map<std::string, std::string> annotations;
  Hooks hooks;
};

struct Config {
  std::string rootfs;
};

struct File {
  std::string id;
  std::int32_t pid = 0;
  std::uint64_t start_time = 0;
  std::string created;
  std::map<std::string, std::string> cgroup_paths;
  std::string resctrl;
  std::string resctrl_monitoring;
  Config config;
  Own own;
};

}  // namespace

namespace json {

template <>
inline constexpr auto fields<Own> = std::array{
    field<&Own::bundle>("bundle", required),
    field<&Own::cgroup_driver>("cgroup_driver", required),
    field<&Own::unit>("unit"),
    field<&Own::namespaces>("namespaces", required),
    field<&Own::in_user_namespace>("in_user_namespace"),
    field<&Own::no_new_keyring>("no_new_keyring"),
    field<&Own::made_resctrl>("made_resctrl"),
    field<&Own::made_resctrl_monitoring>("made_resctrl_monitoring"),
    field<&Own::annotations>("annotations"),
    Field<Own>{"hooks", [](const Value& value, Own& own) { own.hooks = decode_hooks(value); }, false},
};
template <>
inline constexpr auto fields<Config> = std::array{field<&Config::rootfs>("rootfs", required)};
template <>
inline constexpr auto fields<File> = std::array{
    field<&File::id>("id", required),
    field<&File::pid>("init_process_pid", required),
    field<&File::start_time>("init_process_start", required),
    field<&File::created>("created", required),
    field<&File::cgroup_paths>("cgroup_paths", required),
    field<&File::resctrl>("intel_rdt_path"),
    field<&File::resctrl_monitoring>("intel_rdt_mon_path"),
    field<&File::config>("config", required),
    field<&File::own>("runtime", required),
};

}  // namespace json

namespace {

void encode_hooks(json::Writer& out, std::string_view kind, const std::vector<Hook>& hooks) {
  if (hooks.empty()) return;
  out.key(kind).open_array();
  for (const auto& hook : hooks) {
    out.open_object().member("path", hook.path);
    if (!hook.args.empty()) out.member("args", hook.args);
    if (hook.env) out.member("env", *hook.env);
    if (hook.timeout) out.key("timeout").number(*hook.timeout);
    out.close_object();
  }
  out.close_array();
}

void encode_namespaces(json::Writer& out, const Record& record) {
  out.key("namespace_paths").open_object();
  for (const auto& row : namespace_names()) {
    if ((record.namespaces & row.flag) == 0) continue;
    std::string name = "NEW";
    for (const char c : row.type == NamespaceType::mount ? std::string_view("ns") : row.proc_name)
      name += static_cast<char>(c - 'a' + 'A');
    out.member(name, "/proc/" + std::to_string(record.pid) + "/ns/" + std::string(row.proc_name));
  }
  out.close_object();
}

}  // namespace

std::string encode(const Record& record) {
  json::Writer out;
  out.open_object().member("id", record.id);
  out.key("init_process_pid").number(record.pid).key("init_process_start").unsigned_number(record.start_time);
  out.member("created", record.created);
  out.key("cgroup_paths").open_object();
  if (!record.cgroup.empty()) out.member("", record.cgroup);
  out.close_object();
  encode_namespaces(out, record);
  if (record.resctrl) out.member("intel_rdt_path", record.resctrl->path);
  if (record.resctrl && !record.resctrl->monitoring_path.empty())
    out.member("intel_rdt_mon_path", record.resctrl->monitoring_path);
  out.key("config").open_object().member("rootfs", record.rootfs).close_object();
  out.key("runtime").open_object().member("bundle", record.bundle);
  if (!record.unit.empty()) out.member("unit", to_text(record.unit));
  out.key("cgroup_driver").number(static_cast<int>(record.cgroup_driver)).key("namespaces").number(record.namespaces);
  out.key("in_user_namespace").boolean(record.in_user_namespace).key("no_new_keyring").boolean(record.no_new_keyring);
  if (record.resctrl) {
    out.key("made_resctrl").boolean(record.resctrl->made);
    out.key("made_resctrl_monitoring").boolean(record.resctrl->made_monitoring);
  }
  out.key("annotations").open_object();
  for (const auto& [name, value] : record.annotations) out.member(name, value);
  out.close_object().key("hooks").open_object();
  encode_hooks(out, "poststart", record.poststart);
  encode_hooks(out, "poststop", record.poststop);
  out.close_object().close_object().close_object();
  return out.text();
}

Record decode_record(std::string_view text) {
  const auto document = json::Document::parse(text);
  File file;
  json::decode(document.root(), file);
  if (file.own.cgroup_driver > static_cast<std::uint32_t>(CgroupDriver::disabled))
    throw Error("runtime.cgroup_driver: unknown");
  Record record;
  record.id = std::move(file.id);
  record.pid = file.pid;
  record.start_time = file.start_time;
  record.created = std::move(file.created);
  record.bundle = std::move(file.own.bundle);
  record.rootfs = std::move(file.config.rootfs);
  record.cgroup = std::move(file.cgroup_paths[""]);
  record.cgroup_driver = static_cast<CgroupDriver>(file.own.cgroup_driver);
  record.unit = unit_from_text(file.own.unit);
  record.namespaces = file.own.namespaces;
  record.in_user_namespace = file.own.in_user_namespace;
  record.no_new_keyring = file.own.no_new_keyring;
  record.annotations = std::move(file.own.annotations);
  if (!file.resctrl.empty())
    record.resctrl = ResctrlGroup{std::move(file.resctrl), std::move(file.resctrl_monitoring), file.own.made_resctrl,
                                  file.own.made_resctrl_monitoring};
  record.poststart = std::move(file.own.hooks.poststart);
  record.poststop = std::move(file.own.hooks.poststop);
  return record;
}

Spec remembered_spec(const StateDirectory& directory) {
  return in_context([&] { return directory.path("config.json"); },
                    [&] { return decode_spec(read_file(directory.fd(), "config.json", largest_config)); });
}

StateTemplate state_of(const Record& record, std::string status) {
  return {record.id, std::move(status), record.bundle, record.annotations};
}

}  // namespace oci
