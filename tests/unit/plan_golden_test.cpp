// SPDX-License-Identifier: Apache-2.0
// Golden plans: plans/NAME.json is a config.json, plans/NAME.steps the steps that create performs for it, one a line. A
// change of order is a diff of these files. `GOLDEN_UPDATE=1 build/tests/unit` writes them anew.
#include <dirent.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/files.hpp"
#include "plan/create.hpp"
#include "plans_directory.hpp"  // made by meson
#include "spec/check.hpp"
#include "spec/decode.hpp"
#include "support/catch.hpp"

using namespace oci;

namespace {

std::vector<std::string> plan_names() {
  std::vector<std::string> names;
  auto* dir = ::opendir(PLANS_DIRECTORY);
  REQUIRE(dir != nullptr);
  while (const auto* entry = ::readdir(dir)) {
    const std::string name = entry->d_name;
    if (name.ends_with(".json")) names.push_back(name.substr(0, name.size() - 5));
  }
  ::closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

std::string steps_of(const Spec& spec) {
  const Host host{.euid = 0,
                  .in_user_namespace = false,
                  .may_set_groups = true,
                  .has_kcore = true,
                  .capabilities = ~std::uint64_t{0}};
  const auto plan = plan_create({.spec = spec,
                                 .host = host,
                                 .id = "c1",
                                 .bundle = "/bundle",
                                 .rootfs = "/bundle/rootfs",
                                 .cgroup = "/sys/fs/cgroup/c1"});
  std::string text;
  for (const auto& step : plan.steps)
    text += describe(step.action) + (step.field.empty() ? "" : "  [" + step.field + "]") + "\n";
  return text;
}

}  // namespace

TEST_CASE("each golden config.json gives exactly the steps written beside it") {
  const auto names = plan_names();
  REQUIRE(names.size() >= 3);
  for (const auto& name : names) {
    INFO(name);
    const std::string base = std::string(PLANS_DIRECTORY) + "/" + name;
    const auto spec = decode_spec(read_file(working_directory, base + ".json"));
    check(spec);
    const auto steps = steps_of(spec);
    if (std::getenv("GOLDEN_UPDATE")) replace_file(working_directory, base + ".steps", steps, 0644);
    CHECK(steps == read_file(working_directory, base + ".steps"));
  }
}
