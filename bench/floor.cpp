// SPDX-License-Identifier: Apache-2.0
// The floor under `run`: the kernel calls that a container of the default config.json cannot do without, and nothing
// else. No text is parsed, nothing is decided, no error is explained. What a runtime takes longer is its own time.
// usage: floor ROOTFS CGROUP PROGRAM [N]     (CGROUP: a cgroup2 directory that does not exist; made and removed)
// N: so many binds more, of /bin of the rootfs at /m/0, /m/1, …
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

// <sys/mount.h> and <linux/mount.h> of Debian 12 do not go together.
extern "C" int umount2(const char* target, int flags) noexcept;
extern "C" int mount(const char*, const char*, const char*, unsigned long, const void*) noexcept;

namespace {

constexpr unsigned long recursive_slave = (1UL << 14U) | (1UL << 19U);    // MS_REC | MS_SLAVE
constexpr unsigned long recursive_private = (1UL << 14U) | (1UL << 18U);  // MS_REC | MS_PRIVATE
constexpr int detach = 2;                                                 // MNT_DETACH

long must(long result, const char* what) {
  if (result < 0) {
    std::perror(what);
    ::_exit(1);
  }
  return result;
}

int fs_mount(const char* type, unsigned attributes, const char* const (*options)[2], std::size_t count) {
  const int fs = static_cast<int>(must(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), type));
  for (std::size_t i = 0; i < count; ++i)
    must(::syscall(SYS_fsconfig, fs, options[i][1] != nullptr ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, options[i][0],
                   options[i][1], 0),
         options[i][0]);
  must(::syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), type);
  const int mounted = static_cast<int>(must(::syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes), type));
  ::close(fs);
  return mounted;
}

void attach(int mounted, int root, const char* target) {
  const int place = static_cast<int>(must(::openat(root, target, O_PATH | O_CLOEXEC), target));
  must(::syscall(SYS_move_mount, mounted, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), target);
  ::close(place);
  ::close(mounted);
}

int copy_of(int directory, const char* path, unsigned flags = 0) {
  return static_cast<int>(::syscall(SYS_open_tree, directory, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags));
}

void make_read_only(int mounted, std::uint64_t more = 0) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | more;
  must(::syscall(SYS_mount_setattr, mounted, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof(attributes)), "ro");
}

