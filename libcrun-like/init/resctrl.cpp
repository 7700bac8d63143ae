// SPDX-License-Identifier: Apache-2.0
#include "base/files.hpp"
#include "init/perform_process.hpp"

namespace oci::init {

void perform(const JoinResctrl& join, Scene& /*scene*/) {
  // resctrl.rst, "tasks": in the class first, because a monitoring group takes only tasks of the class above it.
  for (const auto& tasks : join.tasks) write_all(tasks, "0", "the tasks of a resctrl group");
}

}  // namespace oci::init
