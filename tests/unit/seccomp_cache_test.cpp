// SPDX-License-Identifier: Apache-2.0
#include "kernel/seccomp_cache.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "base/files.hpp"
#include "kernel/seccomp.hpp"
#include "support/catch.hpp"
#include "support/seccomp.hpp"

using namespace oci;
using namespace test;

namespace {

/// A directory that goes away with everything in it; the cache is made below.
class Scratch {
 public:
  Scratch() { REQUIRE(::mkdtemp(path_.data())); }
  ~Scratch() {
    for (const auto& name : entries()) {
      ::unlink(file(name).c_str());
      ::rmdir(file(name).c_str());
    }
    ::unlink(cache().c_str());
    ::rmdir(cache().c_str());
    ::rmdir(path_.c_str());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string cache() const { return path_ + "/seccomp"; }
  std::string file(const std::string& name) const { return cache() + "/" + name; }
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    DIR* stream = ::opendir(cache().c_str());
    while (const auto* entry = stream ? ::readdir(stream) : nullptr)
      if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    if (stream) ::closedir(stream);
    return names;
  }
  /// The only entry.
  std::string entry() const {
    const auto names = entries();
    REQUIRE(names.size() == 1);
    return file(names.front());
  }

 private:
  std::string path_ = "/tmp/seccomp-cache-XXXXXX";
};

bool same(const std::vector<sock_filter>& a, const std::vector<sock_filter>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(sock_filter)) == 0;
}

