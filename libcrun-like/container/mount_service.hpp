// SPDX-License-Identifier: Apache-2.0
// What the container's process asks of the runtime while it mounts: source, idmap, procfs.
#pragma once
#include "container/id_mapper.hpp"
#include "container/launch.hpp"

namespace oci {

class MountService {
 public:
  /// Answers one such message. `cgroup`: where a process that helps is born, empty for the runtime's own.
  void serve(Child& child, const Message& message, const std::string& cgroup);

 private:
  void answer(Child& child, const Message& message, const std::string& cgroup);

  IdMapper id_mapper_;
};

}  // namespace oci
