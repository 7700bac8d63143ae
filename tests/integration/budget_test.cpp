// SPDX-License-Identifier: Apache-2.0
// What each command may cost, counted and not timed. Whoever makes one dearer finds out here; who makes one cheaper
// lowers its row. `strace -f -c` says which calls they are.
#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/syscalls.hpp"
#include "support/bundle.hpp"
#include "support/catch.hpp"
#include "support/traced.hpp"

using test::Bundle;
using test::Cost;
using test::Words;

namespace {

struct Budget {
  const char* command;
  unsigned calls;          ///< system calls of the runtime's process
  unsigned process_calls;  ///< of the container's
  unsigned long faults;    ///< of the runtime's process
  unsigned long peak_kib;
  unsigned long grown_kib;
};

/// As counted on Linux 6.18 with cgroup2 alone, in the build that is made without options.
constexpr std::array budgets{
    Budget{"run", 137, 239, 68, 756, 271}, Budget{"create", 110, 246, 68, 756, 271},
    Budget{"start", 44, 0, 40, 704, 271},  Budget{"state", 37, 0, 40, 704, 271},
    Budget{"exec", 92, 95, 61, 808, 271},  Budget{"kill", 37, 0, 41, 768, 271},
    Budget{"delete", 50, 0, 41, 768, 271},
};

/// What other kernels, compilers and controllers of cgroups may add to a row: not what a change of the program may.
constexpr unsigned more_calls = 6;
constexpr unsigned more_faults = 15;
constexpr unsigned more_kib = 128;

using Costs = std::map<std::string, Cost>;

Cost cost_of(const Bundle& bundle, Words words) {
  test::Command command;
  command.words = {test::runtime_path(), "--root", bundle.root()};
  command.words.insert(command.words.end(), words.begin(), words.end());
  command.environment = {{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}};
  const Cost cost = test::trace(command);
  INFO(words.front());
  REQUIRE(cost.status == 0);
  return cost;
}

/// A container's whole life, and one that ends by itself. Both bundles have been used before.
Costs live(Bundle& quick, Bundle& lasting) {
  Costs costs;
  const auto& id = lasting.id();
  costs["run"] = cost_of(quick, {"run", "--bundle", quick.path(), quick.id()});
  costs["create"] = cost_of(lasting, {"create", "--bundle", lasting.path(), id});
  costs["start"] = cost_of(lasting, {"start", id});
  costs["state"] = cost_of(lasting, {"state", id});
  costs["exec"] = cost_of(lasting, {"exec", id, "/inside", "exit", "0"});
  costs["kill"] = cost_of(lasting, {"kill", id, "KILL"});
  REQUIRE(lasting.becomes("stopped"));
  costs["delete"] = cost_of(lasting, {"delete", id});
  return costs;
}

/// The least of several lives: now and then the kernel lets one wait, and that takes calls, too.
Costs least_costs() {
  Bundle quick;
  Bundle lasting;
  REQUIRE(quick.args({"exit", "0"}).run().status == 0);
  REQUIRE(lasting.args({"pause"}).create().status == 0);
  REQUIRE(lasting.remove_container({"--force"}).status == 0);
  auto least = live(quick, lasting);
  for (int more = 0; more < 3; ++more)
    for (const auto& [command, cost] : live(quick, lasting)) {
      auto& known = least[command];
      known.calls = std::min(known.calls, cost.calls);
      known.process_calls = std::min(known.process_calls, cost.process_calls);
      known.faults = std::min(known.faults, cost.faults);
      known.peak_kib = std::min(known.peak_kib, cost.peak_kib);
      known.grown_kib = std::min(known.grown_kib, cost.grown_kib);
    }
  return least;
}

/// A program without an interpreter is static; the sanitizers' never is.
bool is_static(const std::string& program) {
  const auto file = oci::sys::openat(oci::working_directory, program, O_RDONLY);
  Elf64_Ehdr header{};
  if (::pread(file.get(), &header, sizeof header, 0) != sizeof header) return false;
  for (unsigned part = 0; part < header.e_phnum; ++part) {
    Elf64_Phdr segment{};
    const auto place = static_cast<off_t>(header.e_phoff + part * sizeof segment);
    if (::pread(file.get(), &segment, sizeof segment, place) != sizeof segment) return false;
    if (segment.p_type == PT_INTERP) return false;
  }
  return true;
}

/// The row that would be exact.
std::string row(const Budget& budget, const Cost& cost) {
  std::string text = "counted: Budget{\"" + std::string(budget.command) + "\"";
  for (const unsigned long number :
       {std::uint64_t{cost.calls}, std::uint64_t{cost.process_calls}, cost.faults, cost.peak_kib, cost.grown_kib})
    text += ", " + std::to_string(number);
  return text + "}";
}

}  // namespace

TEST_CASE("no command makes more system calls, page faults or memory than its budget has") {
  if (!is_static(test::runtime_path())) test::skip("the budget is that of a static program");
  if (!test::pure_cgroup2()) test::skip("the budget is that of cgroup2 alone");
  const auto costs = least_costs();
  for (const auto& budget : budgets) {
    const auto& cost = costs.at(budget.command);
    INFO(row(budget, cost));
    CHECK(cost.calls <= budget.calls + more_calls);
    CHECK(cost.process_calls <= budget.process_calls + more_calls);
    CHECK(cost.faults <= budget.faults + more_faults);
    CHECK(cost.peak_kib <= budget.peak_kib + more_kib);
    CHECK(cost.grown_kib <= budget.grown_kib + more_kib);
  }
}
