// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"
#include "features.hpp"
#include "listing.hpp"
#include "ps.hpp"
#include "support/catch.hpp"
#include "text.hpp"

using namespace oci;
using namespace oci::cli;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

State sample(std::string id) {
  State state;
  state.id = std::move(id);
  state.status = Status::running;
  state.pid = 42;
  state.bundle = "/b";
  state.rootfs = "/b/rootfs";
  state.created = "2026-11-23T01:19:48.123456789Z";
  state.owner = 4000000001;
  return state;
}

}  // namespace

TEST_CASE("a state is shown as runc shows it") {
  auto state = sample("c1");
  CHECK(state_text(state) ==
        "{\n  \"ociVersion\": \"1.3.0\",\n  \"id\": \"c1\",\n  \"pid\": 42,\n  \"status\": \"running\",\n"
        "  \"bundle\": \"/b\",\n  \"rootfs\": \"/b/rootfs\",\n  \"created\": \"2026-11-23T01:19:48.123456789Z\",\n"
        "  \"owner\": \"\"\n}");
  state.annotations["a"] = "b";
  CHECK_THAT(state_text(state), Contains("Z\",\n  \"annotations\": {\n    \"a\": \"b\"\n  },\n  \"owner\": \"\""));
}

TEST_CASE("a list in JSON is one line, and null when there is nothing") {
  CHECK(list_text({}, "json", false) == "null\n");
  const auto text = list_text({sample("a"), sample("b")}, "json", false);
  CHECK_THAT(
      text,
      StartsWith("[{\"ociVersion\":\"1.3.0\",\"id\":\"a\",\"pid\":42,\"status\":\"running\",\"bundle\":\"/b\",") &&
          Contains("},{\"ociVersion\":\"1.3.0\",\"id\":\"b\"") && EndsWith("\"owner\":\"#4000000001\"}]\n"));
}

TEST_CASE("a list as a table has a header and aligned columns") {
  CHECK(list_text({sample("a")}, "", false) ==
        "ID          PID         STATUS      BUNDLE      CREATED                          OWNER\n"
        "a           42          running     /b          2026-11-23T01:19:48.123456789Z   #4000000001\n");
  CHECK(list_text({}, "table", false) == "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
}

TEST_CASE("a damaged container is in the table and among the ids, but not in JSON") {
  State damaged;
  damaged.id = "d";
  CHECK_THAT(list_text({damaged}, "table", false), Contains("\nd           0           unknown"));
  CHECK(list_text({damaged}, "", true) == "d\n");
  CHECK(list_text({damaged}, "json", false) == "null\n");
}

TEST_CASE("a format that is neither table nor json is refused") {
  CHECK_THROWS_WITH(list_text({}, "xml", true), Contains("invalid format option"));
  CHECK_FALSE(wants_json(""));
  CHECK_FALSE(wants_json("table"));
  CHECK(wants_json("json"));
}

TEST_CASE("columns are wide enough, in characters, and show no control characters") {
  CHECK(columns({{"long-long-long", "x"}, {"\xC3\xA4", "y"}}) == "long-long-long   x\n\xC3\xA4                y\n");
  CHECK(columns({{"a\n\x1b", "x"}}) == "a\\n\\x1b     x\n");
}

TEST_CASE("pids in JSON are an array, or null for none") {
  CHECK(pids_text({1, 22}) == "[1,22]\n");
  CHECK(pids_text({}) == "null\n");
}

TEST_CASE("of ps's lines only those of the container's processes are kept, wherever the column is") {
  const std::string output = "UID   PID  PPID CMD\nroot   10   1 sh 11\nroot   11   10 sleep 10\nroot  110  1 x\n";
  CHECK(matching_lines(output, {11}) == "UID   PID  PPID CMD\nroot   11   10 sleep 10\n");
  CHECK(matching_lines(output, {}) == "UID   PID  PPID CMD\n");
  CHECK(matching_lines("PID\n7\n8", {8}) == "PID\n8\n");
  CHECK_THROWS_WITH(matching_lines("UID CMD\nroot x\n", {1}), Contains("no column PID"));
}

TEST_CASE("ps is run, and its failure is one") {
  CHECK_THAT(run_ps({"-o", "pid,comm", "-p", std::to_string(::getpid())}), Contains(std::to_string(::getpid())));
  CHECK_THROWS_WITH(run_ps({"-p", "999999999"}), Contains("ps failed with exit status 1"));
}

TEST_CASE("features are those of the mechanisms and of the runtime's own tables") {
  Mechanisms known;
  known.mount_options = {"rro", "bind"};
  known.hooks = {"prestart"};
  known.libseccomp_release = "2.6.0";
  known.idmapped_mounts = true;
  const auto text = features_text(known);
  CHECK_THAT(text, StartsWith("{\n    \"ociVersionMin\": \"1.0.0\",\n    \"ociVersionMax\": \"1.3.0\","));
  const auto document = json::Document::parse(text);
  const auto* options = document.root().find("mountOptions");
  CHECK(options->first->text == "bind");
  CHECK(options->first->next->text == "rro");
  const auto* linux = document.root().find("linux");
  CHECK(linux->find("namespaces")->first->text == "cgroup");
  CHECK(linux->find("capabilities")->first->text == "CAP_CHOWN");
  CHECK(linux->find("mountExtensions")->find("idmap")->find("enabled")->text == "true");
  CHECK(linux->find("apparmor")->find("enabled")->text == "false");
  CHECK(linux->find("seccomp")->find("enabled")->text == "false");
  CHECK(linux->find("memoryPolicy") == nullptr);
  CHECK(document.root().find("annotations")->find("io.github.seccomp.libseccomp.version")->text == "2.6.0");
  CHECK(document.root().find("annotations")->find("org.opencontainers.runc.checkpoint.enabled")->text == "false");
}
