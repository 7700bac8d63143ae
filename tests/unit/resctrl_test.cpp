// SPDX-License-Identifier: Apache-2.0
// On a directory that looks like resctrl, with a kernel that fills and empties groups as the real one does.
#include "kernel/resctrl.hpp"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/files.hpp"
#include "init/perform_process.hpp"
#include "kernel/cgroup.hpp"
#include "oci/error.hpp"
#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::Contains;

namespace {

bool is_there(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

void put(const std::string& path, const std::string& text) {
  replace_file(working_directory, path, text, 0644);
}

int fill(const char* path) {
  if (::mkdir(path, 0755) < 0) return -1;
  const std::string group(path);
  put(group + "/tasks", "");
  if (group.find("/mon_groups/") != group.npos) return 0;
  put(group + "/schemata", "");
  return ::mkdir((group + "/mon_groups").c_str(), 0755);
}

int no_space(const char* /*path*/) {
  errno = ENOSPC;
  return -1;
}

int no_monitoring(const char* path) {
  return std::string(path).find("/mon_groups/") == std::string::npos ? fill(path) : no_space(path);
}

int remove_all(const char* path) {
  if (!is_there(path)) {
    errno = ENOENT;
    return -1;
  }
  return ::nftw(
      path, [](const char* name, const struct stat*, int, FTW*) { return ::remove(name); }, 16, FTW_DEPTH | FTW_PHYS);
}

constexpr ResctrlKernel kernel{fill, remove_all};

class Tree {
 public:
  Tree() {
    std::string pattern = "/tmp/resctrl-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    parent_ = pattern;
    REQUIRE(fill(root().c_str()) == 0);
    REQUIRE(::mkdir((root() + "/info").c_str(), 0755) == 0);
    put(root() + "/info/last_cmd_status", "ok\n");
  }
  ~Tree() { remove_all(parent_.c_str()); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  std::string root() const { return parent_ + "/resctrl"; }
  std::string group(const std::string& name) const { return root() + "/" + name; }
  std::string read(const std::string& file) const { return read_file(working_directory, group(file)); }

 private:
  std::string parent_;
};

IntelRdt rdt(const std::string& clos_id, const std::string& l3, bool monitoring = false) {
  return {
      .clos_id = clos_id, .schemata = {}, .l3_cache_schema = l3, .mem_bw_schema = {}, .enable_monitoring = monitoring};
}

std::string refusal(const Tree& tree, const IntelRdt& wanted, const ResctrlKernel& with = kernel) {
  try {
    ResctrlMaking(plan_resctrl_group(tree.root(), wanted, "c1"), wanted, with).keep();
  } catch (const Error& error) {
    return error.what();
  }
  return "made";
}

}  // namespace

TEST_CASE("without a closID the group has the container's id, and goes with the container") {
  const Tree tree;
  const auto wanted = rdt("", "L3:0=f;1=f");
  const auto group = plan_resctrl_group(tree.root(), wanted, "c1");
  CHECK(group.path == tree.group("c1"));
  CHECK(group.made);
  CHECK_FALSE(is_there(group.path));
  ResctrlMaking(group, wanted, kernel).keep();
  CHECK(tree.read("c1/schemata") == "L3:0=f;1=f\n");
  CHECK(open_resctrl_tasks(group).size() == 1);
  remove_resctrl_group(group, kernel);
  CHECK_FALSE(is_there(group.path));
  CHECK_NOTHROW(remove_resctrl_group(group, kernel));
  CHECK(open_resctrl_tasks(group).empty());
}

TEST_CASE("a group of the container's id that was there before stays") {
  const Tree tree;
  REQUIRE(fill(tree.group("c1").c_str()) == 0);
  const auto group = plan_resctrl_group(tree.root(), rdt("", ""), "c1");
  CHECK_FALSE(group.made);
  remove_resctrl_group(group, kernel);
  CHECK(is_there(group.path));
}

TEST_CASE("a closID without schemata has to exist") {
  const Tree tree;
  CHECK_THAT(refusal(tree, rdt("gold", "")), Contains("linux.intelRdt.closID: ") && Contains("gold does not exist"));
  CHECK_FALSE(is_there(tree.group("gold")));
  REQUIRE(fill(tree.group("gold").c_str()) == 0);
  CHECK(refusal(tree, rdt("gold", "")) == "made");
}

TEST_CASE("a closID with schemata is made where it is missing, and stays for others") {
  const Tree tree;
  const auto wanted = rdt("gold", "L3:0=f");
  const auto group = plan_resctrl_group(tree.root(), wanted, "c1");
  ResctrlMaking(group, wanted, kernel).keep();
  CHECK(tree.read("gold/schemata") == "L3:0=f\n");
  remove_resctrl_group(group, kernel);
  CHECK(is_there(tree.group("gold")));
}

TEST_CASE("a closID that exists is compared with, and never written to") {
  const Tree tree;
  REQUIRE(fill(tree.group("gold").c_str()) == 0);
  const std::string before = "    MB:0=100;1=100\n    L3:0=fffff;1=fffff\n";
  put(tree.group("gold/schemata"), before);
  CHECK(refusal(tree, rdt("gold", "L3:0=FFFFF;1=0fffff")) == "made");
  CHECK_THAT(refusal(tree, rdt("gold", "L3:0=f")), Contains("gold has other schemata than \"L3:0=f\""));
  CHECK_THAT(refusal(tree, rdt("gold", "L2:0=fffff")), Contains("has other schemata"));
  CHECK(tree.read("gold/schemata") == before);
}

TEST_CASE("the root is the default class, and only monitoring adds to it") {
  const Tree tree;
  const auto wanted = rdt("/", "", true);
  const auto group = plan_resctrl_group(tree.root(), wanted, "c1");
  CHECK(group.path == tree.root());
  CHECK_FALSE(group.made);
  ResctrlMaking(group, wanted, kernel).keep();
  CHECK(open_resctrl_tasks(group).size() == 2);
  CHECK(is_there(tree.group("mon_groups/c1")));
  remove_resctrl_group(group, kernel);
  CHECK_FALSE(is_there(tree.group("mon_groups/c1")));
  CHECK(is_there(tree.root()));
}

TEST_CASE("a process joins by writing itself to the tasks of the class, then to those of the monitoring group") {
  const Tree tree;
  const auto wanted = rdt("", "", true);
  const auto group = plan_resctrl_group(tree.root(), wanted, "c1");
  ResctrlMaking(group, wanted, kernel).keep();
  init::Scene scene;
  perform(JoinResctrl{open_resctrl_tasks(group)}, scene);
  CHECK(tree.read("c1/tasks") == "0");
  CHECK(tree.read("c1/mon_groups/c1/tasks") == "0");
}

TEST_CASE("the monitoring group goes with the container, also from a class of an administrator's") {
  const Tree tree;
  REQUIRE(fill(tree.group("gold").c_str()) == 0);
  const auto wanted = rdt("gold", "", true);
  const auto group = plan_resctrl_group(tree.root(), wanted, "c1");
  ResctrlMaking(group, wanted, kernel).keep();
  CHECK(group.monitoring_path == tree.group("gold/mon_groups/c1"));
  CHECK(is_there(group.monitoring_path));
  remove_resctrl_group(group, kernel);
  CHECK_FALSE(is_there(group.monitoring_path));
  CHECK(is_there(tree.group("gold")));
}

TEST_CASE("what was made for a container that does not come to be is taken back") {
  const Tree tree;
  for (const auto* name : {"", "gold"}) {
    const auto wanted = rdt(name, "L3:0=f", true);
    const auto group = plan_resctrl_group(tree.root(), wanted, "c1");
    { const ResctrlMaking making(group, wanted, kernel); }
    CHECK_FALSE(is_there(group.path));
    CHECK_THAT(refusal(tree, wanted, {no_monitoring, remove_all}),
               Contains("linux.intelRdt.enableMonitoring: mkdir ") && Contains("No space left on device"));
    CHECK_FALSE(is_there(group.path));
  }
  CHECK_THAT(refusal(tree, rdt("", ""), {no_space, remove_all}), Contains("linux.intelRdt: mkdir "));
}

TEST_CASE("a class that others have joined meanwhile is not taken back") {
  const Tree tree;
  const auto wanted = rdt("gold", "L3:0=f");
  {
    const ResctrlMaking making(plan_resctrl_group(tree.root(), wanted, "c1"), wanted, kernel);
    put(tree.group("gold/tasks"), "4711\n");
  }
  CHECK(is_there(tree.group("gold")));
}

TEST_CASE("a container's id that resctrl has itself is no group") {
  const Tree tree;
  CHECK_THROWS_WITH(plan_resctrl_group(tree.root(), rdt("", ""), "info"),
                    Contains("\"info\" cannot be the name of a resctrl group"));
  CHECK_THROWS_WITH(plan_resctrl_group(tree.root(), rdt("/", "", true), "mon_data"), Contains("enableMonitoring"));
}

TEST_CASE("a schema that resctrl refuses is an error in resctrl's words") {
  const Tree tree;
  put(tree.group("info/last_cmd_status"), "Mask out of range\n");
  const auto lone = [](const char* path) { return ::mkdir(path, 0755); };  // no schemata: the write fails
  const auto message = refusal(tree, rdt("", "L3:0=0"), {lone, remove_all});
  CHECK_THAT(message, Contains("linux.intelRdt: write \"L3:0=0") && Contains("(Mask out of range)"));
  CHECK_FALSE(is_there(tree.group("c1")));
}

TEST_CASE("schemata are written in one order, a line each") {
  IntelRdt all{.clos_id = {},
               .schemata = {"L2:0=3", "SMBA:0=2"},
               .l3_cache_schema = "L3:0=f\nMB:0=10",
               .mem_bw_schema = "MB:0=50",
               .enable_monitoring = false};
  CHECK(resctrl_schemata(all) == "L3:0=f\nMB:0=50\nL2:0=3\nSMBA:0=2\n");
  all.mem_bw_schema.clear();
  CHECK(resctrl_schemata(all) == "L3:0=f\nMB:0=10\nL2:0=3\nSMBA:0=2\n");
  CHECK(resctrl_schemata({}).empty());
}

TEST_CASE("schemata agree when every value that is asked for is the one that is there") {
  const std::string current = "    L3:0=000ff;1=fffff\n    MB:0=100;1= 50\n";
  CHECK(schemata_agree(current, "L3:0=ff"));
  CHECK(schemata_agree(current, "MB:1=50;0=100\nL3:1=FFFFF\n"));
  CHECK(schemata_agree(current, ""));
  CHECK_FALSE(schemata_agree(current, "L3:0=f"));
  CHECK_FALSE(schemata_agree(current, "L3:2=ff"));
  CHECK_FALSE(schemata_agree(current, "L3CODE:0=ff"));
  CHECK_FALSE(schemata_agree(current, "nonsense"));
  CHECK_FALSE(schemata_agree(current, "L3:0"));
}

TEST_CASE("update writes what it is given, and nothing where that is nothing") {
  const Tree tree;
  const ResctrlGroup group{tree.root(), {}, false, false};
  update_resctrl(group, "", "");
  CHECK(tree.read("schemata").empty());
  update_resctrl(group, "L3:0=3", "MB:0=20");
  CHECK(tree.read("schemata") == "L3:0=3\nMB:0=20\n");
  CHECK_THROWS_WITH(update_resctrl({tree.group("gone"), {}, false, false}, "L3:0=3", ""), Contains("gone/schemata"));
}

TEST_CASE("resctrl is found where mountinfo has it") {
  CHECK(find_cgroup_mount("30 20 0:25 / /sys/fs/resctrl rw,relatime shared:9 - resctrl resctrl rw\n", "resctrl") ==
        "/sys/fs/resctrl");
  CHECK(find_cgroup_mount("30 20 0:25 / /resctrl rw - tmpfs resctrl rw\n", "resctrl").empty());
}
