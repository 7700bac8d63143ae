// SPDX-License-Identifier: Apache-2.0
// The messages of CRIU's RPC, and what is read out of its log.
#include "kernel/criu.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "base/files.hpp"
#include "oci/error.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"

using namespace oci;
using namespace oci::criu;
using Catch::Matchers::Contains;

namespace {

/// Bytes, written as numbers.
std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

/// A field of a type that is counted.
std::string counted(int key, const std::string& text) {
  return bytes({key, static_cast<int>(text.size())}) + text;
}

Fd file_with(const std::string& text) {
  Fd file(::memfd_create("log", MFD_CLOEXEC));
  REQUIRE(::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

}  // namespace

TEST_CASE("a criu that sends two descriptors is refused, and none of them stays") {
  std::array<char, 32> directory{"/tmp/criu_test_XXXXXX"};
  REQUIRE(::mkdtemp(directory.data()));
  const std::string program = std::string(directory.data()) + "/criu";
  {
    const Fd file(::open(program.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0755));
    write_all(file, R"(#!/usr/bin/env python3
import array, socket
peer = socket.socket(fileno=3)
peer.recv(4096)
peer.sendmsg([bytes([8, 10, 16, 1])], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1]))])
peer.recv(4096)
)",
              program);
  }
  const std::string path = ::getenv("PATH") ? ::getenv("PATH") : "";
  ::setenv("PATH", (std::string(directory.data()) + ":" + path).c_str(), 1);
  {
    Session session;
    const auto before = test::open_descriptors();
    CHECK_THROWS_WITH(session.version(), "a message from the other process has more than one descriptor");
    CHECK(test::open_descriptors() == before);
  }
  ::setenv("PATH", path.c_str(), 1);
  ::unlink(program.c_str());
  ::rmdir(directory.data());
}

TEST_CASE("a request to criu is its kind, and what was asked for") {
  CHECK(encode(Request{.kind = Kind::version}) == bytes({8, 10}));
  CHECK(encode(Request{.kind = Kind::version, .keep_open = true}) == bytes({8, 10, 32, 1}));
  CHECK(encode(Request{.kind = Kind::notify, .notify_success = true}) == bytes({8, 6, 24, 1}));
  CHECK(encode(Request{.kind = Kind::notify, .notify_success = false}) == bytes({8, 6, 24, 0}));
  CHECK(encode(Request{.kind = Kind::feature_check, .features = Features{.memory_tracking = true}}) ==
        bytes({8, 9, 42, 2, 8, 1}));
}

TEST_CASE("criu's options are only sent where they are not criu's own defaults") {
  Options options;
  options.images_fd = 5;
  options.pid = 300;
  // images_dir_fd, pid, log_level, notify_scripts, manage_cgroups_mode, orphan_pts_master
  const auto inner = bytes({8, 5, 16, 0xAC, 2, 72, 4, 96, 1, 0x90, 2, 3, 0x90, 3, 1});
  CHECK(encode(Request{.kind = Kind::dump, .options = options}) == bytes({8, 1}) + counted(18, inner));
}

TEST_CASE("lists in criu's options are sent one by one") {
  Options options;
  options.external = {"mnt[/a]:/b", "net[1]:x"};
  options.inherited = {{"pipe:[7]", 1}};
  options.joined = {{"ipc", "/n"}};
  options.cgroup_roots = {{"", "/c"}};
  const auto text = encode(Request{.kind = Kind::restore, .options = options});
  CHECK_THAT(text, Contains(bytes({0xAA, 2, 10}) + "mnt[/a]:/b" + bytes({0xAA, 2, 8}) + "net[1]:x"));
  CHECK_THAT(text, Contains(bytes({0xDA, 1, 12}) + counted(10, "pipe:[7]") + bytes({16, 1})));
  CHECK_THAT(text, Contains(bytes({0xBA, 2, 9}) + counted(10, "ipc") + counted(18, "/n")));
  CHECK_THAT(text, Contains(bytes({0xCA, 1, 6}) + bytes({10, 0}) + counted(18, "/c")));
}

TEST_CASE("a descriptor that there is none of is sent as -1, in ten bytes") {
  const auto text = encode(Request{.kind = Kind::dump, .options = Options{}});
  CHECK_THAT(text, Contains(bytes({8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1})));
}

