// SPDX-License-Identifier: Apache-2.0
// Real cgroups: everything happens below a cgroup of the test's own, which its destructor removes with whatever is in
// it.
#pragma once
#include <linux/sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <functional>
#include <memory>
#include <string>

#include "base/syscalls.hpp"
#include "kernel/cgroup.hpp"
#include "kernel/cgroup_manager.hpp"
#include "oci/error.hpp"
#include "support/catch.hpp"

namespace test {

using namespace oci;

/// What the kernel says in the words of the library; empty when nothing was thrown.
inline std::string message_of(const std::function<void()>& attempt) {
  try {
    attempt();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A name for cgroups that only this process uses, and all cgroups of that name gone in the end.
class Playground {
 public:
  Playground() : host_(CgroupHost::probe()), name_("/oci-unit-test-" + std::to_string(::getpid())) {
    if (host_.mount.empty()) test::skip("no cgroup2 is mounted");
    if (::geteuid() != 0) test::skip("making cgroups needs root");
  }
  Playground(const Playground&) = delete;
  ~Playground() {
    try {
      if (const auto cgroup = Cgroup::try_open(directory())) {
        cgroup->kill();
        cgroup->remove();
      }
    } catch (const Error& error) {
      FAIL_CHECK("cleaning up: " << error.what());
    }
  }

  const CgroupHost& host() const { return host_; }
  /// As linux.cgroupsPath has it.
  const std::string& name() const { return name_; }
  std::string directory(const std::string& below = {}) const { return host_.mount + name_ + below; }

  Cgroup make(const std::string& below = {}) const {
    ::mkdir(directory().c_str(), 0755);
    if (!below.empty()) sys::mkdirat(working_directory, directory(below), 0755);
    return Cgroup::open(directory(below));
  }
  std::unique_ptr<CgroupManager> manager(const std::string& below = {}, const std::vector<Device>& devices = {}) const {
    Spec spec;
    spec.linux.cgroups_path = name_ + below;
    spec.linux.devices = devices;
    return make_cgroup_manager(CgroupDriver::cgroupfs, "unused", spec);
  }

 private:
  CgroupHost host_;
  std::string name_;
};

/// A process born in a cgroup; killed and reaped in the end.
class Inhabitant {
 public:
  explicit Inhabitant(
      const Fd& cgroup, const std::function<int()>& life = [] { return ::pause(); }) {
    clone_args arguments{};
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.exit_signal = SIGCHLD;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup.get());
    pid_ = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
    if (pid_ == 0) ::_exit(life());
    if (pid_ < 0) throw Error::system("clone3");
  }
  Inhabitant(const Inhabitant&) = delete;
  ~Inhabitant() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }

  pid_t pid() const { return pid_; }
  /// Exit status, or 128 + the signal.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = 0;
};

inline bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

}  // namespace test
