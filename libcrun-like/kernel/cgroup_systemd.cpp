// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup_systemd.hpp"

#include <algorithm>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/cgroup_apply.hpp"
#include "kernel/cgroup_delegation.hpp"
#include "kernel/cgroup_update.hpp"
#include "kernel/device_filter.hpp"
#include "kernel/systemd_limits.hpp"

namespace oci {
namespace {

/// Whom the cgroup is given to, when the container may make cgroups of its own: it sees its cgroup as the root of a
/// cgroup namespace of its own, mounted writable.
std::optional<uid_t> delegate_of(const Spec& spec) {
  const auto* const space = spec.linux.find(NamespaceType::cgroup);
  if (!space || !space->path.empty()) return std::nullopt;
  const auto is_writable_view = [](const Mount& mount) {
    const bool is_cgroup = mount.type == "cgroup" || mount.type == "cgroup2";
    return is_cgroup && std::find(mount.options.begin(), mount.options.end(), "ro") == mount.options.end();
  };
  if (std::none_of(spec.mounts.begin(), spec.mounts.end(), is_writable_view)) return std::nullopt;
  return uid_outside(spec);
}

IoScheduler io_scheduler(const CgroupHost& host) {
  const auto file = host.mount + own_cgroup() + "/io.bfq.weight";
  return ::access(file.c_str(), F_OK) == 0 ? IoScheduler::bfq : IoScheduler::other;
}

/// The first process of the scope is the helper, which leaves it when the container's has been born there: cloning into
/// a cgroup is the only way that does not wait for an RCU grace period, and systemd removes a scope without processes,
/// but starts none without. No other process ever has to be moved, and should this one be killed meanwhile, the helper
/// goes with it and the scope with the helper.
class SystemdCgroups final : public CgroupManager {
 public:
  SystemdCgroups(CgroupHost host, const std::string& id, const Spec& spec)
      : host_(std::move(host)),
        manager_(find_systemd_manager(host_.mount)),
        place_(unit_place(spec.linux.cgroups_path, id, manager_.default_slice())),
        unit_{place_.name, manager_.bus},
        subgroup_(annotated_subgroup(spec.annotations)),
        delegate_(delegate_of(spec)),
        devices_(spec.linux.devices),
        properties_(properties(id, spec)) {}

  void begin() override {
    refuse_what_is_there();
    start_.emplace(unit_, std::move(properties_));
  }

  const Fd& prepare() override {
    return in_context([] { return "unable to apply cgroup configuration"; },
                      [&]() -> const Fd& {
                        if (!start_) begin();
                        path_ = host_.mount + start_->control_group();
                        made_ = true;
                        open();
                        return cgroup_->directory();
                      });
  }

  void adopt(pid_t /*pid*/) override { start_->leave(); }

  void apply(const Resources& resources) override {
    if (!subgroup_.empty() || place_.is_slice()) enable_controllers(host_, *cgroup_);
    write_limits(host_, *cgroup_, with_systemd_quota(resources));
    restrict_devices(*cgroup_, effective_device_rules(resources.devices, devices_), true);
  }

  std::string path() const override { return path_; }
  SystemdUnit unit() const override { return unit_; }

  void remove() override {
    start_.reset();
    if (!made_) return;
    if (auto cgroup = Cgroup::try_open(path_)) {
      cgroup->kill();
      cgroup->remove();
    }
    cgroup_.reset();
    remove_unit(unit_);
    made_ = false;
  }

 private:
  /// The scope would get a cgroup that somebody has made before. In a frozen one its first process would stop, and
  /// systemd's answer not come. A user's manager has its cgroups where only it knows.
  void refuse_what_is_there() const {
    if (place_.is_slice() || manager_.is_users) return;
    const auto there = Cgroup::try_open(host_.mount + expand_slice(place_.slice) + "/" + place_.name);
    if (!there) return;
    in_context([] { return "unable to apply cgroup configuration"; }, [&] { refuse_unusable(*there); });
  }

