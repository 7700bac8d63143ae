// SPDX-License-Identifier: Apache-2.0
// Who the process is and what it may do. The order of these steps is plan/process.cpp's; why it must be so is said
// there.
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "init/mounts_legacy.hpp"
#include "init/perform_process.hpp"

namespace oci::init {
namespace {

/// The kernel's highest capability: prctl(2) gives EINVAL above it.
constexpr unsigned most_capabilities = 64;

bool contains(std::uint64_t set, unsigned capability) {
  return (set >> capability & 1U) != 0;
}

/// The kernel refuses sets with bits of capabilities that it does not have.
void capset(const CapabilitySets& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const auto low = [](std::uint64_t set) { return static_cast<std::uint32_t>(set); };
  const auto high = [](std::uint64_t set) { return static_cast<std::uint32_t>(set >> 32U); };
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> values{
      {{low(sets.effective), low(sets.permitted), low(sets.inheritable)},
       {high(sets.effective), high(sets.permitted), high(sets.inheritable)}}};
  if (::syscall(SYS_capset, &header, values.data()) < 0) throw Error::system("capset");
}

}  // namespace

void perform(const UseHostProc& /*use*/, Scene& scene) {
  legacy::keep_host_proc(scene);
}

void perform(const ForgetHostProc& /*forget*/, Scene& scene) {
  scene.host_proc.reset();
}

void perform(const JoinKeyring& keyring, Scene& scene) {
  // A session keyring of its own: the caller's keys are none of the container's business.
  const char* name = keyring.name.empty() ? nullptr : keyring.name.c_str();
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) >= 0) {
    scene.has_own_keyring = true;
    return;
  }
  if (errno == ENOSYS || errno == EPERM) return;  // kernels and outer filters without keyrings
  // A container uses up its user's quota when it likes; that must not leave it the caller's keys.
  if (errno == EDQUOT && scene.has_own_keyring) return;
  throw Error::system("join the session keyring " + keyring.name);
}

namespace {

/// By the host's procfs where that was kept, which has every process: the container's own has none of another pid
/// namespace.
Fd open_attribute(Scene& scene, const std::string& path) {
  if (!scene.host_proc) return open_proc(scene, path, O_WRONLY);
  auto tried = sys::try_openat2(scene.host_proc, path.c_str(), O_WRONLY,
                                RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
  if (tried.code != 0) throw Error::system("open /proc/" + path + " (O_WRONLY)", tried.code);
  return std::move(tried.fd);
}

void write_attribute(Scene& scene, const std::string& file, const std::string& text) {
  const auto path = "thread-self/attr/" + file;
  write_all(open_attribute(scene, path), text, "/proc/" + path);
}

}  // namespace

void perform(const SetLabel& label, Scene& scene) {
  try {
    write_attribute(scene, label.file, label.text);
  } catch (const Error& error) {
    if (error.code() != ENOENT || label.fallback_file.empty()) throw;
    write_attribute(scene, label.fallback_file, label.text);
  }
}

void perform(const DropBoundingSet& set, Scene& /*scene*/) {
  for (unsigned capability = 0; capability < most_capabilities; ++capability) {
    if (contains(set.keep, capability)) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) return;  // one more than the kernel has
    throw Error::system("drop capability " + std::to_string(capability) + " from the bounding set");
  }
}

void perform(const SetUser& user, Scene& /*scene*/) {
  // Raw calls: glibc's would signal threads that a process born by clone3 does not know of.
  if (user.sets_groups && ::syscall(SYS_setgroups, user.groups.size(), user.groups.data()) < 0)
    throw Error::system("setgroups");
  if (::syscall(SYS_setresgid, user.gid, user.gid, user.gid) < 0)
    throw Error::system("setresgid " + std::to_string(user.gid));
  // capabilities(7): without it a change from uid 0 would clear the sets that SetCapabilities is about to give.
  if (user.uid != 0 && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) throw Error::system("prctl PR_SET_KEEPCAPS");
  if (::syscall(SYS_setresuid, user.uid, user.uid, user.uid) < 0)
    throw Error::system("setresuid " + std::to_string(user.uid));
  ::umask(user.umask);
}

void perform(const SetCapabilities& capabilities, Scene& /*scene*/) {
  const auto& sets = capabilities.sets;
  capset(sets);
  // Ambient capabilities of the caller survive a change of user to root; what is asked for is raised one by one.
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
    throw Error::system("clear the ambient capabilities");
  for (unsigned capability = 0; capability < most_capabilities; ++capability)
    if (contains(sets.ambient, capability) && ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
      throw Error::system("raise ambient capability " + std::to_string(capability));
}

void perform(const NoNewPrivileges& /*none*/, Scene& /*scene*/) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) throw Error::system("prctl PR_SET_NO_NEW_PRIVS");
}

void perform(const LoadSeccomp& seccomp, Scene& scene) {
  const sock_fprog program{static_cast<unsigned short>(seccomp.filter.size()),
                           const_cast<sock_filter*>(seccomp.filter.data())};
  const auto listener = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, seccomp.flags, &program);
  if (listener < 0)
    throw Error::system("load the seccomp filter (" + std::to_string(seccomp.filter.size()) + " instructions, flags " +
                        std::to_string(seccomp.flags) + ")");
  if (!seccomp.notifies) return;
  // The runtime takes the listener out of this process: sending it could wait for an answer that only its receiver can
  // give. write(2) is the one call that no profile may notify about. Two copies would keep notified calls waiting for
  // an agent that has gone, instead of failing with ENOSYS.
  agree(scene, Word::listener, static_cast<int>(listener));
  ::close(static_cast<int>(listener));
}

}  // namespace oci::init
