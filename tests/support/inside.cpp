// SPDX-License-Identifier: Apache-2.0
// The program in the rootfs of tests: says what a container looks like from inside. `inside COMMAND [WORD…]`, or
// several of them: `inside do A… -- B… -- C…`. Statically linked: the rootfs holds nothing else. Failures name the
// errno.
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

using Words = char**;

int failed(const char* what) {
  std::printf("%s: %s\n", what, strerrorname_np(errno));
  return 1;
}

long number(const char* text) {
  return std::strtol(text, nullptr, 0);
}

int copy_out(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(path);
  std::array<char, 4096> buffer{};
  ssize_t got = 0;
  while ((got = ::read(fd, buffer.data(), buffer.size())) > 0)
    std::fwrite(buffer.data(), 1, static_cast<std::size_t>(got), stdout);
  ::close(fd);
  return got < 0 ? failed(path) : 0;
}

int cat(Words words) {
  int status = 0;
  for (; *words != nullptr; ++words) status |= copy_out(*words);
  return status;
}

// What there is in the file system ------------------------------------------------------------------------------------

int ls(Words words) {
  dirent** entries = nullptr;
  const int count = ::scandir(words[0], &entries, nullptr, alphasort);
  if (count < 0) return failed(words[0]);
  for (int i = 0; i < count; ++i)
    if (std::strcmp(entries[i]->d_name, ".") != 0 && std::strcmp(entries[i]->d_name, "..") != 0)
      std::puts(entries[i]->d_name);
  return 0;
}

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "directory";
  if (S_ISCHR(mode)) return "char";
  if (S_ISBLK(mode)) return "block";
  if (S_ISLNK(mode)) return "link";
  if (S_ISFIFO(mode)) return "fifo";
  return S_ISREG(mode) ? "file" : "other";
}

int stat_all(Words words) {
  int status = 0;
  for (; *words != nullptr; ++words) {
    struct stat found {};
    struct statfs system {};
    if (::lstat(*words, &found) != 0) {
      status = failed(*words);
      continue;
    }
    ::statfs(*words, &system);
    std::printf("%s %s mode=%04o uid=%u gid=%u rdev=%u:%u size=%lld magic=%lx\n", *words, kind_of(found.st_mode),
                found.st_mode & 07777U, found.st_uid, found.st_gid, major(found.st_rdev), minor(found.st_rdev),
                static_cast<long long>(found.st_size), static_cast<unsigned long>(system.f_type));
  }
  return status;
}

int read_link(Words words) {
  std::array<char, 4096> target{};
  if (::readlink(words[0], target.data(), target.size() - 1) < 0) return failed(words[0]);
  std::puts(target.data());
  return 0;
}

int make_directory(Words words) {
  return ::mkdir(words[0], 0755) != 0 ? failed(words[0]) : 0;
}
int remove_file(Words words) {
  return ::unlink(words[0]) != 0 ? failed(words[0]) : 0;
}

int write_text(Words words) {
  const int fd = ::open(words[0], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) return failed(words[0]);
  const std::size_t size = std::strlen(words[1]);
  const bool written = ::write(fd, words[1], size) == static_cast<ssize_t>(size);
  ::close(fd);
  return written ? 0 : failed(words[0]);
}

int make_node(Words words) {
  const mode_t kind = *words[1] == 'b' ? S_IFBLK : S_IFCHR;
  const dev_t device = makedev(static_cast<unsigned>(number(words[2])), static_cast<unsigned>(number(words[3])));
  return ::mknod(words[0], kind | 0600U, device) != 0 ? failed(words[0]) : 0;
}

int open_as(const char* path, int flags) {
  const int fd = ::open(path, flags | O_CLOEXEC);
  if (fd < 0) return failed(path);
  ::close(fd);
  std::printf("%s: open\n", path);
  return 0;
}
int open_to_read(Words words) {
  return open_as(words[0], O_RDONLY);
}
int open_to_write(Words words) {
  return open_as(words[0], O_WRONLY);
}
int open_read_write(Words words) {
  return open_as(words[0], O_RDWR);
}

/// Runs a file with its directory's mount options in the way: noexec shows as EACCES.
int execute(Words words) {
  std::fflush(stdout);
  ::execv(words[0], words);
  return failed(words[0]);
}

// What the process is -------------------------------------------------------------------------------------------------

int status_fields(Words words) {
  return *words != nullptr ? cat(words) : copy_out("/proc/self/status");
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

// Terminals -----------------------------------------------------------------------------------------------------------

int is_terminal(Words /*words*/) {
  std::printf("%d %d %d\n", ::isatty(0), ::isatty(1), ::isatty(2));
  return 0;
}

int window_size(Words /*words*/) {
  winsize size{};
  if (::ioctl(0, TIOCGWINSZ, &size) != 0) return failed("TIOCGWINSZ");
  std::printf("%ux%u\n", size.ws_row, size.ws_col);
  return 0;
}

/// Waits for the size to change.
int wait_for_size(Words words) {
  for (int tries = 0; tries < 1000; ++tries, ::usleep(10'000)) {
    winsize size{};
    if (::ioctl(0, TIOCGWINSZ, &size) == 0 && size.ws_row == number(words[0])) return window_size(words);
  }
  return window_size(words);
}

/// Copies lines until the end of the file.
int echo_input(Words /*words*/) {
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(0, buffer.data(), buffer.size())) > 0;) {
    std::fwrite(buffer.data(), 1, static_cast<std::size_t>(got), stdout);
    std::fflush(stdout);
  }
  return 0;
}

