// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>

#include "kernel/network_visit.hpp"
#include "oci/error.hpp"
#include "plan/network_work.hpp"

namespace oci {

/// What the plan leaves to the runtime in the container's network namespace. Made before the process is born; the
/// plan's steps have to stay where they are until take().
class NetworkCare {
 public:
  explicit NetworkCare(const InitPlan& plan);

  /// Does it, or tells the process to do it. Right behind the birth: the kernel locks all file systems while it looks
  /// for a sysfs, so that is to be over when the process comes to its mounts; and each page that is written to before
  /// costs a copy. What went wrong otherwise is kept for check().
  void take(const Pidfd& process, FdRef channel) noexcept;
  /// @throws Error when the loopback interface could not be raised, or there was no way back
  void check() const;

 private:
  void visit(const Pidfd& process, FdRef channel);
  NetworkWork work_;
  std::optional<NetworkVisit> visit_;  ///< none where the runtime could not come back
  std::optional<Error> failure_;
};

}  // namespace oci
