// SPDX-License-Identifier: Apache-2.0
#include "spec/decode.hpp"

#include <sys/resource.h>

#include "oci/error.hpp"
#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::Contains;

namespace {

std::string refusal(const std::string& text) {
  try {
    decode_spec(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a wrong type names the field that has it, and what was found") {
  CHECK(refusal(R"({"mounts": [{"destination": 7}]})") ==
        "mounts[0].destination: expected a string, found the number 7");
  CHECK(refusal(R"({"process": {"user": {"uid": "0"}}})") ==
        "process.user.uid: expected an integer, found the string \"0\"");
  CHECK(refusal(R"({"process": 3})") == "process: expected an object, found the number 3");
  CHECK(refusal(R"({"linux": {"maskedPaths": [null]}})") == "linux.maskedPaths[0]: expected a string, found null");
  CHECK(refusal(R"({"process": {"args": "sh"}})") == "process.args: expected an array, found the string \"sh\"");
  CHECK(refusal("[]") == "expected an object, found an array");
}

TEST_CASE("a number out of its range is refused") {
  CHECK_THAT(refusal(R"({"process": {"user": {"uid": -1}}})"), Contains("expected an integer in 0..4294967295"));
  CHECK_THAT(refusal(R"({"process": {"user": {"uid": 4294967296}}})"), Contains("0..4294967295"));
  CHECK_THAT(refusal(R"({"process": {"user": {"uid": 1.5}}})"), Contains("process.user.uid: expected an integer"));
  CHECK_THAT(refusal(R"({"process": {"user": {"uid": 1e3}}})"), Contains("process.user.uid: expected an integer"));
}

TEST_CASE("a string with a NUL character is refused: the kernel would see another one") {
  CHECK(refusal(R"({"hostname": "a\u0000b"})") == "hostname: contains a NUL character");
}

TEST_CASE("null is as good as absent, and unknown members are skipped") {
  const auto spec = decode_spec(R"({"hostname": null, "process": null, "x": {"y": []}, "linux": {"seccomp": null}})");
  CHECK(spec.hostname.empty());
  CHECK_FALSE(spec.process);
  CHECK_FALSE(spec.linux.seccomp);
}

TEST_CASE("a name may be written in another case, and adds to what its twin said") {
  const auto spec =
      decode_spec(R"({"Hostname": "h", "linux": {"resources": {"cpu": {"shares": 5}, "CPU": {"Cpus": "0-1"}}}})");
  CHECK(spec.hostname == "h");
  REQUIRE(spec.linux.resources.cpu);
  CHECK(spec.linux.resources.cpu->shares == 5);
  CHECK(spec.linux.resources.cpu->cpus == "0-1");
}

TEST_CASE("a member that is given twice is refused") {
  CHECK(refusal(R"({"hostname": "a", "hostname": "b"})") == "hostname: given twice");
}

TEST_CASE("a missing required member is named") {
  CHECK(refusal(R"({"mounts": [{}]})") == "mounts[0]: destination: missing");
  CHECK(refusal(R"({"linux": {"namespaces": [{"path": "/x"}]}})") == "linux.namespaces[0]: type: missing");
}

TEST_CASE("an rlimit of -1 is no limit") {
  const auto spec = decode_spec(R"({"process": {"rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": -1}]}})");
  CHECK(spec.process->rlimits.at(0).soft == 0);
  CHECK(spec.process->rlimits.at(0).hard == RLIM_INFINITY);
}

TEST_CASE("a namespace type is one of the kernel's") {
  CHECK(refusal(R"({"linux": {"namespaces": [{"type": "net"}]}})") ==
        "linux.namespaces[0].type: unknown namespace type \"net\"");
  CHECK(decode_spec(R"({"linux": {"namespaces": [{"type": "network"}]}})").linux.find(NamespaceType::network));
}
