// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/handle.hpp"

namespace oci {

/// While it lives this thread is in another network namespace (setns(2)): what belongs to the namespace in which it is
/// made, a socket or a sysfs, is made there.
class NetworkVisit {
 public:
  /// That of a process. @throws Error
  explicit NetworkVisit(const Pidfd& process);
  /// The one that `file`, of nsfs, stands for. @throws Error
  explicit NetworkVisit(FdRef file);
  NetworkVisit(const NetworkVisit&) = delete;
  NetworkVisit& operator=(const NetworkVisit&) = delete;
  /// Ends the runtime where there is no way back: what it did next would be done in the container's namespace.
  ~NetworkVisit();

  /// Goes back. @throws Error when that fails; the destructor tries it once more
  void end();

 private:
  explicit NetworkVisit(int where);
  Fd home_;  ///< none once it is there again
};

}  // namespace oci
