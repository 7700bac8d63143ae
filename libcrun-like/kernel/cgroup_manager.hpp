// SPDX-License-Identifier: Apache-2.0
// Who makes a container's cgroup: the runtime itself, systemd, or nobody.
#pragma once
#include <sys/types.h>

#include <memory>
#include <string>

#include "base/handle.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/systemd.hpp"
#include "oci/container.hpp"
#include "oci/spec.hpp"

namespace oci {

/// The cgroup of a container that is being made: begin(), prepare(), then the process is born, then adopt(), then
/// apply(). remove() takes back what was made, should the container fail after all. A container that
/// stands is looked after through Cgroup::open(path()).
class CgroupManager {
 public:
  CgroupManager() = default;
  CgroupManager(const CgroupManager&) = delete;
  CgroupManager& operator=(const CgroupManager&) = delete;
  virtual ~CgroupManager() = default;

  /// Begins what takes time, if that can happen while the caller does something else.
  virtual void begin() {}
  /// Makes the cgroup. The result is for CLONE_INTO_CGROUP and belongs to the manager; it is empty when the process is
  /// to be born in the caller's cgroup. A failure leaves nothing behind.
  virtual const Fd& prepare() = 0;
  /// The process has been born in what prepare() gave.
  virtual void adopt(pid_t pid) = 0;
  /// Writes the limits and attaches the device program. The container's program must not run before.
  virtual void apply(const Resources& resources) = 0;
  /// The cgroup's absolute directory, for state.json; empty when the container has none of its own. Known from the
  /// start, so that it can be written down before anything is made; prepare() may find that there will be none, and
  /// what systemd makes is known after it.
  virtual std::string path() const = 0;
  /// The unit that systemd made, for state.json; no name where it is another driver.
  virtual SystemdUnit unit() const { return {}; }
  /// Kills what is in the cgroup and removes all that prepare() made. No error when there is nothing to remove.
  virtual void remove() = 0;
};

/// For the container `id`; of `spec` are used linux.cgroupsPath, linux.devices and, by systemd, annotations and limits.
std::unique_ptr<CgroupManager> make_cgroup_manager(CgroupDriver driver, const std::string& id, const Spec& spec);

/// Whether the caller may fail to get a cgroup, or bpf(2), without that being a fault: it is not root, or not root of
/// the initial user namespace.
bool is_unprivileged();

/// Attaches the program for `rules`, which are effective_device_rules(). Without privileges it may fail silently.
void restrict_devices(const Cgroup& cgroup, const std::vector<DeviceRule>& rules, bool fresh);

}  // namespace oci
