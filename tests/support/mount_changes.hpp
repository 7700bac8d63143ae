// SPDX-License-Identifier: Apache-2.0
// What the tests of `mounts` have in common: a container whose mounts are changed, and mounts in JSON.
#pragma once
#include <sys/stat.h>

#include <string>

#include "support/bundle.hpp"
#include "support/catch.hpp"

namespace test {

/// A container that waits, and a directory of the host with a file in it.
struct ChangedMounts : Bundle {
  ChangedMounts() {
    ::mkdir(path("volume").c_str(), 0755);
    spill(path("volume/file"), "of the host");
    args({"pause"});
  }
  Result change(const std::string& verb, const std::string& mounts) {
    spill(path("mounts.json"), mounts);
    return runtime({"mounts", verb, "ID", path("mounts.json")});
  }
  Result add(const std::string& mounts) { return change("add", mounts); }
  Result drop(const std::string& mounts) { return change("remove", mounts); }

  /// What the first process sees, seen from outside.
  std::string mountinfo() { return slurp("/proc/" + std::to_string(pid()) + "/mountinfo"); }
  /// The flags of the mount at `point`; empty when there is none.
  std::string flags(const std::string& point) {
    const auto line = line_with(mountinfo(), " " + point + " ");
    if (line.empty()) return {};
    const auto start = line.find(" " + point + " ") + point.size() + 2;
    return line.substr(start, line.find(' ', start) - start);
  }
};

inline std::string bound(const std::string& target, const std::string& source,
                         const std::string& options = R"("bind")") {
  return R"({"destination":")" + target + R"(","source":")" + source + R"(","options":[)" + options + "]}";
}

inline std::string fresh(const std::string& type, const std::string& target, const std::string& options = "") {
  return R"({"destination":")" + target + R"(","type":")" + type + R"(","source":")" + type + R"(","options":[)" +
         options + "]}";
}

inline std::string list(const std::string& first, const std::string& second = {}, const std::string& third = {}) {
  return "[" + first + (second.empty() ? "" : "," + second) + (third.empty() ? "" : "," + third) + "]";
}

/// Status 1, and why.
inline void check_refusal(const Result& result, const std::string& why) {
  INFO(result.err);
  CHECK(result.status == 1);
  CHECK_THAT(unquoted(result.err), Catch::Matchers::Contains(why));
}

}  // namespace test
