// SPDX-License-Identifier: Apache-2.0
#include "store.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "support/catch.hpp"

using namespace oci::cli;

namespace {

/// An environment for one test. setenv(3) is no problem: the tests have one thread.
class Environment {
 public:
  Environment(const char* runtime_directory, const char* user) {
    set("XDG_RUNTIME_DIR", runtime_directory);
    set("USER", user);
  }
  ~Environment() {
    set("XDG_RUNTIME_DIR", old_directory_ ? old_directory_->c_str() : nullptr);
    set("USER", old_user_ ? old_user_->c_str() : nullptr);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  static void set(const char* name, const char* value) { value ? ::setenv(name, value, 1) : ::unsetenv(name); }
  static std::optional<std::string> now(const char* name) {
    const char* value = std::getenv(name);
    return value ? std::optional<std::string>(value) : std::nullopt;
  }
  std::optional<std::string> old_directory_ = now("XDG_RUNTIME_DIR");
  std::optional<std::string> old_user_ = now("USER");
};

/// Runs `act` as an ordinary user, if the tests run as root.
template <class Act>
auto as_ordinary_user(Act act) {
  static constexpr uid_t nobody = 65534;
  const bool is_root = ::geteuid() == 0;
  if (is_root) REQUIRE(::seteuid(nobody) == 0);
  auto result = act();
  if (is_root) REQUIRE(::seteuid(0) == 0);
  return result;
}

}  // namespace

TEST_CASE("--root is where containers are remembered, whoever asks") {
  const Environment environment("/run/user/7", "x");
  Globals globals;
  globals.root = "/r";
  CHECK(store_of(globals).root == "/r");
  CHECK(as_ordinary_user([&] { return store_of(globals).root; }) == "/r");
}

TEST_CASE("an ordinary user's containers are remembered below XDG_RUNTIME_DIR") {
  const Environment environment("/run/user/7/", "x");
  CHECK(as_ordinary_user([] { return store_of({}).root; }) == "/run/user/7/runtime");
}

TEST_CASE("without an absolute XDG_RUNTIME_DIR there is only the system's directory") {
  for (const char* directory : {static_cast<const char*>(nullptr), "", "relative"}) {
    const Environment environment(directory, "x");
    CHECK(as_ordinary_user([] { return store_of({}).root; }) == "/run/runtime");
  }
}

TEST_CASE("root of the host does not look at XDG_RUNTIME_DIR") {
  if (::geteuid() != 0) test::skip("needs root");
  const Environment environment("/run/user/0", "root");
  CHECK(store_of({}).root == "/run/runtime");
}

TEST_CASE("an ordinary user's default directory is private and kept by cleaners") {
  std::array<char, 32> name{"/tmp/runtime-test-XXXXXX"};
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  REQUIRE(::chmod(name.data(), 0777) == 0);
  const Environment environment(name.data(), "x");
  as_ordinary_user([] { return make_default_root({}), make_default_root({}), 0; });
  const auto made = std::string(name.data()) + "/runtime";
  struct stat status {};
  CHECK(::stat(made.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 01700U);
  ::rmdir(made.c_str());
  ::rmdir(name.data());
}