void mount_file_systems(int root) {
  constexpr unsigned plain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV;
  constexpr const char* dev[][2] = {{"mode", "755"}, {"size", "65536k"}};
  constexpr const char* pts[][2] = {{"newinstance", nullptr}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}};
  constexpr const char* shm[][2] = {{"mode", "1777"}, {"size", "65536k"}};
  attach(fs_mount("proc", 0, nullptr, 0), root, "proc");
  attach(fs_mount("tmpfs", MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME, dev, 2), root, "dev");
  for (const char* name : {"dev/pts", "dev/shm", "dev/mqueue"}) must(::mkdirat(root, name, 0755), name);
  attach(fs_mount("devpts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, pts, 4), root, "dev/pts");
  attach(fs_mount("tmpfs", plain, shm, 2), root, "dev/shm");
  attach(fs_mount("mqueue", plain, nullptr, 0), root, "dev/mqueue");
  attach(fs_mount("sysfs", plain | MOUNT_ATTR_RDONLY, nullptr, 0), root, "sys");
  attach(fs_mount("cgroup2", plain | MOUNT_ATTR_RDONLY, nullptr, 0), root, "sys/fs/cgroup");
}

void make_devices(int root) {
  struct Node {
    const char* path;
    unsigned major, minor;
  };
  constexpr Node nodes[] = {{"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
                            {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
  ::umask(0);
  for (const auto& node : nodes)
    must(::mknodat(root, node.path, S_IFCHR | 0666U, makedev(node.major, node.minor)), node.path);
  constexpr const char* links[][2] = {{"/proc/self/fd", "dev/fd"},
                                      {"/proc/self/fd/0", "dev/stdin"},
                                      {"/proc/self/fd/1", "dev/stdout"},
                                      {"/proc/self/fd/2", "dev/stderr"},
                                      {"pts/ptmx", "dev/ptmx"}};
  for (const auto& link : links) must(::symlinkat(link[0], root, link[1]), link[1]);
  ::umask(0022);
}

void mask_paths(int root) {
  constexpr const char* empty[][2] = {{"nr_blocks", "1"}, {"nr_inodes", "1"}};
  const int directory = fs_mount("tmpfs", MOUNT_ATTR_RDONLY, empty, 2);
  for (const char* path : {"proc/acpi", "proc/asound", "proc/kcore", "proc/keys", "proc/latency_stats",
                           "proc/timer_list", "proc/timer_stats", "proc/sched_debug", "sys/firmware", "proc/scsi"}) {
    const int place = ::openat(root, path, O_PATH | O_CLOEXEC);
    if (place < 0) continue;
    struct stat found {};
    ::fstat(place, &found);
    const int mask = S_ISDIR(found.st_mode) ? copy_of(directory, "", AT_EMPTY_PATH) : copy_of(root, "dev/null");
    must(::syscall(SYS_move_mount, mask, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), path);
    ::close(mask);
    ::close(place);
  }
  for (const char* path : {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"}) {
    const int copy = copy_of(root, path, AT_RECURSIVE);
    if (copy < 0) continue;
    make_read_only(copy);
    attach(copy, root, path);
  }
  ::close(directory);
}

void raise_loopback() {
  const int fd = static_cast<int>(must(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  must(::ioctl(fd, SIOCSIFFLAGS, &request), "lo");
  ::close(fd);
}

void drop_privileges() {
  constexpr std::uint32_t kept = (1U << CAP_AUDIT_WRITE) | (1U << CAP_KILL) | (1U << CAP_NET_BIND_SERVICE);
  const rlimit files{1024, 1024};
  must(::setrlimit(RLIMIT_NOFILE, &files), "rlimit");
  for (unsigned cap = 0; cap <= CAP_LAST_CAP; ++cap)
    if (cap >= 32 || (kept >> cap & 1U) == 0) must(::prctl(PR_CAPBSET_DROP, cap), "bounding set");
  must(::prctl(PR_SET_KEEPCAPS, 1), "keepcaps");
  must(::setgroups(0, nullptr), "setgroups");
  must(::setresgid(0, 0, 0), "setgid");
  must(::setresuid(0, 0, 0), "setuid");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct sets[2] = {{kept, kept, 0}, {0, 0, 0}};
  must(::syscall(SYS_capset, &header, sets), "capset");
  must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
}

/// The device rules of the default configuration: deny, but for the default nodes. The filter is as long as a real one.
int device_filter() {
  constexpr unsigned allowed = 8;
  bpf_insn program[4 + 2 * allowed + 2] = {};
  std::size_t size = 0;
  const auto add = [&](std::uint8_t code, std::uint8_t to, std::uint8_t from, std::int16_t offset, std::int32_t value) {
    bpf_insn instruction{};
    instruction.code = code;
    instruction.dst_reg = to & 0xFU;
    instruction.src_reg = from & 0xFU;
    instruction.off = offset;
    instruction.imm = value;
    program[size++] = instruction;
  };
  add(BPF_LDX | BPF_MEM | BPF_W, 2, 1, 0, 0);
  add(BPF_LDX | BPF_MEM | BPF_W, 4, 1, 4, 0);
  add(BPF_LDX | BPF_MEM | BPF_W, 5, 1, 8, 0);
  for (unsigned i = 0; i < allowed; ++i) {
    add(BPF_JMP | BPF_JNE | BPF_K, 5, 0, 1, static_cast<std::int32_t>(i));
    add(BPF_JMP | BPF_JA, 0, 0, static_cast<std::int16_t>(2 * (allowed - 1 - i)), 0);
  }
  add(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
  add(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = reinterpret_cast<std::uint64_t>(program);
  attributes.insn_cnt = static_cast<std::uint32_t>(size);
  attributes.license = reinterpret_cast<std::uint64_t>("Apache");
  return static_cast<int>(must(::syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes)), "device filter"));
}

void attach_filter(int cgroup, int program) {
  bpf_attr attributes{};
  attributes.target_fd = static_cast<std::uint32_t>(cgroup);
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program);
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  must(::syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof(attributes)), "attach the device filter");
}

void bind_more(int root, int count) {
  for (int number = 0; number < count; ++number) {
    char target[32];
    std::snprintf(target, sizeof target, "m/%d", number);
    attach(static_cast<int>(must(copy_of(root, "bin"), "bin")), root, target);
  }
}

[[noreturn]] void become(const char* rootfs, char* program, int binds) {
  ::setsid();
  ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "_ses.floor");
  must(::unshare(CLONE_NEWCGROUP), "cgroup namespace");
  must(::mount(nullptr, "/", nullptr, recursive_slave, nullptr), "slave");
  const int tree = static_cast<int>(must(copy_of(AT_FDCWD, rootfs, AT_RECURSIVE), rootfs));
  must(::syscall(SYS_move_mount, tree, "", AT_FDCWD, rootfs, MOVE_MOUNT_F_EMPTY_PATH), "attach the rootfs");
  mount_file_systems(tree);
  bind_more(tree, binds);
  make_devices(tree);
  must(::fchdir(tree), "rootfs");
  must(::syscall(SYS_pivot_root, ".", "."), "pivot_root");
  must(::umount2(".", detach), "old root");
  must(::mount(nullptr, "/", nullptr, recursive_private, nullptr), "private");
  mask_paths(tree);
  make_read_only(tree);
  must(::sethostname("floor", 5), "hostname");
  raise_loopback();
  drop_privileges();
  must(::chdir("/"), "chdir");
  must(::syscall(SYS_close_range, 3, ~0U, 0), "close_range");
  char* words[] = {program, nullptr};
  char path[] = "PATH=/bin";
  char* environment[] = {path, nullptr};
  ::execve(program, words, environment);
  std::perror(program);
  ::_exit(1);
}

}  // namespace

int main(int argc, char* argv[]) {
  if (argc < 4 || argc > 5) return 2;
  must(::mkdir(argv[2], 0755), argv[2]);
  const int cgroup = static_cast<int>(must(::open(argv[2], O_PATH | O_DIRECTORY | O_CLOEXEC), argv[2]));
  const int target = static_cast<int>(must(::open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC), argv[2]));
  attach_filter(target, device_filter());
  int pidfd = -1;
  clone_args request{};
  request.flags =
      CLONE_PIDFD | CLONE_INTO_CGROUP | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS;
  request.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  request.exit_signal = SIGCHLD;
  request.cgroup = static_cast<std::uint64_t>(cgroup);
  const long pid = must(::syscall(SYS_clone3, &request, sizeof(request)), "clone3");
  if (pid == 0) become(argv[1], argv[3], argc > 4 ? std::atoi(argv[4]) : 0);
  int status = 0;
  must(::waitpid(static_cast<pid_t>(pid), &status, 0), "wait");
  must(::rmdir(argv[2]), argv[2]);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
