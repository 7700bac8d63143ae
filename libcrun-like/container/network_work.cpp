// SPDX-License-Identifier: Apache-2.0
#include "container/network_work.hpp"

#include <optional>

#include "base/log.hpp"
#include "init/mounts.hpp"
#include "init/network.hpp"
#include "kernel/network_visit.hpp"
#include "plan/network_work.hpp"

namespace oci {
namespace {

/// What the kernel does not permit here the child tries, too: it has a stand-in for a sysfs, and says what is wrong.
void make_sysfs(const NetworkWork& work, const Child& child) {
  try {
    Fd context;
    if (work.sysfs) {
      context = init::open_filesystem(*work.sysfs);
      init::create_filesystem(*work.sysfs, context, work.sysfs->parameters);
    }
    child.answer(Word::made, context);
  } catch (const Error& error) {
    log::debug(std::string(error.what()) + ": left to the container's process");
    child.answer(Word::made);
  }
}

}  // namespace

void do_network_work(Child& child) {
  const auto work = network_work(child.plan());
  if (!work.sysfs && !work.loopback) return;
  std::optional<NetworkVisit> visit;
  try {
    if (work.joined.get() >= 0)
      visit.emplace(work.joined);
    else
      visit.emplace(child.pidfd());
  } catch (const Error& error) {  // before Linux 5.8 a pidfd does not lead there
    log::debug(std::string(error.what()) + ": left to the container's process");
    return child.answer(Word::made, FdRef(-1), error.code());
  }
  make_sysfs(work, child);
  if (work.loopback) in_context([&] { return work.loopback->field; }, [] { init::raise_loopback(); });
  visit->end();
}

}  // namespace oci
