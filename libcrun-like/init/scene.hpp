// SPDX-License-Identifier: Apache-2.0
// What steps leave for the steps behind them, in the container's process.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>

#include "base/channel.hpp"
#include "base/handle.hpp"
#include "oci/error.hpp"

namespace oci::init {

/// A page that both sides see: the runtime learns where a process died that could not say so, and the pid that a
/// Fork step brought forth.
struct Progress {
  std::atomic<std::uint32_t> step{0};
  std::atomic<std::int32_t> pid{0};  ///< as the runtime counts them; 0 before a Fork
};

struct Scene {
  Fd parent;                     ///< the channel to the runtime
  Progress* progress = nullptr;  ///< shared with it
  Fd root;                       ///< the container's root, O_PATH, once BindRoot has run
  Fd proc;                       ///< a procfs over which nothing can be mounted; see proc_of()
  Fd null_device;                ///< the host's /dev/null, O_PATH, verified
  MountFd empty_directory;       ///< what hides masked directories: one read-only tmpfs for all of them
  std::string home;              ///< what FindHome found
  std::string program;           ///< what FindProgram found
  bool has_terminal = false;     ///< stdin is the container's terminal
  bool in_directory = false;     ///< ChangeDirectory has succeeded
  std::uint32_t step = 0;        ///< the one being performed
};

/// Says `word` and waits for the answer, which it returns. @throws Error what the runtime answered, if that was a failure
Message ask(Scene& scene, Word word);

/// A directory descriptor of a procfs of this pid namespace that nothing hides or redirects: the container's own, taken before
/// it was attached, or a detached one made now (CVE-2019-16884, CVE-2025-52881).
FdRef proc_of(Scene& scene);

/// Opens `path` below that procfs; no links, no crossing into mounts. @throws Error
Fd open_proc(Scene& scene, const std::string& path, int flags);

}  // namespace oci::init
