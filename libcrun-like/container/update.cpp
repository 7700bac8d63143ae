// SPDX-License-Identifier: Apache-2.0
// Other limits for a container that lives.
#include "base/files.hpp"
#include "base/log.hpp"
#include "container/presence.hpp"
#include "container/record.hpp"
#include "kernel/cgroup_apply.hpp"
#include "kernel/cgroup_manager.hpp"
#include "kernel/cgroup_systemd.hpp"
#include "kernel/device_filter.hpp"
#include "kernel/resctrl.hpp"
#include "kernel/systemd_limits.hpp"
#include "oci/container.hpp"

namespace oci {
namespace {

/// First of all, because the kernel checks a schema most strictly: nothing else has been changed when it refuses. Taken
/// back unless kept.
class ClassChange {
 public:
  ClassChange(const Record& record, const IntelRdt& rdt) {
    if (rdt.l3_cache_schema.empty() && rdt.mem_bw_schema.empty()) return;
    if (!record.resctrl)
      throw Error((rdt.l3_cache_schema.empty() ? "--mem-bw-schema " + rdt.mem_bw_schema
                                               : "--l3-cache-schema " + rdt.l3_cache_schema) +
                      ": the container has no intelRdt",
                  ENOTSUP);
    before_ = update_resctrl(*record.resctrl, rdt.l3_cache_schema, rdt.mem_bw_schema);
    group_ = &*record.resctrl;
  }
  ClassChange(const ClassChange&) = delete;
  ClassChange& operator=(const ClassChange&) = delete;
  ~ClassChange() {
    if (group_) restore_resctrl(*group_, before_);
  }
  void keep() noexcept { group_ = nullptr; }

 private:
  const ResctrlGroup* group_ = nullptr;
  std::string before_;
};

/// In the state directory, once an update has set device rules: those of config.json hold no longer.
constexpr const char* changed_rules = "devices";

struct DeviceChange {
  std::vector<DeviceRule> rules;  ///< all that hold
  DeviceProgram program;
};

/// Nothing when `rules` do not ask for a change. containerd's CRI sends the rules of config.json with every update, and
/// a program that somebody else (NVIDIA's hook) has put in the place of ours since must outlive that. What config.json
/// says of devices decides which of the default rules hold, as it did at create.
std::optional<DeviceChange> device_change(const StateDirectory& directory, const std::vector<DeviceRule>& rules) {
  if (rules.empty()) return std::nullopt;
  const auto config = remembered_spec(directory);
  const bool changed_before = !directory.recall(changed_rules).empty();
  if (!changed_before && rules == config.linux.resources.devices) return std::nullopt;
  auto effective = effective_device_rules(rules, config.linux.devices);
  auto program = at_path([] { return "linux.resources"; }, [&] { return device_program(effective); });
  if (!changed_before) directory.remember(changed_rules, "changed");
  return DeviceChange{std::move(effective), std::move(program)};
}

void replace_program(const Cgroup& cgroup, const DeviceProgram& program) {
  try {
    in_context([] { return "linux.resources.devices"; },
               [&] { attach_device_program(cgroup.directory(), program, false); });
  } catch (const Error& error) {
    // As at create: where bpf(2) is not allowed, no rule has ever held. The change is not silently the exception.
    if (!is_unprivileged()) throw;
    log::warning(std::string(error.what()) + "; device rules stay as they are, which is none");
  }
}

/// systemd keeps the limits of its units, and would write the old ones with the next daemon-reload.
SystemdProperties properties_of(const CgroupHost& host, const Cgroup& cgroup, const Resources& change,
                                const std::optional<DeviceChange>& devices) {
  auto properties = at_path([] { return "linux.resources"; },
                            [&] { return limit_properties(host, completed(change, present_limits(cgroup, change))); });
  if (devices)
    for (auto& property : device_properties(devices->rules)) properties.push_back(std::move(property));
  return properties;
}

/// systemd knows a period only beside a quota (systemd 262): without one it has just written its default, whatever it
/// was asked to change, and the next quota would count with that. A daemon-reload still loses it.
void keep_period(const Cgroup& cgroup, const std::string& before) {
  static constexpr const char* file = "cpu.max";
  if (!before.starts_with("max ") || cgroup.read(file) == before) return;
  try {
    write_file(cgroup.directory(), file, before);
  } catch (const Error& error) {
    log::warning(error.what());
  }
}

/// Everything or nothing. systemd comes last: the kernel is the stricter of the two, and what it has taken can be taken
/// back from it.
void change_cgroup(const SystemdUnit& unit, const Cgroup& cgroup, Resources change,
                   const std::optional<DeviceChange>& devices) {
  const auto host = CgroupHost::probe();
  SystemdProperties properties;
  if (!unit.empty()) {
    change = as_systemd_changes(cgroup, std::move(change));
    properties = properties_of(host, cgroup, change, devices);
  }
  Journal journal(cgroup);
  try {
    change_limits(host, cgroup, change, journal);
    if (devices) replace_program(cgroup, devices->program);
    const auto quota = unit.empty() ? std::string() : cgroup.read("cpu.max").value_or("");
    set_unit_properties(unit, std::move(properties));
    keep_period(cgroup, quota);
  } catch (...) {
    journal.undo();
    throw;
  }
}

}  // namespace

void Container::update(const Resources& change, const IntelRdt& rdt) const {
  const auto directory = StateDirectory::open(store_, id_);
  directory.lock();
  const auto record = existing(directory);
  if (status_of(directory, record) == Status::stopped) throw Error("container not running", ESRCH);
  ClassChange class_change(record, rdt);
  const auto devices = device_change(directory, change.devices);
  const auto cgroup = cgroup_of(record);
  if (!cgroup) throw Error("the container has no cgroup, and only a cgroup has limits that can be changed", ENOENT);
  change_cgroup(record.unit, *cgroup, change, devices);
  class_change.keep();
}

}  // namespace oci
