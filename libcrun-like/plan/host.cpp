// SPDX-License-Identifier: Apache-2.0
#include "plan/host.hpp"

#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>

#include "base/files.hpp"
#include "base/syscalls.hpp"

namespace oci {

Host Host::probe() {
  // The initial user namespace has a fixed inode number (PROC_USER_INIT_INO in the kernel's proc_ns.h).
  static constexpr std::string_view initial = "user:[4026531837]";
  Host host;
  host.euid = ::geteuid();
  host.in_user_namespace = sys::readlinkat(working_directory, "/proc/self/ns/user") != initial;
  if (host.in_user_namespace)
    host.may_set_groups = !try_read_file(working_directory, "/proc/self/setgroups").value_or("").starts_with("deny");
  host.has_kcore = ::access("/proc/kcore", F_OK) == 0;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> values{};
  if (::syscall(SYS_capget, &header, values.data()) < 0) throw Error::system("capget");
  host.capabilities = values[0].permitted | (std::uint64_t{values[1].permitted} << 32U);
  return host;
}

bool has_apparmor() {
  const auto enabled = try_read_file(working_directory, "/sys/module/apparmor/parameters/enabled");
  return enabled && enabled->starts_with('Y');
}

bool has_selinux() {
  struct statfs status {};
  return ::statfs("/sys/fs/selinux", &status) == 0 && status.f_type == SELINUX_MAGIC;
}

}  // namespace oci
