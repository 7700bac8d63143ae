// SPDX-License-Identifier: Apache-2.0
// runtime-systemd: speaks with systemd for the runtime, which is one static file and cannot load libsystemd. Started by
// it for one request (kernel/systemd_properties.hpp), which comes on standard input; the answer is lines on standard
// output: "note TEXT" any number of times, then "ok CGROUP" or "error ERRNO TEXT".
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

#include "base/files.hpp"
#include "kernel/cgroup.hpp"
#include "oci/error.hpp"
#include "systemd/bus.hpp"

namespace oci::systemd {
namespace {

/// Up to the line "end"; whoever asks keeps the pipe open.
std::string read_request() {
  std::string text;
  std::array<char, std::size_t{16} * 1024> block{};
  while (!text.ends_with("\nend\n")) {
    const auto got = ::read(STDIN_FILENO, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw Error("the request is cut short: this program is started by the runtime, not by hand", EPROTO);
    text.append(block.data(), static_cast<std::size_t>(got));
  }
  return text;
}

void say(std::string_view verb, std::string_view text) {
  write_all(FdRef(STDOUT_FILENO), std::string(verb) + " " + escape_field(text) + "\n", "standard output");
}

void say_left_out(const std::vector<std::string>& names) {
  for (const auto& name : names)
    say("note", "this version of systemd does not take the property " + name + ", which is left out");
}

/// systemd removes a scope without processes, so this one stays in it until the container's has been born there: the
/// runtime kills it then. It must not outlive the runtime either.
void stay_until_killed() {
  char nothing = 0;
  while (::read(STDIN_FILENO, &nothing, 1) < 0 && errno == EINTR) continue;
}

/// Everything in it is going to be killed one day, so nothing but the unit's own will do.
std::string cgroup_of_scope(const std::string& unit) {
  auto cgroup = own_cgroup();
  if (!cgroup.ends_with("/" + unit))
    throw Error("systemd says that the scope has been started, but has left its first process in " + cgroup);
  return cgroup;
}

void answer(const SystemdRequest& request) {
  Manager manager(request.bus, request.patience_s);
  switch (request.verb) {
    case SystemdVerb::start:
      say_left_out(manager.start(request.unit, request.properties));
      // The way this process sees its cgroup is the way the runtime sees it, in a cgroup namespace too.
      say("ok", request.unit.ends_with(".slice") ? manager.control_group(request.unit) : cgroup_of_scope(request.unit));
      return stay_until_killed();
    case SystemdVerb::stop:
      manager.stop(request.unit);
      return say("ok", "");
    case SystemdVerb::set:
      say_left_out(manager.set(request.unit, request.properties));
      return say("ok", "");
  }
}

}  // namespace
}  // namespace oci::systemd

int main() {
  try {
    oci::systemd::answer(oci::decode_request(oci::systemd::read_request()));
  } catch (const oci::Error& error) {
    try {
      oci::systemd::say("error " + std::to_string(error.code()), error.what());
    } catch (const oci::Error&) {
      return 2;  // nobody listens
    }
    return 1;
  }
  // Neither destructors nor handlers: the scope waits for this process to be gone.
  ::_exit(0);
}
