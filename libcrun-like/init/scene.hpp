// SPDX-License-Identifier: Apache-2.0
// What steps leave for the steps behind them, in the container's process.
#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/channel.hpp"
#include "base/handle.hpp"
#include "oci/error.hpp"
#include "plan/mount_steps.hpp"

namespace oci::init {

/// A page that the runtime and the process it cloned share: where one died that could not say so, and the pid that a
/// Fork step brought forth. Who is born by that step does not get the page: others in its pid namespace could seize it,
/// and would tell the runtime whose pid to signal and to remember.
struct alignas(4096) Progress {
  std::atomic<std::uint32_t> step{0};
  std::atomic<std::int32_t> pid{0};  ///< as the runtime counts them; 0 before a Fork
};

/// For execve(2): pointers to the plan's texts, with the null pointer at the end.
struct Arguments {
  std::vector<char*> args;
  std::vector<char*> env;
};

struct Scene {
  Fd parent;                     ///< the channel to the runtime
  Progress* progress = nullptr;  ///< shared with it; gone after a Fork
  Fd root;                       ///< the container's root, O_PATH, once BindRoot has run
  Fd proc;                       ///< a procfs over which nothing can be mounted; see proc_of()
  Fd dev;                        ///< the tmpfs this process mounted at /dev: what is made in it needs no lookup
  Fd time_offsets;               ///< /proc/self/timens_offsets, where it cannot be opened any more when it is needed
  Fd host_proc;                  ///< for mount(2), umount2(2) and labels: the host's procfs, which names descriptors
  Fd null_device;                ///< a mount of the host's /dev/null, verified; detached until the first mask
  MountFd empty_directory;       ///< what hides masked directories: one read-only tmpfs for all of them
  std::string home;              ///< "HOME=", and what FindHome found
  std::string program;           ///< what FindProgram found
  Arguments arguments;
  const BindRoot* detached_root = nullptr;  ///< the step whose root hangs nowhere yet; see attach_root()
  bool null_attached = false;  ///< a mount can be cloned once it hangs in the namespace (before Linux 6.15 only then)
  bool empty_attached = false;
  bool legacy_mounts = false;      ///< mount(2) instead of fsopen(2) and its kin, which this kernel or a filter denies
  bool no_open_tree_attr = false;  ///< nor that one (Linux 6.15)
  bool has_terminal = false;       ///< stdin is the container's terminal
  bool has_own_keyring = false;    ///< the session keyring is no longer the caller's
  bool in_directory = false;       ///< ChangeDirectory has succeeded
  bool remembers_mounts = false;   ///< PrepareMountChanges has been performed
  std::vector<Fd> added;           ///< what take_back() unmounts
  std::vector<MountFd> sources;    ///< of mounts to come, in their order
  std::size_t sources_taken = 0;   ///< and how many of them have come
  std::optional<Message> made;     ///< Word::made, once it has been read
  std::uint32_t step = 0;          ///< the one being performed
};

/// Says `word`, with `attached` if it is there, and waits for the answer, which it returns. @throws Error what the
/// runtime answered, if that was a failure
Message ask(Scene& scene, Word word, FdRef attached = FdRef(-1));

/// The same for words without a descriptor in either direction, by write(2) and read(2): a seccomp filter may be in
/// force.
void agree(Scene& scene, Word word, int code = 0);

/// What the plan has left to the runtime in the network namespace (plan/network_work.hpp): whether it does it. Waits
/// for that once.
bool runtime_does_network(Scene& scene);
/// The sysfs that it has made, for fsmount(2); none when it does not do it.
Fd take_sysfs(Scene& scene);

/// A directory descriptor of a procfs of this pid namespace that nothing hides or redirects: the container's own, taken
/// before it was attached, or a detached one made now (CVE-2019-16884, CVE-2025-52881).
FdRef proc_of(Scene& scene);

/// Opens `path` below that procfs; no links, no crossing into mounts. @throws Error
Fd open_proc(Scene& scene, const std::string& path, int flags);

}  // namespace oci::init
