// SPDX-License-Identifier: Apache-2.0
// Device rules (config-linux.md, "Allowed Device list") as an eBPF program of the type BPF_PROG_TYPE_CGROUP_DEVICE.
// Everything but attach_device_program() is pure.
#pragma once
#include <linux/bpf.h>

#include <string>
#include <vector>

#include "base/handle.hpp"
#include "oci/spec.hpp"

namespace oci {

/// The rules that hold for a container: `rules`, and behind them, so that they win, the devices no container can do
/// without. One of those is left to `rules` when the config lists its path itself in linux.devices.
std::vector<DeviceRule> effective_device_rules(const std::vector<DeviceRule>& rules,
                                               const std::vector<Device>& devices);

/// The same rules without what decides nothing. None overlaps with another that says otherwise unless it stands in
/// front of it: asked in this order, the first that has the device and the access decides.
struct DeviceDecisions {
  std::vector<DeviceRule> rules;
  bool otherwise = false;  ///< the answer when none has decided
};

/// @throws Error as device_program()
DeviceDecisions device_decisions(const std::vector<DeviceRule>& rules);

/// What the kernel asks for each mknod(2) and open(2) of a device by a process in the cgroup.
struct DeviceProgram {
  std::vector<bpf_insn> instructions;
  bool allows_everything = false;  ///< then it need not be attached to a cgroup that has none
};

/// Each of read, write and mknod is judged on its own: the last rule that has the device and that access decides, and
/// without one it is denied. @throws Error "devices[0].access: …" for a rule that makes no sense.
DeviceProgram device_program(const std::vector<DeviceRule>& rules);

/// Loads and attaches. Unless the cgroup is `fresh`, older programs of it are replaced (a single one without a moment
/// between the two). @throws Error with the errno of bpf(2).
void attach_device_program(FdRef cgroup, const DeviceProgram& program, bool fresh);

}  // namespace oci
