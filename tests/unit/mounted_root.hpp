// SPDX-License-Identifier: Apache-2.0
// A container's file system for tests: each case forks a process that leaves for namespaces of its own, builds a root
// file system there and answers with text. The mounts of the process that runs the tests are never touched.
#pragma once
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "base/files.hpp"
#include "init/perform_mounts.hpp"
#include "oci/error.hpp"
#include "plan/mounts.hpp"
#include "spec/decode.hpp"
#include "support/catch.hpp"

namespace test {

using namespace oci;

inline constexpr int new_namespaces = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWCGROUP;

/// A root file system and a directory of the host next to it, removed at the end.
class Bundle {
 public:
  Bundle() {
    std::string pattern = "/var/tmp/oci-mounts-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()));
    path_ = pattern;
    REQUIRE(::chmod(path_.c_str(), 0755) == 0);
    directory("rootfs");
    directory("host");
    file("host/marker", "of the host");
  }
  Bundle(const Bundle&) = delete;
  Bundle& operator=(const Bundle&) = delete;
  ~Bundle() {
    const std::string command = "rm -rf --one-file-system " + path_;
    [[maybe_unused]] const int status = std::system(command.c_str());
  }

  const std::string& path() const noexcept { return path_; }
  std::string root() const { return path_ + "/rootfs"; }
  void directory(const std::string& name, mode_t mode = 0755) const {
    REQUIRE(::mkdir((path_ + "/" + name).c_str(), mode) == 0);
    REQUIRE(::chmod((path_ + "/" + name).c_str(), mode) == 0);
  }
  void file(const std::string& name, std::string_view text = "") const {
    replace_file(working_directory, path_ + "/" + name, text, 0644);
  }
  void link(const std::string& name, const std::string& target) const {
    REQUIRE(::symlink(target.c_str(), (path_ + "/" + name).c_str()) == 0);
  }
  /// The names in a directory of the host, as the host sees it.
  std::string list(const std::string& name) const {
    const std::string command = "ls -A " + path_ + "/" + name + " | tr '\\n' ' '";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::array<char, 4096> text{};
    const auto size = std::fread(text.data(), 1, text.size(), pipe);
    ::pclose(pipe);
    return {text.data(), size};
  }

 private:
  std::string path_;
};

/// What `body` returns, or "error: …" for what it throws, from a child in new namespaces.
inline std::string in_namespaces(int namespaces, const std::function<std::string()>& body) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::string answer;
    try {
      if (::unshare(namespaces) < 0) throw Error::system("unshare");
      answer = body();
    } catch (const std::exception& error) {
      answer = std::string("error: ") + error.what();
    }
    write_all(FdRef(ends[1]), answer, "the pipe");
    ::_exit(0);
  }
  ::close(ends[1]);
  const Fd reading(ends[0]);
  const std::string answer = read_all(reading, "the pipe", std::size_t{1} << 22U);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return answer;
}

inline void perform_all(const InitPlan& plan, init::Scene& scene) {
  for (const auto& step : plan.steps)
    std::visit(
        [&](const auto& action) {
          if constexpr (requires { init::perform(action, scene); })
            init::perform(action, scene);
          else
            throw Error("a step that is no mount");
        },
        step.action);
}

/// A seccomp filter as an old container manager may have put around the runtime.
inline void deny_mount_api(int code) {
  static constexpr std::array denied{SYS_open_tree, SYS_move_mount,    SYS_fsopen, SYS_fsconfig,
                                     SYS_fsmount,   SYS_mount_setattr, 467 /* open_tree_attr */};
  std::vector<sock_filter> filter{{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)}};
  for (const int number : denied) {
    filter.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<std::uint32_t>(number)});
    filter.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(code)});
  }
  filter.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW});
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) throw Error::system("load the filter");
}

struct Options {
  bool legacy = false;
  int denied = 0;      ///< errno with which a filter answers every call of the mount API; 0: no filter
  bool enters = true;  ///< pivots and restricts
  std::function<void(MountHost&)> host = [](MountHost&) {};
};

