// SPDX-License-Identifier: Apache-2.0
#include "spec/annotations.hpp"

#include <array>

#include "oci/error.hpp"
#include "plan/exec.hpp"
#include "plan/mounts.hpp"
#include "spec/decode.hpp"
#include "support/catch.hpp"

using namespace oci;
using namespace Catch::Matchers;

namespace {

std::string refusal(const std::string& name, const std::string& value) {
  try {
    extensions({{name, value}});
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

std::string tmpfs_step(const std::string& context_option) {
  const auto spec = decode_spec(R"({"root": {"path": "r"}, "mounts": [{"destination": "/a", "type": "tmpfs"}],
                                    "linux": {"namespaces": [{"type": "mount"}], "mountLabel": "l:s0:c1,c2"}})");
  InitPlan plan;
  add_filesystem(plan, spec, {.bundle = "/b", .selinux = true, .context_option = context_option});
  for (const auto& step : plan.steps)
    if (const auto* mount = std::get_if<MountFilesystem>(&step.action)) return mount->parameters.back();
  return {};
}

}  // namespace

TEST_CASE("annotations that say nothing to the runtime change nothing") {
  const auto none = extensions({{"a", "b"}, {"run.oci.unknown", "x"}, {"run.oci.handler", ""}});
  CHECK(none.hooks_stdout.empty());
  CHECK(none.pidfd_receiver.empty());
  CHECK_FALSE(none.keeps_groups);
  CHECK(none.context_option == "context");
}

TEST_CASE("annotations with a path want an absolute one") {
  for (const auto* name : {"run.oci.hooks.stdout", "run.oci.hooks.stderr", "run.oci.pidfd_receiver"}) {
    CHECK(refusal(name, "/var/log/x") == "accepted");
    CHECK(refusal(name, "x") == std::string("annotation ") + name + ": \"x\" is not an absolute path");
    CHECK(refusal(name, "") == std::string("annotation ") + name + ": \"\" is not an absolute path");
  }
}

TEST_CASE("another kind of runtime is refused rather than replaced by this one") {
  for (const auto* handler : {"krun", "wasm", "wasmedge", "x"})
    CHECK_THAT(refusal("run.oci.handler", handler),
               StartsWith("annotation run.oci.handler: this runtime has no handler"));
}

TEST_CASE("run.oci.delegate-cgroup is a path that stays below the container's cgroup") {
  const auto below = [](const std::string& value) {
    return extensions({{"run.oci.delegate-cgroup", value}}).delegated_cgroup;
  };
  CHECK(below("").empty());
  CHECK(below("init") == "/init");
  CHECK(below("/init") == "/init");
  CHECK(below("a//b/") == "/a/b");
  for (const auto* value : {"..", "/..", "a/../b", "a/./b", "../x", "a/.."})
    CHECK(refusal("run.oci.delegate-cgroup", value) == std::string("annotation run.oci.delegate-cgroup: \"") + value +
                                                           "\" does not stay below the container's cgroup");
  CHECK_THAT(refusal("run.oci.delegate-cgroup", "/"), EndsWith("\"/\" names no cgroup"));
}

TEST_CASE("annotations of crun's that ask for what is not here are refused by name") {
  CHECK(refusal("run.oci.systemd.force_cgroup_v1", "/sys/fs/cgroup/systemd") ==
        "annotation run.oci.systemd.force_cgroup_v1: this runtime mounts no cgroup v1");
  CHECK(refusal("run.oci.seccomp.plugins", "p.so") ==
        "annotation run.oci.seccomp.plugins: this runtime loads none; use linux.seccomp.listenerPath");
}

TEST_CASE("run.oci.mount_context_type chooses the mount option that takes the label") {
  for (const auto* option : {"context", "fscontext", "defcontext", "rootcontext"}) {
    CHECK(extensions({{"run.oci.mount_context_type", option}}).context_option == option);
    CHECK(tmpfs_step(option) == std::string(option) + "=l:s0:c1,c2");
  }
  CHECK(refusal("run.oci.mount_context_type", "seclabel") ==
        "annotation run.oci.mount_context_type: \"seclabel\" is none of context, fscontext, defcontext, rootcontext");
}
