// SPDX-License-Identifier: Apache-2.0
// The last steps: where the program is, where it starts, what it inherits, and the execve.
#include <linux/openat2.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/files.hpp"
#include "base/rooted_path.hpp"
#include "base/syscalls.hpp"
#include "base/text.hpp"
#include "init/perform_process.hpp"
#include "init/run.hpp"

namespace oci::init {
namespace {

/// Engines match these texts as Go spells them: the errno's text with a small first letter (docs/errors.md).
std::string reason(int code) {
  std::string text = ::strerrordesc_np(code) ? ::strerrordesc_np(code) : "unknown error";
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

/// Whether execve would be allowed to run `path`: 0, or the errno. Judged with the effective ids and capabilities,
/// because CAP_DAC_OVERRIDE may be all that allows it.
int executable(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) < 0) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  if (::syscall(SYS_faccessat2, AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0) return 0;
  static constexpr mode_t anybody = S_IXUSR | S_IXGRP | S_IXOTH;
  // A seccomp filter that is in force already may not know faccessat2; then execve will judge.
  if ((errno == ENOSYS || errno == EPERM) && (status.st_mode & anybody) != 0) return 0;
  return EACCES;
}

std::string search(const std::string& name, std::string_view search_path) {
  bool denied = false;
  while (!search_path.empty()) {
    std::string candidate(cut(search_path, ":"));
    if (candidate.empty()) continue;
    candidate.append("/").append(name);
    const int code = executable(candidate);
    if (code == 0) return candidate;
    denied = denied || code == EACCES;
  }
  const std::string why = denied ? ": permission denied" : ": executable file not found in $PATH";
  throw Error("exec: \"" + name + "\"" + why, denied ? EACCES : ENOENT);
}

std::string home_in(std::string_view passwd, uid_t uid) {
  // passwd(5): name:password:uid:gid:gecos:directory:shell
  static constexpr std::size_t uid_column = 2;
  static constexpr std::size_t home_column = 5;
  const auto wanted = std::to_string(uid);
  while (!passwd.empty()) {
    auto line = cut(passwd, "\n");
    std::array<std::string_view, home_column + 1> columns{};
    for (auto& column : columns) column = cut(line, ":");
    if (columns[uid_column] == wanted && !columns[home_column].empty()) return std::string(columns[home_column]);
  }
  return "/";
}

std::string home_of(uid_t uid) {
  static constexpr std::size_t largest_passwd = std::size_t{4} << 20U;
  // The image's file: it may be a FIFO, a magic link out of the container, or a device for which being opened is enough
  // (a watchdog). So it is looked at before, and, because it can be exchanged, behind.
  const auto is_file = [](const sys::TriedFd& tried) {
    return tried.code == 0 && S_ISREG(sys::fstat(tried.fd).st_mode);
  };
  const auto open = [](int flags) {
    return sys::try_openat2(working_directory, "/etc/passwd", flags, RESOLVE_NO_MAGICLINKS);
  };
  if (!is_file(open(O_PATH))) return "/";
  const auto passwd = open(O_RDONLY | O_NONBLOCK | O_NOCTTY);
  try {
    if (!is_file(passwd)) return "/";
    return home_in(read_all(passwd.fd, "/etc/passwd", largest_passwd), uid);
  } catch (const Error&) {  // too large, or a file of /proc; as good as none
    return "/";
  }
}

/// With room for one more.
std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 2);
  for (const auto& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

/// While this process still holds descriptors: not by way of one of them (CVE-2024-21626).
int enter_as_root(const std::string& path, bool made) {
  const Fd root = sys::openat(working_directory, "/", O_PATH | O_DIRECTORY);
  auto directory = try_open_in_root(root, path, O_PATH | O_DIRECTORY);
  if (directory.code == ENOENT && made) directory = {make_in_root(root, path, Missing::directory), 0};
  if (directory.code != 0) return directory.code;
  return ::fchdir(directory.fd.get()) < 0 ? errno : 0;
}

/// Descriptors are sealed by now, and a seccomp filter may be in force that knows nothing newer than chdir.
int enter_as_user(const std::string& path) {
  return ::chdir(path.c_str()) < 0 ? errno : 0;
}

/// Where most programs start. No link or descriptor leads there, and it cannot be outside of the root.
bool enter_root(const std::string& path) {
  return path == "/" && ::chdir("/") == 0;
}

/// The first character of the working directory's path; 0 when it cannot be told.
template <std::size_t size>
[[gnu::noinline]] char first_of_directory() {
  std::array<char, size> here;  // NOLINT(cppcoreguidelines-pro-type-member-init): each page touched is one more to copy
  here[0] = '\0';               // a seccomp filter may let the call succeed without being made
  return ::syscall(SYS_getcwd, here.data(), here.size()) >= 0 ? here[0] : '\0';
}

/// A working directory outside of the root reads as "(unreachable)…" (getcwd(2), CVE-2024-21626).
bool is_below_root() {
  static constexpr std::size_t usual = 256;
  static constexpr std::size_t largest = 4096;
  if (const char first = first_of_directory<usual>(); first != '\0') return first == '/';
  return first_of_directory<largest>() == '/';
}

void close_between(unsigned first, unsigned last) {
  if (first > last) return;
  if (::syscall(SYS_close_range, first, last, 0) < 0) throw Error::system("close_range");
}

}  // namespace

void perform(const FindHome& home, Scene& scene) {
  scene.home = "HOME=" + home_of(home.uid);
  auto& env = scene.arguments.env;
  if (!env.empty()) env.insert(env.end() - 1, scene.home.data());
}

void perform(const ChangeDirectory& change, Scene& scene) {
  if (!scene.in_directory) scene.in_directory = enter_root(change.path);
  if (scene.in_directory) return;
  const int code = change.last_chance ? enter_as_user(change.path) : enter_as_root(change.path, change.made);
  if (code == EACCES && !change.last_chance) return;
  if (code != 0) throw Error::system("chdir to cwd (\"" + change.path + "\")", code);
  if (!is_below_root()) throw Error("the working directory \"" + change.path + "\" is outside of the container", EPERM);
  scene.in_directory = true;
}

void perform(const FindProgram& find, Scene& scene) {
  if (find.name.find('/') == find.name.npos) {
    scene.program = search(find.name, find.search_path);
    return;
  }
  const int code = executable(find.name);
  if (code == EISDIR || code == EACCES) throw Error("exec: \"" + find.name + "\": " + reason(code), code);
  if (code != 0) throw Error("exec: \"" + find.name + "\": stat " + find.name + ": " + reason(code), code);
  scene.program = find.name;
}

void perform(const SealDescriptors& seal, Scene& scene) {
  // One that got a number between those that the program is given; the others are closed with what is left.
  const auto done_with = [&](auto& fd) {
    if (fd.get() < static_cast<int>(seal.first))
      fd.reset();
    else
      fd.release();
  };
  for (Fd* fd : {&scene.root, &scene.proc, &scene.dev, &scene.host_proc, &scene.null_device}) done_with(*fd);
  done_with(scene.empty_directory);
  std::array<unsigned, 2> kept{~0U, ~0U};
  if (scene.parent) kept[0] = static_cast<unsigned>(scene.parent.get());
  if (seal.fifo.get() >= 0) kept[1] = static_cast<unsigned>(seal.fifo.get());
  std::sort(kept.begin(), kept.end());
  unsigned next = seal.first;
  for (const unsigned fd : kept) {
    if (fd == ~0U || fd < next) continue;
    close_between(next, fd - 1);
    next = fd + 1;
  }
  close_between(next, ~0U);
}

Arguments arguments_of(const InitPlan& plan) {
  const auto* execute = plan.steps.empty() ? nullptr : std::get_if<Execute>(&plan.steps.back().action);
  return execute ? Arguments{pointers(execute->args), pointers(execute->env)} : Arguments{};
}

void perform(const Execute& /*execute*/, Scene& scene) {
  ::prctl(PR_SET_PDEATHSIG, 0);  // it survives execve, and the program is to survive the runtime
  ::execve(scene.program.c_str(), scene.arguments.args.data(), scene.arguments.env.data());
  const int code = errno;
  throw Error("exec " + scene.program + ": " + reason(code), code);
}

}  // namespace oci::init
