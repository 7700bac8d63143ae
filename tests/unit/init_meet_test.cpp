// SPDX-License-Identifier: Apache-2.0
// What the runtime says unasked, before, between and behind its answers.
#include <fcntl.h>

#include "base/channel.hpp"
#include "base/syscalls.hpp"
#include "init/scene.hpp"
#include "oci/error.hpp"
#include "support/catch.hpp"

using namespace oci;

namespace {

/// The process's side of a channel, on whose other side the runtime has said all this already.
struct Told {
  Fd runtime;
  init::Scene scene;

  Told() {
    auto [ours, theirs] = make_channel();
    runtime = std::move(ours);
    scene.parent = std::move(theirs);
  }
  void say(Word word, FdRef attached = FdRef(-1), int code = 0) const {
    REQUIRE(send(runtime, {word, 0, code, {}, {}}, attached));
  }
};

bool is_same(FdRef one, FdRef other) {
  return sys::is_same_file(sys::fstat(one), sys::fstat(other));
}

}  // namespace

TEST_CASE("a sysfs that comes before an answer is kept until its step") {
  Told told;
  const auto sysfs = sys::openat(working_directory, "/", O_PATH);
  const auto source = sys::openat(working_directory, "/dev/null", O_PATH);
  told.say(Word::made, sysfs);
  told.say(Word::go, source);
  CHECK(is_same(init::ask(told.scene, Word::source).fd, source));
  CHECK(init::runtime_does_network(told.scene));
  CHECK(is_same(init::take_sysfs(told.scene), sysfs));
}

TEST_CASE("a sysfs that comes behind an answer is waited for, once") {
  Told told;
  const auto sysfs = sys::openat(working_directory, "/", O_PATH);
  told.say(Word::go);
  CHECK(init::ask(told.scene, Word::source).word == Word::go);
  told.say(Word::made, sysfs);
  CHECK(is_same(init::take_sysfs(told.scene), sysfs));
  CHECK(init::runtime_does_network(told.scene));
}

TEST_CASE("an answer is not taken for what the runtime has made, nor the other way round") {
  Told told;
  told.say(Word::made);
  told.say(Word::failure, FdRef(-1), EIO);
  CHECK_THROWS_AS(init::agree(told.scene, Word::hooks), Error);
  CHECK(init::runtime_does_network(told.scene));
  CHECK_FALSE(init::take_sysfs(told.scene));
  told.say(Word::go);
  CHECK_NOTHROW(init::agree(told.scene, Word::hooks));
}

TEST_CASE("what the runtime cannot do is the process's own to do") {
  Told told;
  told.say(Word::made, FdRef(-1), EINVAL);
  CHECK_FALSE(init::take_sysfs(told.scene));
  CHECK_FALSE(init::runtime_does_network(told.scene));
}

TEST_CASE("a runtime that has gone away before it made anything is an error") {
  Told told;
  told.runtime.reset();
  CHECK_THROWS_WITH(init::runtime_does_network(told.scene), "the runtime has gone away");
}
