// SPDX-License-Identifier: Apache-2.0
#include "plan/devices.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/files.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

struct DefaultDevice {
  const char* name;
  unsigned major;
  unsigned minor;
};

constexpr std::array<DefaultDevice, 6> default_devices{
    {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}}};

constexpr mode_t default_mode = 0666;
constexpr mode_t permissions = 07777;

MakeDevices defaults(const MountHost& host) {
  MakeDevices step{.directory = "/dev", .nodes = {}, .links = {}, .binds_host = host.user_namespace};
  for (const auto& device : default_devices)
    step.nodes.push_back(
        {.name = device.name, .mode = S_IFCHR | default_mode, .number = makedev(device.major, device.minor)});
  step.links = {{"fd", "/proc/self/fd"},
                {"stdin", "/proc/self/fd/0"},
                {"stdout", "/proc/self/fd/1"},
                {"stderr", "/proc/self/fd/2"}};
  if (host.kcore) step.links.push_back({"core", "/proc/kcore"});
  // An image's own node would open the host's devpts instead of the container's.
  step.links.push_back({.name = "ptmx", .target = "pts/ptmx", .replaces = true});
  return step;
}

bool is_default(const std::string& path) {
  return path == "/dev/ptmx" || std::any_of(default_devices.begin(), default_devices.end(), [&](const auto& device) {
           return path == std::string("/dev/") + device.name;
         });
}

mode_t type_of(const Device& device) {
  if (device.type == "c" || device.type == "u") return S_IFCHR;
  if (device.type == "b") return S_IFBLK;
  if (device.type == "p") return S_IFIFO;
  throw Error::in_field("type", "\"" + device.type + "\" is none of c, u, b, p");
}

dev_t number_of(const Device& device) {
  // MKDEV of the kernel has 12 and 20 bits for them.
  if (device.major < 0 || device.major >= 1 << 12)
    throw Error::in_field("major", std::to_string(device.major) + " is out of range");
  if (device.minor < 0 || device.minor >= 1 << 20)
    throw Error::in_field("minor", std::to_string(device.minor) + " is out of range");
  return makedev(static_cast<unsigned>(device.major), static_cast<unsigned>(device.minor));
}

/// In a user namespace everything belongs to the container's root, as runc has it: other owners may not be mapped.
DeviceNode node(const Device& device, std::string name, const MountHost& host) {
  if (name.empty()) throw Error::in_field("path", "\"" + device.path + "\" names no file");
  const mode_t type = type_of(device);
  return {.name = std::move(name),
          .mode = type | (device.file_mode.value_or(default_mode) & permissions),
          .number = type == S_IFIFO ? 0 : number_of(device),
          .uid = host.user_namespace ? 0 : device.uid,
          .gid = host.user_namespace ? 0 : device.gid};
}

}  // namespace

void add_devices(InitPlan& plan, const Spec& spec, const MountHost& host) {
  MakeDevices step = defaults(host);
  std::string field;
  for (std::size_t index = 0; index < spec.linux.devices.size(); ++index) {
    const auto& device = spec.linux.devices[index];
    const std::string path = clean_path("/" + device.path);
    if (is_default(path)) continue;  // every container has it as it should be
    const auto slash = path.rfind('/');
    const std::string directory = slash == 0 ? "/" : path.substr(0, slash);
    if (directory != step.directory) {
      MakeDevices next{.directory = directory, .nodes = {}, .links = {}, .binds_host = host.user_namespace};
      plan.add(std::exchange(step, std::move(next)), field);
    }
    step.nodes.push_back(at_path([&] { return "linux.devices[" + std::to_string(index) + "]"; },
                                 [&] { return node(device, path.substr(slash + 1), host); }));
    field = "linux.devices";
  }
  plan.add(std::move(step), field);
}

std::vector<std::string> device_paths(const Spec& spec) {
  std::vector<std::string> paths;
  paths.reserve(default_devices.size() + spec.linux.devices.size());
  for (const auto& device : default_devices) paths.push_back(std::string("/dev/") + device.name);
  for (const auto& device : spec.linux.devices)
    if (auto path = clean_path("/" + device.path); !is_default(path)) paths.push_back(std::move(path));
  return paths;
}

}  // namespace oci
