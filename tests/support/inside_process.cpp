// SPDX-License-Identifier: Apache-2.0
// What a container's process is and has.
#include <dirent.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "support/inside.hpp"

namespace inside {
namespace {

int status_fields(Words words) {
  if (*words == nullptr) return copy_out("/proc/self/status");
  int status = 0;
  for (; *words != nullptr; ++words) status |= copy_out(*words);
  return status;
}

int show_environment(Words /*words*/) {
  for (char** entry = ::environ; *entry != nullptr; ++entry) std::puts(*entry);
  return 0;
}

int working_directory(Words /*words*/) {
  std::array<char, 4096> path{};
  if (::getcwd(path.data(), path.size()) == nullptr) return failed("getcwd");
  std::puts(path.data());
  return 0;
}

int host_name(Words /*words*/) {
  utsname names{};
  ::uname(&names);
  std::puts(names.nodename);
  return 0;
}

int domain_name(Words /*words*/) {
  utsname names{};
  ::uname(&names);
  std::puts(names.domainname);
  return 0;
}

int limits(Words words) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource>(number(words[0])), &limit) != 0) return failed("getrlimit");
  std::printf("%lld %lld\n", static_cast<long long>(limit.rlim_cur), static_cast<long long>(limit.rlim_max));
  return 0;
}

int show_umask(Words /*words*/) {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  std::printf("%04o\n", mask);
  return 0;
}

/// Every descriptor but the one of the listing itself: "3 /path".
int descriptors(Words /*words*/) {
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return failed("/proc/self/fd");
  while (const dirent* entry = ::readdir(directory)) {
    std::array<char, 4096> target{};
    const long fd = number(entry->d_name);
    if (entry->d_name[0] == '.' || fd == ::dirfd(directory)) continue;
    if (::readlinkat(::dirfd(directory), entry->d_name, target.data(), target.size() - 1) < 0) continue;
    std::printf("%ld %s\n", fd, target.data());
  }
  ::closedir(directory);
  return 0;
}

int namespaces(Words /*words*/) {
  for (const char* name : {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}) {
    std::array<char, 64> path{};
    std::array<char, 64> target{};
    std::snprintf(path.data(), path.size(), "/proc/self/ns/%s", name);
    if (::readlink(path.data(), target.data(), target.size() - 1) > 0) std::puts(target.data());
  }
  return 0;
}

int ids(Words /*words*/) {
  std::array<gid_t, 64> groups{};
  const int count = ::getgroups(groups.size(), groups.data());
  std::printf("uid=%u gid=%u groups=", ::getuid(), ::getgid());
  for (int i = 0; i < count; ++i) std::printf("%s%u", i == 0 ? "" : ",", groups.at(static_cast<std::size_t>(i)));
  std::puts("");
  return 0;
}

int session(Words /*words*/) {
  std::printf("pid=%d ppid=%d pgid=%d sid=%d\n", ::getpid(), ::getppid(), ::getpgid(0), ::getsid(0));
  return 0;
}

int show_personality(Words /*words*/) {
  std::printf("%x\n", static_cast<unsigned>(::personality(0xffffffffU)));
  return 0;
}

int scheduling(Words /*words*/) {
  sched_param parameters{};
  ::sched_getparam(0, &parameters);
  std::printf("policy=%d priority=%d nice=%d\n", ::sched_getscheduler(0), parameters.sched_priority,
              ::getpriority(PRIO_PROCESS, 0));
  return 0;
}

int io_priority(Words /*words*/) {
  constexpr unsigned class_shift = 13;  // linux/ioprio.h
  const auto value = static_cast<unsigned>(::syscall(SYS_ioprio_get, 1, 0));
  std::printf("class=%u priority=%u\n", value >> class_shift, value & ((1U << class_shift) - 1));
  return 0;
}

int affinity(Words /*words*/) {
  cpu_set_t set;
  ::sched_getaffinity(0, sizeof(set), &set);
  std::printf("%d\n", CPU_COUNT(&set));
  return 0;
}

int keyring(Words /*words*/) {
  std::array<char, 256> description{};
  if (::syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, description.data(), description.size()) < 0)
    return failed("keyctl");
  std::puts(description.data());
  return 0;
}

/// The signals that are blocked or ignored, as the kernel shows them.
int signals(Words /*words*/) {
  FILE* file = std::fopen("/proc/self/status", "re");
  std::array<char, 256> line{};
  while (file != nullptr && std::fgets(line.data(), line.size(), file) != nullptr)
    if (std::strncmp(line.data(), "SigBlk", 6) == 0 || std::strncmp(line.data(), "SigIgn", 6) == 0)
      std::fputs(line.data(), stdout);
  if (file != nullptr) std::fclose(file);
  return 0;
}

constexpr std::array table{
    Command{"affinity", 0, affinity},
    Command{"cwd", 0, working_directory},
    Command{"domainname", 0, domain_name},
    Command{"env", 0, show_environment},
    Command{"fds", 0, descriptors},
    Command{"hostname", 0, host_name},
    Command{"ids", 0, ids},
    Command{"ioprio", 0, io_priority},
    Command{"keyring", 0, keyring},
    Command{"ns", 0, namespaces},
    Command{"personality", 0, show_personality},
    Command{"rlimit", 1, limits},
    Command{"sched", 0, scheduling},
    Command{"session", 0, session},
    Command{"signals", 0, signals},
    Command{"status", 0, status_fields},
    Command{"umask", 0, show_umask},
};

}  // namespace

std::span<const Command> commands_about_the_process() {
  return table;
}

}  // namespace inside
