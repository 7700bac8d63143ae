// SPDX-License-Identifier: Apache-2.0
// features-linux.md: "The runtime MUST recognize the elements in this array", for every array that `features` prints.
#include "features.hpp"

#include <algorithm>

#include "kernel/seccomp.hpp"
#include "oci/error.hpp"
#include "spec/check.hpp"
#include "spec/decode.hpp"
#include "spec/mount_options.hpp"
#include "spec/names.hpp"
#include "support/catch.hpp"

using namespace oci;
using cli::Names;

namespace {

std::string refusal(const std::string& linux_members, const std::string& top = {}) {
  try {
    const auto spec = decode_spec(R"({"ociVersion": "1.3.0", "root": {"path": "r"}, )" + top +
                                  R"("process": {"args": ["a"], "cwd": "/"}, "linux": {)" + linux_members + "}}");
    check(spec);
    if (spec.linux.seccomp) seccomp_program(*spec.linux.seccomp, "");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("every hook and mount option that features names is read") {
  const auto known = cli::mechanisms();
  for (const auto& hook : known.hooks) {
    INFO(hook);
    CHECK(refusal("", R"("hooks": {")" + hook + R"(": [{}]}, )") == "hooks." + hook + "[0]: path: missing");
  }
  for (const auto& option : known.mount_options) {
    INFO(option);
    CHECK(parse_mount_options({option}).parameters.empty());
  }
  CHECK(parse_mount_options({"no-such-word"}).parameters.size() == 1);
}

TEST_CASE("every word of seccomp that features names is taken, and no other") {
  const auto known = cli::mechanisms();
  const auto rule = [](const std::string& action, const std::string& op) {
    return refusal(R"("seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/s", "syscalls": [{"names":
                      ["getcwd"], "action": ")" +
                   action + R"(", "args": [{"index": 0, "value": 1, "op": ")" + op + R"("}]}]})");
  };
  for (const auto& action : known.seccomp_actions) CHECK(rule(action, "SCMP_CMP_EQ") == "accepted");
  for (const auto& op : known.seccomp_operators) CHECK(rule("SCMP_ACT_LOG", op) == "accepted");
  CHECK(rule("SCMP_ACT_X", "SCMP_CMP_EQ") != "accepted");
  CHECK(rule("SCMP_ACT_LOG", "SCMP_CMP_X") != "accepted");
  const auto list = [](const std::string& member, const std::string& word) {
    return refusal(R"("seccomp": {"defaultAction": "SCMP_ACT_ALLOW", ")" + member + R"(": [")" + word + "\"]}");
  };
  // Recognized are all; libseccomp cannot put one of the other byte order beside this machine's own.
  for (const auto& architecture : known.seccomp_architectures)
    CHECK(list("architectures", architecture).find("unknown value") == std::string::npos);
  CHECK(list("architectures", "SCMP_ARCH_X").find("unknown value") != std::string::npos);
  CHECK(known.seccomp_known_flags == known.seccomp_supported_flags);
  CHECK(list("flags", "X") != "accepted");
}

TEST_CASE("every namespace, capability and memory policy that features names is known") {
  const auto known = cli::mechanisms();
  for (const auto& row : namespace_names()) CHECK(find_namespace(row.name) == &row);
  for (const auto& name : capability_names()) CHECK(find_capability(name));
  for (const auto& mode : known.memory_policy_modes) CHECK(find_memory_policy_mode(mode));
  for (const auto& flag : known.memory_policy_flags) CHECK(find_memory_policy_flag(flag));
}

TEST_CASE("features names each kind of hook that config.json has") {
  auto hooks = cli::mechanisms().hooks;
  std::sort(hooks.begin(), hooks.end());
  CHECK(hooks == Names{"createContainer", "createRuntime", "poststart", "poststop", "prestart", "startContainer"});
}
