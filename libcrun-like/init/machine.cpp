// SPDX-License-Identifier: Apache-2.0
// What the machine looks like from inside: its names and kernel settings, and the hooks that run there.
#include <unistd.h>

#include "base/command.hpp"
#include "base/files.hpp"
#include "init/perform_process.hpp"

namespace oci::init {

void perform(const SetHostname& hostname, Scene& /*scene*/) {
  if (::sethostname(hostname.name.data(), hostname.name.size()) < 0)
    throw Error::system("sethostname \"" + hostname.name + "\"");
}

void perform(const SetDomainname& domainname, Scene& /*scene*/) {
  if (::setdomainname(domainname.name.data(), domainname.name.size()) < 0)
    throw Error::system("setdomainname \"" + domainname.name + "\"");
}

void perform(const SetSysctl& sysctl, Scene& scene) {
  const auto file = open_proc(scene, "sys/" + sysctl.file, O_WRONLY);
  if (::write(file.get(), sysctl.value.data(), sysctl.value.size()) < 0)
    throw Error::system("write \"" + sysctl.value + "\" to /proc/sys/" + sysctl.file);
}

void perform(const RunHook& hook, Scene& scene) {
  Command command{.path = hook.path,
                  .args = hook.args,
                  .env = hook.env,
                  .cwd = hook.cwd,
                  .input = hook.state_before_pid + std::to_string(::getpid()) + hook.state_after_pid,
                  .output = hook.output,
                  .errors = hook.errors,
                  .timeout_s = hook.timeout_s,
                  .noun = "hook"};
  if (hook.inherits_env && !scene.home.empty()) command.env->push_back(scene.home);
  const auto outcome = run(command);
  if (!outcome.succeeded())
    throw Error("error running " + hook.kind + " hook #" + std::to_string(hook.index) + ": " +
                describe_failure(command, outcome));
}

}  // namespace oci::init
