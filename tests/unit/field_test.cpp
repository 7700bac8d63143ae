// SPDX-License-Identifier: Apache-2.0
// config.json member by member: the right value is taken, a wrong type and a value out of range are errors that name
// the member. The table is in fields/.
#include "fields/rows.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "container/filter.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/cgroup_limits.hpp"
#include "kernel/device_filter.hpp"
#include "oci/error.hpp"
#include "plan/create.hpp"
#include "spec/check.hpp"
#include "spec/decode.hpp"
#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::StartsWith;
using test::FieldRow;

namespace {

std::vector<FieldRow> all_rows() {
  std::vector<FieldRow> rows;
  for (const auto part : {test::top_rows(), test::process_rows(), test::linux_rows(), test::resource_rows()})
    rows.insert(rows.end(), part.begin(), part.end());
  return rows;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

bool is_below(const FieldRow& row, std::string_view section) {
  return std::string_view(row.path).starts_with(std::string(section) + ".");
}

/// Where decode() finds the value of the row: "mounts[0].options".
std::string place(const FieldRow& row) {
  return replaced(replaced(row.path, "[]", "[0]"), "*", is_below(row, "linux.timeOffsets") ? "boottime" : "k");
}

/// `members`, and of the `others`, each "\"name\": value", those that they do not name themselves.
std::string completed(std::string members, const std::vector<std::string>& others) {
  for (const auto& other : others)
    if (members.find(other.substr(0, other.find(':') + 1)) == members.npos)
      members += (members.empty() ? "" : ", ") + other;
  return members;
}

/// A config.json that keeps every rule, with `value` in the row's place.
std::string config(const FieldRow& row, std::string_view value) {
  const auto members = replaced(row.config, "@", value);
  std::string process = R"("args": ["sh"], "cwd": "/")";
  std::string linux;
  std::string top;
  if (is_below(row, "process"))
    process = completed(members, {R"("args": ["sh"])", R"("cwd": "/")"});
  else if (is_below(row, "linux"))
    linux = members;
  else
    top = members;
  linux = completed(linux, {R"("namespaces": [{"type": "mount"}, {"type": "uts"}, {"type": "network"},
                                              {"type": "time"}])"});
  return "{" +
         completed(top, {R"("ociVersion": "1.3.0")", R"("root": {"path": "rootfs"})", "\"process\": {" + process + "}",
                         "\"linux\": {" + linux + "}"}) +
         "}";
}

/// Everything that judges values without changing anything, in the order in which `create` asks it.
void judge(const std::string& text) {
  auto spec = decode_spec(text);
  check(spec);
  // What the machine lacks is no fault of the value.
  spec.process->apparmor_profile.clear();
  spec.process->selinux_label.clear();
  cgroup_directory({.mount = "/sys/fs/cgroup"}, spec.linux.cgroups_path, "c1");
  container_filter(spec.linux, spec.annotations, "");
  at_path([] { return std::string("linux.resources"); },
          [&] {
            cgroup_limits(spec.linux.resources);
            device_program(spec.linux.resources.devices);
          });
  const Host host{.euid = 0, .may_set_groups = true, .capabilities = ~std::uint64_t{0}};
  plan_create({.spec = spec, .host = host, .id = "c1", .bundle = "/bundle", .rootfs = "/bundle/rootfs", .cgroup = ""});
}

std::string refusal(const std::string& text) {
  try {
    judge(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

bool is_number(std::string_view json) {
  return json.front() == '-' || (json.front() >= '0' && json.front() <= '9');
}

/// A value of each kind that JSON has, but for that of `json`.
std::vector<std::string> other_kinds(std::string_view json) {
  std::vector<std::string> kinds{"\"7\"", "[7]", "{\"x\": 7}"};
  std::erase_if(kinds, [&](const auto& kind) { return kind.front() == json.front(); });
  if (!is_number(json)) kinds.emplace_back("7");
  if (json != "true") kinds.insert(kinds.end(), {"true", "false"});
  return kinds;
}

}  // namespace

TEST_CASE("each member of config.json takes a right value") {
  for (const auto& row : all_rows()) {
    INFO(row.path);
    CHECK(refusal(config(row, row.good)) == "accepted");
  }
}

TEST_CASE("each member of config.json refuses every other type, by its name") {
  for (const auto& row : all_rows()) {
    for (const auto& wrong : other_kinds(row.good)) {
      INFO(row.path << ": " << wrong);
      CHECK_THAT(refusal(config(row, wrong)), StartsWith(place(row) + ": expected "));
    }
  }
}

TEST_CASE("each member of config.json refuses a value out of its range, by its name") {
  for (const auto& row : all_rows()) {
    INFO(row.path);
    if (*row.bad != '\0') CHECK_THAT(refusal(config(row, row.bad)), StartsWith(row.error));
    if (is_number(row.good))
      for (const auto* number : {"1.5", "1e3", "99999999999999999999", "-9999999999999999999"})
        CHECK_THAT(refusal(config(row, number)), StartsWith(place(row) + ": expected an integer in "));
    if (*row.good == '"') CHECK_THAT(refusal(config(row, R"("a\u0000b")")), StartsWith(place(row) + ": "));
  }
}

TEST_CASE("null is as good as leaving a member out") {
  for (const auto& row : all_rows()) {
    INFO(row.path);
    const std::string path = row.path;
    const auto name = path.substr(path.rfind('.') + 1);
    const auto without = replaced(config(row, "@"), "\"" + name + "\": @", "\"x-unknown\": 0");
    CHECK(refusal(config(row, "null")) == refusal(without));
  }
}
