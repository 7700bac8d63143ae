// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup_manager.hpp"

#include <algorithm>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/cgroup_apply.hpp"
#include "kernel/cgroup_limits.hpp"
#include "kernel/cgroup_systemd.hpp"
#include "kernel/device_filter.hpp"

namespace oci {
namespace {

const Fd no_descriptor;

/// user_namespaces(7): only the initial user namespace maps every id to itself.
bool in_user_namespace() {
  static constexpr std::string_view everything = "4294967295\n";
  return !try_read_file(working_directory, "/proc/self/uid_map").value_or("").ends_with(everything);
}

/// The member of linux.resources that takes a cgroup; empty when none does.
std::string first_limit(const Resources& resources) {
  const auto writes = cgroup_limits(resources).writes;
  const auto limit =
      std::find_if(writes.begin(), writes.end(), [](const CgroupWrite& write) { return !write.may_be_missing; });
  return limit == writes.end() ? std::string() : limit->field;
}

bool has_limits(const Resources& resources) {
  return !first_limit(resources).empty();
}

/// The one line that gives a user a cgroup.
std::string how_to_delegate(const std::string& directory) {
  if (::access("/run/systemd/system", F_OK) == 0)
    return "systemd-run --user --scope -p Delegate=yes RUNTIME …, which starts it in a cgroup of the user's";
  return "chown " + std::to_string(::geteuid()) + " " + directory + " " + directory +
         "/cgroup.{procs,threads,subtree_control} as root, or another linux.cgroupsPath";
}

/// Asked for by the user: the container stays in the caller's cgroup, and no limit holds.
class DisabledCgroups final : public CgroupManager {
 public:
  const Fd& prepare() override { return no_descriptor; }
  void adopt(pid_t /*pid*/) override {}
  void apply(const Resources& resources) override {
    if (has_limits(resources)) log::warning("linux.resources is not enforced: cgroups are disabled");
  }
  std::string path() const override { return {}; }
  void remove() override {}
};

/// A host without cgroup2: fine for a container that asks nothing of it.
class MissingCgroups final : public CgroupManager {
 public:
  const Fd& prepare() override {
    log::warning("no cgroup2 file system is mounted: the container stays in the caller's cgroup, without device rules");
    return no_descriptor;
  }
  void adopt(pid_t /*pid*/) override {}
  void apply(const Resources& resources) override {
    const auto denies = [](const DeviceRule& rule) { return !rule.allow; };
    const bool has_denials = std::any_of(resources.devices.begin(), resources.devices.end(), denies);
    if (!has_limits(resources) && (!has_denials || is_unprivileged())) return;
    throw Error(std::string("linux.resources") + (has_limits(resources) ? "" : ".devices") +
                    " cannot be enforced: no cgroup2 file system is mounted (mount -t cgroup2 none /sys/fs/cgroup)",
                ENOENT);
  }
  std::string path() const override { return {}; }
  void remove() override {}
};

}  // namespace

bool is_unprivileged() {
  return ::geteuid() != 0 || in_user_namespace();
}

void restrict_devices(const Cgroup& cgroup, const std::vector<DeviceRule>& rules, bool fresh) {
  const auto field = [] { return "linux.resources"; };
  const DeviceProgram program = at_path(field, [&] { return device_program(rules); });
  try {
    in_context([&] { return std::string(field()) + ".devices"; },
               [&] { attach_device_program(cgroup.directory(), program, fresh); });
  } catch (const Error&) {
    // Whoever has no privilege over bpf(2) has none over devices either: outside of the initial user namespace the
    // kernel makes no device nodes, and those that are there answer to the host's permissions.
    if (!is_unprivileged()) throw;
  }
}

class CgroupfsCgroups final : public CgroupManager {
 public:
  CgroupfsCgroups(CgroupHost host, const std::string& id, const Linux& config)
      : host_(std::move(host)),
        path_(cgroup_directory(host_, config.cgroups_path, id)),
        may_do_without_(config.cgroups_path.empty()),
        devices_(config.devices) {}

  const Fd& prepare() override {
    return in_context([] { return "unable to apply cgroup configuration"; },
                      [&]() -> const Fd& {
                        try {
                          make_directories();
                          open();
                        } catch (const Error& error) {
                          remove();
                          if (!may_do_without(error.code())) throw;
                          unavailable_ = error.what();
                          path_.clear();
                        } catch (...) {
                          remove();
                          throw;
                        }
                        return cgroup_ ? cgroup_->directory() : no_descriptor;
                      });
  }

