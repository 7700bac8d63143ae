// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <sys/syscall.h>

#include <array>
#include <cstring>

#include "base/syscalls.hpp"
#include "kernel/device_filter.hpp"

namespace oci {
namespace {

/// BPF_F_ALLOW_MULTI holds 64 programs for a cgroup (BPF_CGROUP_MAX_PROGS).
constexpr std::size_t most_programs = 64;

/// bpf(2), which never makes a descriptor without close-on-exec. -1 and errno.
int bpf(int command, bpf_attr& attributes) noexcept {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

std::uint64_t address(const void* pointer) noexcept {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

sys::TriedFd try_load(const DeviceProgram& program) noexcept {
  static constexpr std::string_view name = "oci_devices";
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = address(program.instructions.data());
  attributes.insn_cnt = static_cast<std::uint32_t>(program.instructions.size());
  attributes.license = address("Apache");
  std::memcpy(attributes.prog_name, name.data(), name.size());
  const int fd = bpf(BPF_PROG_LOAD, attributes);
  return {Fd(fd), fd < 0 ? errno : 0};
}

/// Linux before 5.11 counts programs against RLIMIT_MEMLOCK, and says EPERM when it is reached.
sys::TriedFd try_load_unlimited(const DeviceProgram& program) noexcept {
  rlimit before{};
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  if (::getrlimit(RLIMIT_MEMLOCK, &before) < 0 || before.rlim_cur == RLIM_INFINITY ||
      ::setrlimit(RLIMIT_MEMLOCK, &unlimited) < 0)
    return {Fd(), EPERM};
  auto tried = try_load(program);
  ::setrlimit(RLIMIT_MEMLOCK, &before);
  return tried;
}

Fd load(const DeviceProgram& program) {
  auto tried = try_load(program);
  if (tried.code == EPERM) tried = try_load_unlimited(program);
  if (!tried) throw Error::system("load the device program (BPF_PROG_LOAD, BPF_PROG_TYPE_CGROUP_DEVICE)", tried.code);
  return std::move(tried.fd);
}

/// systemd looks after its own program, and attaches it again when it misses it.
bool is_systemds(int program) noexcept {
  bpf_prog_info info{};
  bpf_attr attributes{};
  attributes.info.bpf_fd = static_cast<std::uint32_t>(program);
  attributes.info.info_len = sizeof info;
  attributes.info.info = address(&info);
  return bpf(BPF_OBJ_GET_INFO_BY_FD, attributes) == 0 && std::string_view(info.name) == "sd_devices";
}

/// The programs attached to this very cgroup, not to its ancestors, and not by systemd.
std::vector<Fd> attached_programs(FdRef cgroup) {
  std::array<std::uint32_t, most_programs> ids{};
  bpf_attr attributes{};
  attributes.query.target_fd = static_cast<std::uint32_t>(cgroup.get());
  attributes.query.attach_type = BPF_CGROUP_DEVICE;
  attributes.query.prog_ids = address(ids.data());
  attributes.query.prog_cnt = ids.size();
  if (bpf(BPF_PROG_QUERY, attributes) < 0) throw Error::system("list the cgroup's device programs (BPF_PROG_QUERY)");
  std::vector<Fd> programs;
  for (std::uint32_t i = 0; i < attributes.query.prog_cnt; ++i) {
    bpf_attr one{};
    one.prog_id = ids[i];
    const int fd = bpf(BPF_PROG_GET_FD_BY_ID, one);
    if (fd < 0 && errno == ENOENT) continue;  // detached meanwhile
    if (fd < 0) throw Error::system("open the cgroup's device program (BPF_PROG_GET_FD_BY_ID)");
    Fd program(fd);
    if (!is_systemds(fd)) programs.push_back(std::move(program));
  }
  return programs;
}

bpf_attr attachment(FdRef cgroup, const Fd& program) noexcept {
  bpf_attr attributes{};
  attributes.target_fd = static_cast<std::uint32_t>(cgroup.get());
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  return attributes;
}

void attach(FdRef cgroup, const Fd& program, const Fd* replaced) {
  bpf_attr attributes = attachment(cgroup, program);
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (replaced) {
    attributes.attach_flags |= BPF_F_REPLACE;
    attributes.replace_bpf_fd = static_cast<std::uint32_t>(replaced->get());
  }
  if (bpf(BPF_PROG_ATTACH, attributes) < 0)
    throw Error::system(replaced
                            ? "replace the cgroup's device program (BPF_PROG_ATTACH, BPF_F_ALLOW_MULTI|BPF_F_REPLACE)"
                            : "attach the device program (BPF_PROG_ATTACH, BPF_F_ALLOW_MULTI)");
}

}  // namespace

void attach_device_program(FdRef cgroup, const DeviceProgram& program, bool fresh) {
  if (fresh && program.allows_everything) return;
  const std::vector<Fd> older = fresh ? std::vector<Fd>() : attached_programs(cgroup);
  if (older.empty() && program.allows_everything) return;
  const Fd loaded = load(program);
  attach(cgroup, loaded, older.size() == 1 ? &older.front() : nullptr);
  if (older.size() == 1) return;
  // All programs of a cgroup must agree, so for the moment between attaching and detaching too little is allowed, not
  // too much.
  for (const auto& program_fd : older) {
    bpf_attr attributes = attachment(cgroup, program_fd);
    if (bpf(BPF_PROG_DETACH, attributes) < 0 && errno != ENOENT)
      throw Error::system("detach the cgroup's older device program (BPF_PROG_DETACH)");
  }
}

}  // namespace oci
