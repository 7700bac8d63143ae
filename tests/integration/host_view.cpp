// SPDX-License-Identifier: Apache-2.0
// What of the machine the tests see: a mount namespace of their own, whose mounts are shared as systemd has them, so
// that a mount which escapes from a container is found and still does no harm. $TEST_CGROUP says what /sys/fs/cgroup
// is: "host" (as it is, the default) or "pure" (cgroup2 alone, also where the machine mixes it with version 1).
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "oci/error.hpp"
#include "support/catch.hpp"
#include "support/command.hpp"

namespace {

using oci::Error;

void show_pure_cgroup2() {
  // Lazily, and as often as there are mounts: those below keep their parent busy.
  while (::umount2("/sys/fs/cgroup", MNT_DETACH) == 0) continue;
  if (::mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
    throw Error::system("mount cgroup2");
}

void enter_own_view() {
  if (::unshare(CLONE_NEWNS) != 0) throw Error::system("unshare: the integration tests need root");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) throw Error::system("make mounts private");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr) != 0) throw Error::system("make mounts shared");
  const char* wanted = ::getenv("TEST_CGROUP");
  if (wanted != nullptr && std::string_view(wanted) == "pure") show_pure_cgroup2();
}

#if CATCH_VERSION_MAJOR >= 3
using Listener = Catch::EventListenerBase;
#else
using Listener = Catch::TestEventListenerBase;
#endif

class HostView : public Listener {
 public:
  using Listener::Listener;

  void testRunStarting(const Catch::TestRunInfo& run) override {
    Listener::testRunStarting(run);
    try {
      enter_own_view();
    } catch (const Error& error) {
      std::fprintf(stderr, "%s\n", error.what());
      std::exit(1);
    }
  }
};

CATCH_REGISTER_LISTENER(HostView)

}  // namespace