  void adopt(pid_t /*pid*/) override {}

  void apply(const Resources& resources) override {
    if (cgroup_) {
      write_limits(host_, *cgroup_, resources);
      restrict_devices(*cgroup_, effective_device_rules(resources.devices, devices_), fresh_);
    } else if (const auto limit = first_limit(resources); !limit.empty()) {
      // The words are those of runc, which engines and its test suite know.
      throw Error(
          "linux.resources." + limit +
              ": rootless needs no limits + no cgrouppath when no permission is granted for cgroups: " + unavailable_,
          EACCES);
    }
  }

  std::string path() const override { return path_; }

  void remove() override {
    // As a rule nobody is in there any more, and there may be no descriptor left to kill by.
    const bool removed = fresh_ && ::rmdir(path_.c_str()) == 0;
    if (cgroup_ && !removed) {
      cgroup_->kill();
      if (fresh_) cgroup_->remove();
    }
    cgroup_.reset();
    // Parents only if nobody else has come to use them: rmdir(2) refuses the others.
    for (; !made_.empty(); made_.pop_back()) ::rmdir(made_.back().c_str());
  }

 private:
  /// mkdir(2) of the cgroup, and of what is missing above it. The first try is the only one in most cases.
  void make_directories() {
    static constexpr mode_t mode = 0755;
    static constexpr int attempts = 8;  // a parent may vanish meanwhile: the container it was made for has ended
    for (int attempt = 0; attempt < attempts; ++attempt) {
      if (::mkdir(path_.c_str(), mode) == 0) {
        made_.push_back(path_);
        fresh_ = true;
        return;
      }
      if (errno == EEXIST) return;
      if (errno != ENOENT) break;
      for (auto end = path_.find('/', host_.mount.size() + 1); end != std::string::npos;
           end = path_.find('/', end + 1)) {
        const std::string parent = path_.substr(0, end);
        if (::mkdir(parent.c_str(), mode) == 0)
          made_.push_back(parent);
        else if (errno != EEXIST && errno != ENOENT)
          refuse_directory(parent, errno);
      }
    }
    refuse_directory(path_, errno);
  }

  [[noreturn]] static void refuse_directory(const std::string& path, int code) {
    if (code == EACCES || code == EPERM)
      throw Error("mkdir " + path + ": permission denied (its parent is not delegated to this user): " +
                      how_to_delegate(path.substr(0, path.rfind('/'))),
                  code);
    throw Error::system("mkdir " + path, code);
  }

  void open() {
    cgroup_ = Cgroup(path_, sys::openat(working_directory, path_, O_PATH | O_DIRECTORY));
    // A new cgroup below the root is neither populated nor frozen; anything else has to be looked at.
    const bool below_root = path_.find('/', host_.mount.size() + 1) == std::string::npos;
    if (!fresh_ || !below_root) look_at_it();
    // On a hybrid host most controllers are elsewhere; the few that are here are enabled when a limit needs them.
    if (!host_.hybrid) enable_controllers(host_, *cgroup_);
  }

  void look_at_it() {
    try {
      refuse_unusable(*cgroup_);
    } catch (const Error&) {
      cgroup_.reset();  // so that remove() leaves alone who is in there
      throw;
    }
  }

  bool may_do_without(int code) const {
    return may_do_without_ && (code == EACCES || code == EPERM || code == EROFS) && is_unprivileged();
  }

  CgroupHost host_;
  std::string path_;
  bool may_do_without_;  ///< nobody asked for this very path
  std::vector<Device> devices_;
  std::optional<Cgroup> cgroup_;
  std::vector<std::string> made_;  ///< directories that prepare() made, outermost first
  bool fresh_ = false;             ///< the cgroup itself is among them
  std::string unavailable_;        ///< why there is none, and that is all right as long as nothing is asked of it
};

std::unique_ptr<CgroupManager> make_cgroup_manager(CgroupDriver driver, const std::string& id, const Spec& spec) {
  if (driver == CgroupDriver::disabled) return std::make_unique<DisabledCgroups>();
  CgroupHost host = CgroupHost::probe();
  if (driver == CgroupDriver::systemd) return make_systemd_manager(std::move(host), id, spec);
  if (host.mount.empty()) return std::make_unique<MissingCgroups>();
  return std::make_unique<CgroupfsCgroups>(std::move(host), id, spec.linux);
}

}  // namespace oci