/// Performs what config.json asks for; `inside` then looks at it.
inline std::string container(const Bundle& bundle, const std::string& config,
                             const std::function<std::string(init::Scene&)>& inside, const Options& options = {}) {
  const Spec spec = decode_spec(config);
  return in_namespaces(new_namespaces, [&] {
    InitPlan plan;
    MountHost host{.bundle = bundle.path(), .kcore = true};
    options.host(host);
    add_filesystem(plan, spec, host);
    if (options.enters) {
      add_new_root(plan, spec, host);
      add_restrictions(plan, spec);
    }
    init::Scene scene;
    scene.legacy_mounts = options.legacy;
    if (options.denied != 0) deny_mount_api(options.denied);
    perform_all(plan, scene);
    return inside(scene);
  });
}

inline std::string config(const std::string& mounts, const std::string& linux_members = "",
                          const std::string& root = "") {
  return R"({"ociVersion":"1.2.0","root":{"path":"rootfs")" + root + R"(},"mounts":[)" + mounts +
         R"(],"linux":{"namespaces":[{"type":"mount"},{"type":"network"},{"type":"cgroup"}])" + linux_members + "}}";
}

/// The line of mountinfo for what is on top at `point`: "ro,nosuid shared:1 - tmpfs tmpfs rw,size=4k"; its options and
/// what follows.
inline std::string mount_at(init::Scene& scene, const std::string& point) {
  const Fd file = init::open_proc(scene, "thread-self/mountinfo", O_RDONLY);
  std::string text = read_all(file, "mountinfo", std::size_t{1} << 22U);
  std::string found = "nothing";
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string line = text.substr(0, end);
    text.erase(0, end + 1);
    std::size_t field = 0;  // "36 35 0:5 / /proc rw …": the fifth is the mount point
    for (int skipped = 0; skipped < 4; ++skipped) field = line.find(' ', field) + 1;
    if (line.compare(field, point.size() + 1, point + " ") == 0) found = line.substr(field + point.size() + 1);
  }
  return found;
}

inline std::string mode_of(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) < 0) return std::string("error: ") + std::strerror(errno);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%o %u:%u", status.st_mode, major(status.st_rdev), minor(status.st_rdev));
  return text.data();
}

inline int error_of_writing(const std::string& path) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  return file ? 0 : errno;
}

inline const char* const default_mounts = R"(
  {"destination":"/proc","type":"proc","source":"proc"},
  {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","strictatime","mode=755","size=65536k"]},
  {"destination":"/dev/pts","type":"devpts","source":"devpts","options":["nosuid","noexec","newinstance","ptmxmode=0666","mode=0620","gid=5"]},
  {"destination":"/dev/shm","type":"tmpfs","source":"shm","options":["nosuid","noexec","nodev","mode=1777","size=65536k"]},
  {"destination":"/dev/mqueue","type":"mqueue","source":"mqueue","options":["nosuid","noexec","nodev"]},
  {"destination":"/sys","type":"sysfs","source":"sysfs","options":["nosuid","noexec","nodev","ro"]},
  {"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup","options":["nosuid","noexec","nodev","relatime","ro"]})";

inline const char* const default_paths =
    R"(,"maskedPaths":["/proc/acpi","/proc/asound","/proc/kcore","/proc/keys","/proc/latency_stats",
  "/proc/timer_list","/proc/timer_stats","/proc/sched_debug","/sys/firmware","/proc/scsi"],
  "readonlyPaths":["/proc/bus","/proc/fs","/proc/irq","/proc/sys","/proc/sysrq-trigger"])";

inline std::string look_at_default(init::Scene& scene) {
  std::string text;
  for (const char* point :
       {"/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/sys/fs/cgroup", "/proc/sys"})
    text += std::string(point) + " " + mount_at(scene, point) + "\n";
  for (const char* node : {"/dev/null", "/dev/tty", "/dev/fd", "/dev/ptmx", "/dev/core", "/proc/keys"})
    text += std::string(node) + " " + mode_of(node) + "\n";
  return text + "root " + std::to_string(error_of_writing("/x")) + "\n";
}

}  // namespace test
