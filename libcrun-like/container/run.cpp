// SPDX-License-Identifier: Apache-2.0
// create, start, stay, delete: what a person types.
#include <optional>

#include "container/attend.hpp"
#include "container/creation.hpp"
#include "container/entry.hpp"
#include "container/notify.hpp"
#include "container/presence.hpp"
#include "oci/container.hpp"

namespace oci {

int run(const Store& store, const std::string& id, const RunOptions& options) {
  const bool stays = options.attachment == Attachment::foreground;
  Creation creation(store, id, options, Starter::this_process);
  std::optional<Attendance> attendance;
  if (stays) attendance.emplace(options.no_subreaper ? Orphans::left : Orphans::reaped);
  creation.stand();
  if (auto terminal = creation.take_terminal(); stays && terminal) attendance->connect(std::move(terminal));
  auto notify = NotifySocket::bind(creation.state());
  static constexpr int no_program = 255;  // runc's
  if (!creation.start()) return no_program;
  if (!stays) {
    if (notify) notify->wait(creation.process(), creation.record().pid);
    creation.keep();
    return succeed(options, 0);
  }
  // Who stays is the one that the service manager watches, and passes the container's end on.
  if (notify) attendance->watch(notify->fd(), [&] { return notify->forward(::getpid()); });
  const int status = attendance->attend(creation.process());
  creation.keep();
  if (!options.keep) remove_after_run(creation.state(), creation.record());
  attendance.reset();  // gives the terminal back
  return succeed(options, status);
}

}  // namespace oci
