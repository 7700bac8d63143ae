// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/handle.hpp"

namespace oci {

/// While it lives this thread may be in another network namespace (setns(2)): what belongs to the namespace in which it
/// is made, a socket or a sysfs, is made there.
class NetworkVisit {
 public:
  /// Still at home. @throws Error when there would be no way back
  NetworkVisit();
  NetworkVisit(const NetworkVisit&) = delete;
  NetworkVisit& operator=(const NetworkVisit&) = delete;
  /// Ends the runtime where there is no way back: what it did next would be done in the container's namespace.
  ~NetworkVisit();

  /// Enters that of a process. @throws Error
  void begin(const Pidfd& process) { begin(process.get()); }
  /// Enters the one that `file`, of nsfs, stands for. @throws Error
  void begin(FdRef file) { begin(file.get()); }
  /// Goes back. @throws Error when that fails; the destructor tries it once more
  void end();

 private:
  void begin(int where);
  Fd home_;
  bool away_ = false;
};

}  // namespace oci