// What it does --------------------------------------------------------------------------------------------------------

int say(Words words) {
  for (; *words != nullptr; ++words) std::printf("%s%s", *words, words[1] != nullptr ? " " : "\n");
  return 0;
}
int complain(Words words) {
  std::fprintf(stderr, "%s\n", words[0]);
  return 0;
}

int sleep_for(Words words) {
  ::sleep(static_cast<unsigned>(number(words[0])));
  return 0;
}

/// As long as somebody lets it live. A first process has no default action for signals, so this one dies of SIGTERM.
int pause_for_ever(Words /*words*/) {
  std::signal(SIGTERM, [](int) { ::_exit(128 + SIGTERM); });
  while (true) ::pause();
}

int exit_with(Words words) {
  std::fflush(stdout);
  ::_exit(static_cast<int>(number(words[0])));
}

/// Dies of a signal: from a child, because the first process of a pid namespace cannot kill itself.
int signal_self(Words words) {
  std::fflush(stdout);
  ::raise(static_cast<int>(number(words[0])));
  return 0;
}

volatile std::sig_atomic_t arrived = 0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): of a handler

int trap(Words words) {
  for (Words word = words; *word != nullptr; ++word)
    std::signal(static_cast<int>(number(*word)), [](int s) { arrived = s; });
  std::puts("ready");
  std::fflush(stdout);
  while (arrived == 0) ::usleep(1000);
  std::printf("signal %d\n", static_cast<int>(arrived));
  return 0;
}

/// A child that stays, in a session of its own, then goes on.
int fork_sleepers(Words words) {
  std::fflush(stdout);
  for (long i = 0; i < number(words[0]); ++i) {
    const pid_t pid = ::fork();
    if (pid < 0) return failed("fork");
    if (pid == 0) {
      ::setsid();
      while (true) ::pause();
    }
  }
  return 0;
}

int call(Words words) {
  errno = 0;
  const long argument = words[1] != nullptr ? number(words[1]) : 0;
  const long result = ::syscall(number(words[0]), argument, 0, 0, 0, 0, 0);
  std::printf("%s\n", result < 0 ? strerrorname_np(errno) : "done");
  return 0;
}

int mount_proc(Words words) {
  return ::mount("proc", words[0], "proc", 0, nullptr) != 0 ? failed("mount") : 0;
}
int unshare_user(Words /*words*/) {
  return ::unshare(CLONE_NEWUSER) != 0 ? failed("unshare") : 0;
}

int bind_port(Words words) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket");
  ::close(fd);
  (void)words;
  return 0;
}

// The table -----------------------------------------------------------------------------------------------------------

struct Entry {
  const char* name;
  int words;  ///< how many it needs
  int (*run)(Words);
};

constexpr Entry table[] = {
    {"affinity", 0, affinity},
    {"cat", 1, cat},
    {"complain", 1, complain},
    {"cwd", 0, working_directory},
    {"domainname", 0, domain_name},
    {"echo", 0, echo_input},
    {"env", 0, show_environment},
    {"exec", 1, execute},
    {"exit", 1, exit_with},
    {"fds", 0, descriptors},
    {"fork", 1, fork_sleepers},
    {"hostname", 0, host_name},
    {"ids", 0, ids},
    {"ioprio", 0, io_priority},
    {"isatty", 0, is_terminal},
    {"keyring", 0, keyring},
    {"ls", 1, ls},
    {"mkdir", 1, make_directory},
    {"mknod", 4, make_node},
    {"mountproc", 1, mount_proc},
    {"ns", 0, namespaces},
    {"open", 1, open_to_read},
    {"openrw", 1, open_read_write},
    {"openw", 1, open_to_write},
    {"pause", 0, pause_for_ever},
    {"personality", 0, show_personality},
    {"readlink", 1, read_link},
    {"rlimit", 1, limits},
    {"rm", 1, remove_file},
    {"say", 0, say},
    {"sched", 0, scheduling},
    {"session", 0, session},
    {"signal", 1, signal_self},
    {"signals", 0, signals},
    {"sleep", 1, sleep_for},
    {"socket", 0, bind_port},
    {"stat", 1, stat_all},
    {"status", 0, status_fields},
    {"syscall", 1, call},
    {"trap", 1, trap},
    {"umask", 0, show_umask},
    {"unshareuser", 0, unshare_user},
    {"waitsize", 1, wait_for_size},
    {"winsize", 0, window_size},
    {"write", 2, write_text},
};

int run(Words words) {
  if (words[0] == nullptr) return 0;
  int given = 0;
  while (words[given + 1] != nullptr) ++given;
  for (const auto& entry : table) {
    if (std::strcmp(entry.name, words[0]) != 0 || given < entry.words) continue;
    const int status = entry.run(words + 1);
    std::fflush(stdout);
    return status;
  }
  std::fprintf(stderr, "inside: %s with %d words is not known\n", words[0], given);
  return 125;
}

/// One command after the other, each as far as the next "--". The last status that was not 0.
int run_all(Words words) {
  int status = 0;
  while (words != nullptr) {
    Words end = words;
    while (*end != nullptr && std::strcmp(*end, "--") != 0) ++end;
    Words next = *end != nullptr ? end + 1 : nullptr;
    *end = nullptr;
    const int one = run(words);
    if (one != 0) status = one;
    words = next;
  }
  return status;
}

}  // namespace

int main(int argc, char* argv[]) {
  if (argc < 2) return 125;
  return std::strcmp(argv[1], "do") == 0 ? run_all(argv + 2) : run(argv + 1);
}