TEST_CASE("criu's answers are understood") {
  const auto restored = decode_response(bytes({8, 2, 16, 1}) + counted(34, bytes({8, 0xAC, 2})));
  CHECK(restored.kind == Kind::restore);
  CHECK(restored.success);
  CHECK(restored.pid == 300);
  const auto notification =
      decode_response(bytes({8, 6, 16, 1}) + counted(42, counted(10, "post-restore") + bytes({16, 7})));
  CHECK(notification.kind == Kind::notify);
  CHECK(notification.script == "post-restore");
  CHECK(notification.pid == 7);
  const auto failure = decode_response(bytes({8, 1, 16, 0, 56, 17}) + counted(74, "no"));
  CHECK_FALSE(failure.success);
  CHECK(failure.code == 17);
  CHECK(failure.problem == "no");
  const auto features = decode_response(bytes({8, 9, 16, 1}) + counted(66, bytes({8, 1, 16, 0})));
  CHECK(features.features.memory_tracking);
  CHECK_FALSE(features.features.lazy_pages);
}

TEST_CASE("criu's version is one number, and a build between two releases is the later one") {
  const auto version = [](const std::string& text) {
    return decode_response(bytes({8, 10, 16, 1}) + counted(82, text)).version;
  };
  CHECK(version(bytes({8, 3, 16, 17, 32, 1})) == 31701);
  CHECK(version(bytes({8, 4, 16, 2})) == 40200);
  CHECK(version(bytes({8, 3, 16, 17}) + counted(26, "v3.17-5-gabc") + bytes({32, 1})) == 31800);
  CHECK_THROWS_WITH(version(bytes({8, 0xFF, 0xFF, 3, 16, 1})), Contains("version out of range"));
}

TEST_CASE("fields of criu's answers that are not known are skipped, whatever they are") {
  const auto answer =
      decode_response(bytes({8, 1}) + counted(0x7A, "text") + bytes({0x78, 0x80, 1}) +
                      bytes({0x79, 1, 2, 3, 4, 5, 6, 7, 8}) + bytes({0x7D, 1, 2, 3, 4}) + bytes({16, 1}));
  CHECK(answer.success);
}

TEST_CASE("what is no answer of criu is an error, wherever it ends") {
  const auto whole = bytes({8, 6, 16, 1}) + counted(42, counted(10, "post-dump") + bytes({16, 7}));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    if (size == 4) continue;  // complete, without the notification
    CHECK_THROWS_AS(decode_response(whole.substr(0, size)), Error);
  }
  CHECK_THROWS_WITH(decode_response(bytes({8, 1})), Contains("neither"));
  CHECK_THROWS_WITH(decode_response(bytes({0, 1})), Contains("without a number"));
  CHECK_THROWS_WITH(decode_response(bytes({11, 1})), Contains("unknown type"));
  CHECK_THROWS_WITH(decode_response(counted(10, "x")), Contains("is no number"));
  CHECK_THROWS_WITH(decode_response(bytes({8, 1, 16, 1, 40, 1})), Contains("is no text"));
  CHECK_THROWS_WITH(decode_response(bytes({8, 1, 16, 1, 42, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1})),
                    Contains("ends in the middle"));
  CHECK_THROWS_WITH(decode_response(bytes({8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2})),
                    Contains("more than 64 bits"));
  CHECK_THROWS_WITH(decode_response(bytes({8, 1, 16, 1}) + counted(34, bytes({8, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F}))),
                    Contains("out of range"));
}

TEST_CASE("the first errors of criu's log are quoted without their times") {
  CHECK(first_errors(
            file_with("(00.1) Warn (a.c:1): w\n(00.2) Error (b.c:2): one\n(00.3) x\n(00.4) Error (c.c:3): two")) ==
        "Error (b.c:2): one; Error (c.c:3): two");
  CHECK(first_errors(file_with("Error (1): a\nError (2): b\nError (3): c\nError (4): d\n")) ==
        "Error (1): a; Error (2): b; Error (3): c");
  CHECK(first_errors(file_with("all is well\n")).empty());
  CHECK(first_errors(file_with("")).empty());
}

TEST_CASE("an error far down in criu's log is found") {
  std::string text;
  while (text.size() < 1'000'000) text += "(00.1) a line like any other\n";
  CHECK(first_errors(file_with(text + "(00.2) Error (x.c:9): late\n" + text)) == "Error (x.c:9): late");
}
