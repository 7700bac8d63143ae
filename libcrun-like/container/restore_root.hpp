// SPDX-License-Identifier: Apache-2.0
// The root file system as CRIU wants to find it: a mount, below a parent that nothing covers.
#pragma once
#include <string>
#include <vector>

#include "base/handle.hpp"
#include "container/external_mounts.hpp"
#include "container/state.hpp"
#include "oci/spec.hpp"

namespace oci {

/// Whether the null device may be written to by mode and owner. In a user namespace nobody could, and there it is also
/// bound as the container's own.
enum class NullDevice : bool { as_it_is, read_only };

/// From its construction until it leaves this process is in a mount namespace of its own, where the rootfs is mounted
/// once more. A criu that is started meanwhile stays there, and with its last process the mount is gone, whatever
/// happens.
class RestoreRoot {
 public:
  RestoreRoot(const StateDirectory& state, std::string rootfs, NullDevice null);
  RestoreRoot(const RestoreRoot&) = delete;
  RestoreRoot& operator=(const RestoreRoot&) = delete;
  /// Where the process still is in there, it goes back, and what is mounted in there is unmounted.
  ~RestoreRoot();

  /// Back to where the process was. @throws Error: nothing of the caller's may be done in there
  void leave();

  const std::string& path() const noexcept { return path_; }
  /// Makes the mountpoints that are missing, as create does, also those inside of binds. Where the binds of config.json
  /// lead is the result.
  std::vector<PlacedBind> prepare(const Spec& spec, const std::string& bundle);

 private:
  void attach() const;

  std::string path_;
  std::string rootfs_;
  Fd namespace_, root_, directory_;  ///< the process's own, from before; none of them once it is back
};

/// What the rootfs was attached to; once criu has ended.
void remove_restore_root(const StateDirectory& state);

}  // namespace oci