const std::vector<sock_filter> allow_all{{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
const std::vector<sock_filter> kill_all{{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS}};

void overwrite(const std::string& path, const std::string& text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  REQUIRE(file);
  write_all(file, text, path);
}

std::optional<std::vector<sock_filter>> found(const Scratch& scratch, const std::string& profile) {
  return SeccompCache(scratch.cache(), profile).find();
}

void store(const Scratch& scratch, const std::string& profile, const std::vector<sock_filter>& filter) {
  SeccompCache(scratch.cache(), profile).store(filter);
}

}  // namespace

TEST_CASE("a cached program is the compiled one, byte by byte") {
  const Scratch scratch;
  const auto profile = real_profile();
  const auto compiled = seccomp_program(profile, "");
  const auto cold = seccomp_program(profile, scratch.cache());
  const auto before = scratch.entry();
  const auto hit = seccomp_program(profile, scratch.cache());
  CHECK(same(cold.filter, compiled.filter));
  CHECK(same(hit.filter, compiled.filter));
  CHECK(hit.flags == compiled.flags);
  CHECK(scratch.entry() == before);
}

TEST_CASE("what the cache holds is what gets used") {
  const Scratch scratch;
  const auto profile = deny({rule({"getpid"}, "SCMP_ACT_ALLOW")});
  seccomp_program(profile, scratch.cache());
  // The stored serialization names the compiler in a way that only seccomp.cpp knows: take it from the file.
  const auto bytes = read_file(working_directory, scratch.entry());
  std::uint32_t size = 0;
  std::memcpy(&size, bytes.data() + 16, sizeof size);
  store(scratch, bytes.substr(24, size), kill_all);
  CHECK(same(seccomp_program(profile, scratch.cache()).filter, kill_all));
}

TEST_CASE("the directory and its entries are for their owner only") {
  const Scratch scratch;
  const auto old_mask = ::umask(0);
  store(scratch, "profile", allow_all);
  ::umask(old_mask);
  struct stat status {};
  REQUIRE(::stat(scratch.cache().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0700);
  REQUIRE(::stat(scratch.entry().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0600);
}

TEST_CASE("an entry is found only for the very same profile") {
  const Scratch scratch;
  store(scratch, "profile", allow_all);
  REQUIRE(found(scratch, "profile"));
  CHECK_FALSE(found(scratch, "profilE"));
  const auto path = scratch.entry();
  ::unlink(path.c_str());
  store(scratch, "another", kill_all);
  REQUIRE(::rename(scratch.entry().c_str(), path.c_str()) == 0);  // as if both had the same hash
  CHECK_FALSE(found(scratch, "profile"));
}

TEST_CASE("a damaged entry is ignored and written anew") {
  const Scratch scratch;
  const std::string profile = "a profile of some length";
  store(scratch, profile, {{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0}, {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}});
  const auto path = scratch.entry();
  const auto good = read_file(working_directory, path);
  REQUIRE(found(scratch, profile));

  for (std::size_t i = 0; i < good.size(); ++i) {  // every byte counts
    auto bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    overwrite(path, bad);
    INFO("byte " << i);
    CHECK_FALSE(found(scratch, profile));
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    overwrite(path, good.substr(0, size));
    CHECK_FALSE(found(scratch, profile));
  }
  for (const auto& longer : {good + '\0', good + good, good + std::string(100000, '\0')}) {
    overwrite(path, longer);
    CHECK_FALSE(found(scratch, profile));
  }
  overwrite(path, good.substr(0, good.size() - 16) + std::string(16, '\0'));  // a power failure
  CHECK_FALSE(found(scratch, profile));

  store(scratch, profile, allow_all);
  REQUIRE(found(scratch, profile));
  CHECK(same(*found(scratch, profile), allow_all));
}

TEST_CASE("a program of no or too many instructions is not believed") {
  const Scratch scratch;
  store(scratch, "profile", {});
  CHECK_FALSE(found(scratch, "profile"));
  store(scratch, "profile", std::vector<sock_filter>(BPF_MAXINSNS, allow_all.front()));
  CHECK(found(scratch, "profile"));
  store(scratch, "profile", std::vector<sock_filter>(BPF_MAXINSNS + 1, allow_all.front()));
  CHECK_FALSE(found(scratch, "profile"));
}

TEST_CASE("an entry that others could have written, or that is no file, is not read") {
  const Scratch scratch;
  store(scratch, "profile", allow_all);
  const auto path = scratch.entry();
  const auto elsewhere = scratch.file("elsewhere");
  const auto refused = [&](const std::function<void()>& change) {
    store(scratch, "profile", allow_all);
    REQUIRE(found(scratch, "profile"));
    change();
    return !found(scratch, "profile");
  };
  CHECK(refused([&] { ::chmod(path.c_str(), 0620); }));
  CHECK(refused([&] { ::chmod(path.c_str(), 0602); }));
  if (::geteuid() == 0) CHECK(refused([&] { REQUIRE(::chown(path.c_str(), 65534, 0) == 0); }));
  CHECK(refused([&] {
    REQUIRE(::rename(path.c_str(), elsewhere.c_str()) == 0);
    REQUIRE(::symlink("elsewhere", path.c_str()) == 0);
  }));
  CHECK(refused([&] {
    ::unlink(path.c_str());
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  }));
  // Not even a directory in the entry's place is a failure of the container.
  ::unlink(path.c_str());
  REQUIRE(::mkdir(path.c_str(), 0700) == 0);
  CHECK_FALSE(found(scratch, "profile"));
  CHECK_NOTHROW(store(scratch, "profile", allow_all));
  ::rmdir(path.c_str());
}

TEST_CASE("a directory that others can write to is not used") {
  const Scratch scratch;
  store(scratch, "profile", allow_all);
  ::chmod(scratch.cache().c_str(), 0777);
  CHECK_FALSE(found(scratch, "profile"));
  store(scratch, "another", allow_all);
  CHECK(scratch.entries().size() == 1);
  ::chmod(scratch.cache().c_str(), 0700);
  CHECK(found(scratch, "profile"));
  if (::geteuid() != 0) return;
  REQUIRE(::chown(scratch.cache().c_str(), 65534, 65534) == 0);
  CHECK_FALSE(found(scratch, "profile"));
}

TEST_CASE("a cache that cannot be used costs nothing but time") {
  const Scratch scratch;
  const auto profile = deny({rule({"getpid"}, "SCMP_ACT_ALLOW")});
  const auto compiled = seccomp_program(profile, "").filter;
  CHECK(same(seccomp_program(profile, scratch.cache() + "/no/such/place").filter, compiled));
  CHECK(same(seccomp_program(profile, "/proc/self/seccomp").filter, compiled));
  overwrite(scratch.cache(), "a file");
  CHECK(same(seccomp_program(profile, scratch.cache()).filter, compiled));
  ::unlink(scratch.cache().c_str());
  const Scratch other;  // ours, but not where we were told to look
  seccomp_program(profile, other.cache());
  ::unlink(other.entry().c_str());
  REQUIRE(::symlink(other.cache().c_str(), scratch.cache().c_str()) == 0);
  CHECK(same(seccomp_program(profile, scratch.cache()).filter, compiled));
  CHECK(other.entries().empty());
}

TEST_CASE("the number of entries is bounded, and the oldest go first") {
  const Scratch scratch;
  constexpr auto most = SeccompCache::most_entries;
  for (std::size_t i = 0; i < most; ++i) {
    store(scratch, "profile " + std::to_string(i), allow_all);
    // Older than any clock tick apart.
    const auto names = scratch.entries();
    const timespec old[2] = {{static_cast<time_t>(1000 + i), 0}, {static_cast<time_t>(1000 + i), 0}};
    for (const auto& name : names) {
      struct stat status {};
      REQUIRE(::stat(scratch.file(name).c_str(), &status) == 0);
      if (status.st_mtime > 100000) REQUIRE(::utimensat(AT_FDCWD, scratch.file(name).c_str(), old, 0) == 0);
    }
  }
  overwrite(scratch.file("README"), "not ours to drop");
  store(scratch, "one more", allow_all);
  CHECK(scratch.entries().size() == most + 1);
  CHECK_FALSE(found(scratch, "profile 0"));
  CHECK(found(scratch, "profile 1"));
  CHECK(found(scratch, "one more"));
  overwrite(scratch.file("0123456789abcdef.1.new"), "left by a writer that was killed");
  const timespec ancient[2] = {{1, 0}, {1, 0}};
  REQUIRE(::utimensat(AT_FDCWD, scratch.file("0123456789abcdef.1.new").c_str(), ancient, 0) == 0);
  store(scratch, "yet another", allow_all);
  CHECK(::access(scratch.file("0123456789abcdef.1.new").c_str(), F_OK) != 0);
  CHECK(::access(scratch.file("README").c_str(), F_OK) == 0);
}

TEST_CASE("every member that the filter depends on changes the serialization") {
  const auto base = deny({rule({"read", "write"}, "SCMP_ACT_ALLOW", {{0, 1, 2, "SCMP_CMP_EQ"}})});
  std::vector<std::string> all{serialize(base, "c"), serialize(base, "d")};
  const auto changed = [&](const std::function<void(Seccomp&)>& change) {
    auto profile = base;
    change(profile);
    all.push_back(serialize(profile, "c"));
  };
  changed([](auto& p) { p.default_action = "SCMP_ACT_KILL"; });
  changed([](auto& p) { p.default_errno_ret = 0; });
  changed([](auto& p) { p.default_errno_ret = 0xffffffff; });
  changed([](auto& p) { p.architectures = {"SCMP_ARCH_X86"}; });
  changed([](auto& p) { p.syscalls[0].names = {"readwrite"}; });
  changed([](auto& p) { p.syscalls[0].names = {"rea", "dwrite"}; });
  changed([](auto& p) { p.syscalls[0].names = {"write", "read"}; });
  changed([](auto& p) { p.syscalls[0].action = "SCMP_ACT_LOG"; });
  changed([](auto& p) { p.syscalls[0].errno_ret = 1; });
  changed([](auto& p) { p.syscalls[0].args[0].index = 1; });
  changed([](auto& p) { p.syscalls[0].args[0].value = 2; });
  changed([](auto& p) { p.syscalls[0].args[0].value_two = 1; });
  changed([](auto& p) { p.syscalls[0].args[0].op = "SCMP_CMP_NE"; });
  changed([](auto& p) { p.syscalls[0].args.clear(); });
  changed([](auto& p) { p.syscalls.push_back(p.syscalls[0]); });
  changed([](auto& p) { p.syscalls.clear(); });
  const auto count = all.size();
  std::sort(all.begin(), all.end());
  CHECK(static_cast<std::size_t>(std::unique(all.begin(), all.end()) - all.begin()) == count);

  auto same_filter = base;
  same_filter.flags = {"SECCOMP_FILTER_FLAG_LOG"};
  same_filter.listener_path = "/run/agent.sock";
  same_filter.listener_metadata = "x";
  CHECK(serialize(same_filter, "c") == serialize(base, "c"));
}

TEST_CASE("a hit takes a fraction of a millisecond") {
  const Scratch scratch;
  const auto profile = real_profile();
  seccomp_program(profile, scratch.cache());
  auto best = std::chrono::nanoseconds::max();
  for (int i = 0; i < 50; ++i) {
    const auto start = std::chrono::steady_clock::now();
    seccomp_program(profile, scratch.cache());
    best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - start);
  }
  std::printf("seccomp: a hit takes %ld us\n", static_cast<long>(best.count() / 1000));
  CHECK(best < std::chrono::milliseconds(10));  // a loaded machine, under sanitizers
}
