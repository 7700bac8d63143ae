// SPDX-License-Identifier: Apache-2.0
#include "container/network_work.hpp"

#include "base/channel.hpp"
#include "base/log.hpp"
#include "init/mounts.hpp"
#include "init/network.hpp"

namespace oci {
namespace {

/// A process that has ended need not hear it: what it died of is told elsewhere.
void tell(FdRef channel, FdRef sysfs, int code = 0) {
  if (send(channel, {Word::made, 0, code, {}, {}}, sysfs) || errno == EPIPE || errno == ECONNRESET) return;
  throw Error::system("tell the container's process of its network");
}

void leave_to_process(const Error& error) {
  log::debug(std::string(error.what()) + ": left to the container's process");
}

/// What the kernel does not permit here the process tries, too: it has a stand-in for a sysfs, and says what is wrong.
void make_sysfs(const MountFilesystem* step, FdRef channel) {
  Fd context;
  try {
    if (step) {
      context = init::open_filesystem(*step);
      init::create_filesystem(*step, context, step->parameters);
    }
  } catch (const Error& error) {
    context.reset();
    leave_to_process(error);
  }
  tell(channel, context);
}

}  // namespace

NetworkCare::NetworkCare(const InitPlan& plan) : work_(network_work(plan)) {
  if (work_.empty()) return;
  try {
    visit_.emplace();
  } catch (const Error& error) {
    leave_to_process(error);
  }
}

void NetworkCare::visit(const Pidfd& process, FdRef channel) {
  try {
    if (!visit_) throw Error("the runtime could not come back", EPERM);
    if (work_.joined.get() >= 0)
      visit_->begin(work_.joined);
    else
      visit_->begin(process);
  } catch (const Error& error) {  // before Linux 5.8 a pidfd does not lead there
    leave_to_process(error);
    return tell(channel, FdRef(-1), error.code());
  }
  make_sysfs(work_.sysfs, channel);
  if (work_.loopback) in_context([&] { return work_.loopback->field; }, [] { init::raise_loopback(); });
  visit_->end();
}

void NetworkCare::take(const Pidfd& process, FdRef channel) noexcept {
  if (work_.empty()) return;
  try {
    visit(process, channel);
  } catch (const Error& error) {
    failure_ = error;
  }
  visit_.reset();
}

void NetworkCare::check() const {
  if (failure_) throw *failure_;
}

}  // namespace oci