  SystemdProperties properties(const std::string& id, const Spec& spec) const {
    SystemdProperties all{{"Description", "container " + id}};
    const auto add = [&](SystemdProperties more) {
      all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    };
    if (place_.is_slice())
      add({{"Wants", std::vector{place_.slice}}});
    else  // systemd leaves what is below to the runtime, and has every controller there
      add({{"Slice", place_.slice}, {"Delegate", true}});
    add({{"MemoryAccounting", true},
         {"CPUAccounting", true, true},
         {"IOAccounting", true, true},
         {"TasksAccounting", true, true}});
    // Containers are stopped by their engine, in its order, and not by shutdown.target before it.
    add({{"DefaultDependencies", false}});
    const auto& resources = spec.linux.resources;
    at_path([] { return "linux.resources"; },
            [&] {
              add(limit_properties(host_, with_systemd_quota(resources)));
              // A user's manager may not load device programs.
              if (!manager_.is_users)
                add(device_properties(effective_device_rules(resources.devices, spec.linux.devices)));
            });
    add(annotated_properties(spec.annotations));
    return all;
  }

  void open() {
    if (!subgroup_.empty()) {
      path_ += "/" + subgroup_;
      static constexpr mode_t mode = 0755;
      if (::mkdir(path_.c_str(), mode) < 0 && errno != EEXIST) throw Error::system("mkdir " + path_);
    }
    cgroup_ = Cgroup::open(path_);
    if (delegate_) delegate(*cgroup_, *delegate_);
  }

  CgroupHost host_;
  SystemdManager manager_;
  UnitPlace place_;
  SystemdUnit unit_;
  std::string subgroup_;
  std::optional<uid_t> delegate_;
  std::vector<Device> devices_;
  SystemdProperties properties_;
  std::optional<UnitStart> start_;
  std::optional<Cgroup> cgroup_;
  std::string path_;
  bool made_ = false;  ///< systemd has the unit, and it is ours
};

}  // namespace

SystemdProperties limit_properties(const CgroupHost& host, const Resources& resources) {
  const auto scheduler = resources.block_io ? io_scheduler(host) : IoScheduler::other;
  return limit_properties(cgroup_limits(resources), scheduler);
}

Resources as_systemd_changes(const Cgroup& cgroup, Resources change) {
  static constexpr const char* idle = "cpu.idle";
  static constexpr const char* weight = "cpu.weight";
  if (change.cpu) change.cpu = with_systemd_quota(completed(change, present_limits(cgroup, change))).cpu;
  auto& unified = change.unified;
  if (unified.contains(weight) && unified.contains(idle) && unified[idle] != "0") {
    log::warning(
        "linux.resources.unified: unable to apply both cpu.weight and cpu.idle to systemd: cpu.weight is ignored");
    unified.erase(weight);
  }
  // The kernel refuses a weight for an idle cgroup; systemd, which has one property for both, lets the later one win.
  const bool has_shares = change.cpu && change.cpu->shares.value_or(0) != 0 && !change.cpu->idle;
  const bool has_weight = unified.contains(weight) && !unified.contains(idle);
  if ((!has_shares && !has_weight) || cgroup.read(idle) != "1") return change;
  if (has_shares)
    change.cpu->idle = 0;
  else
    unified[idle] = "0";
  return change;
}

std::unique_ptr<CgroupManager> make_systemd_manager(CgroupHost host, const std::string& id, const Spec& spec) {
  if (!has_systemd_driver())
    throw Error("the systemd cgroup driver is not in this build (meson -Dsystemd=disabled): use cgroupfs", ENOSYS);
  if (host.mount.empty()) throw Error("the systemd cgroup driver needs cgroup2, and none is mounted", ENOENT);
  return std::make_unique<SystemdCgroups>(std::move(host), id, spec);
}

}  // namespace oci
