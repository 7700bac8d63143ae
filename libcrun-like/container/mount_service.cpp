// SPDX-License-Identifier: Apache-2.0
#include "container/mount_service.hpp"

#include "container/foreign_procfs.hpp"
#include "container/sources.hpp"
#include "plan/prepared_mount.hpp"

namespace oci {

/// Child::next() has seen that it is a word of the step's.
void MountService::answer(Child& child, const Message& message, const std::string& cgroup) {
  const auto& action = child.plan().steps.at(message.step).action;
  if (message.word == Word::procfs) return child.answer(Word::go, open_foreign_procfs(*filesystem_of(action), cgroup));
  if (message.word == Word::idmap) {
    id_mapper_.map(message.fd, *filesystem_of(action));
    return child.answer(Word::go);
  }
  const auto& bind = *bind_of(action);
  const auto mount = open_source_for(child.pidfd(), bind);
  id_mapper_.map(mount, bind);
  child.answer(Word::go, mount);
}

void MountService::serve(Child& child, const Message& message, const std::string& cgroup) {
  try {
    answer(child, message, cgroup);
  } catch (const Error& error) {
    child.refuse(error);
  }
}

}  // namespace oci
