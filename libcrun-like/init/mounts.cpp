// SPDX-License-Identifier: Apache-2.0
#include "init/mounts.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "init/mount_calls.hpp"
#include "init/mounts_legacy.hpp"
#include "init/perform_mounts.hpp"

namespace oci::init {
namespace {

struct SuperblockWord {
  unsigned long flag;
  const char* word;
};
/// Those that fsconfig(2) knows for every file system.
constexpr std::array superblock_words{SuperblockWord{MS_SYNCHRONOUS, "sync"}, SuperblockWord{MS_DIRSYNC, "dirsync"},
                                      SuperblockWord{MS_MANDLOCK, "mand"}, SuperblockWord{MS_LAZYTIME, "lazytime"}};

/// What the file system itself says about a failure (fsopen(2), "message retrieval"): the last line, "e tmpfs: Bad
/// value".
std::string complaint(FdRef file_system) {
  std::array<char, 512> line{};
  std::string last;
  for (;;) {
    const auto size = ::read(file_system.get(), line.data(), line.size());
    if (size <= 2) return last;
    last.assign(line.data() + 2, static_cast<std::size_t>(size) - 2);
    while (!last.empty() && last.back() == '\n') last.pop_back();
  }
}

[[noreturn]] void fail(const MountFilesystem& step, FdRef file_system, int code) {
  const std::string reason = complaint(file_system);
  throw Error::system(describe_mount_step(step) + (reason.empty() ? "" : ": " + reason), code);
}

int set(FdRef file_system, unsigned command, const char* key, const char* value, int aux = 0) noexcept {
  return ::fsconfig(file_system.get(), command, key, value, aux) < 0 ? errno : 0;
}

/// "key=value" or "key". mount(2) takes SELinux contexts in quotes, because they may hold commas; here these would be
/// part of it.
int set_parameter(FdRef file_system, const std::string& parameter) {
  const auto equals = parameter.find('=');
  if (equals == parameter.npos) return set(file_system, FSCONFIG_SET_FLAG, parameter.c_str(), nullptr);
  const std::string key = parameter.substr(0, equals);
  std::string value = parameter.substr(equals + 1);
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  if (quoted && key.ends_with("context")) value = value.substr(1, value.size() - 2);
  return set(file_system, FSCONFIG_SET_STRING, key.c_str(), value.c_str());
}

/// The step's own, or `room` with one more.
Parameters parameters_for(const MountFilesystem& step, const Place& place, std::vector<std::string>& room) {
  const auto& parameters = step.parameters;
  const bool names_mode = std::any_of(parameters.begin(), parameters.end(),
                                      [](const auto& parameter) { return parameter.starts_with("mode="); });
  if (step.type != "tmpfs" || place.made || names_mode) return parameters;
  // A tmpfs looks like the directory it covers; what we made ourselves says nothing about what was wanted.
  std::array<char, 16> mode{};
  std::snprintf(mode.data(), mode.size(), "mode=%04o", sys::fstat(place.file).st_mode & 07777U);
  room = parameters;
  room.insert(room.begin(), mode.data());
  return room;
}

Reach reach_of(const MountFilesystem& step) {
  return step.type == "proc" || step.type == "sysfs" ? Reach::real_directory : Reach::anywhere;
}

/// Masks, labels and sysctls trust that /proc and /sys are where they seem to be (CVE-2019-19921, CVE-2023-27561).
Place place_of(const MountFilesystem& step, Scene& scene) {
  const auto directory = [] { return Missing::directory; };
  const bool real = reach_of(step) == Reach::real_directory;
  try {
    return find_place(step.target, directory, reach_of(step), scene);
  } catch (const Error& error) {
    if (!real || (error.code() != ELOOP && error.code() != ENOTDIR)) throw;
    throw Error("filesystem \"" + step.type + "\" must be mounted on ordinary directory", error.code());
  }
}

/// Before Linux 6.17 only a process of the namespace can make its procfs; the runtime finds one.
MountFd foreign_proc(const MountFilesystem& step, Scene& scene) {
  if (step.pid_namespace.get() >= 0 && !scene.legacy_mounts) {
    try {
      return make_filesystem(step, step.parameters);
    } catch (const Error& error) {
      if (error.code() != EINVAL) throw;
    }
  }
  return MountFd(ask(scene, Word::procfs).fd.release());
}

void set_label(const MountFilesystem& step, FdRef mount) {
  if (step.label.empty()) return;
  const auto directory = sys::openat(mount, ".", O_RDONLY | O_DIRECTORY);
  if (::fsetxattr(directory.get(), "security.selinux", step.label.c_str(), step.label.size(), 0) < 0)
    throw Error::system("label " + step.target + " " + step.label);
}

MountFd make(const MountFilesystem& step, Parameters parameters, Scene& scene) {
  if (step.left_to_runtime)
    if (const auto sysfs = take_sysfs(scene)) return mount_filesystem(step, sysfs);
  return step.foreign_processes ? foreign_proc(step, scene) : make_filesystem(step, parameters);
}

void attach_new(const MountFilesystem& step, const Place& place, Scene& scene) {
  std::vector<std::string> room;
  auto mount = step.made_before ? take_source(scene) : make(step, parameters_for(step, place, room), scene);
  if (step.copy_up && !place.made) copy_directory(place.file, mount);
  set_label(step, mount);
  if (step.id_maps) ask(scene, Word::idmap, mount);
  const auto set_propagation = [&] {
    check(change_attributes(mount, {.propagation = step.attributes.propagation}, false), step);
  };
  // What is attached to a shared mount becomes shared, so that comes first. In a detached tree nothing is shared
  // (plan/mounts.cpp), and only the tree's root can be changed (mount_setattr(2)).
  const bool is_detached_tree = scene.detached_root != nullptr;
  if (is_detached_tree) set_propagation();
  check(attach(mount, place, scene), step);
  if (!is_detached_tree) set_propagation();
  const bool writable = (step.attributes.set & MOUNT_ATTR_RDONLY) == 0;
  if (step.target == "/dev")
    scene.dev = Fd(step.type == "tmpfs" ? mount.release() : -1);
  else if (step.target == "/proc" && writable)
    scene.proc = Fd(mount.release());
}

/// What is bound where the kernel says no to the file system: with all its flags, on everything below as well
/// (CVE-2023-25809).
void attach_stand_in(const MountFilesystem& step, const Place& place, Scene& scene) {
  if (step.id_maps) throw Error(describe_mount_step(step) + ": what stands in for it cannot be id-mapped", EPERM);
  const MountAttributes attributes{.recursive_set = step.attributes.set,
                                   .propagation = {static_cast<unsigned long>(MS_SLAVE) | MS_REC}};
  auto tree = clone_tree(working_directory, step.stand_in, AT_RECURSIVE, attributes, scene);
  if (tree.code == ENOENT) return check(attach_empty_directory(place, scene), step);
  if (tree.code != 0) throw Error::system("bind " + step.stand_in + " in place of a new " + step.type, tree.code);
  check(attach(tree.mount, place, scene), step);
}

bool refuses(int code) {
  return code == EPERM || code == EBUSY;
}

void mount_now(const MountFilesystem& step, const Place& place, Scene& scene) {
  try {
    attach_new(step, place, scene);
  } catch (const Error& error) {
    if (step.stand_in.empty() || !refuses(error.code()) || mount_api_is_denied(error.code())) throw;
    attach_stand_in(step, place, scene);
  }
}

[[noreturn]] void refuse_mount(const MountFilesystem& step) {
  throw Error(describe_mount_step(step) + ": has an option that fsconfig(2) cannot say", ENOTSUP);
}

void mount_before(const MountFilesystem& step, const Place& place, Scene& scene) {
  if (scene.remembers_mounts) refuse_mount(step);
  if (step.foreign_processes)
    throw Error(describe_mount_step(step) + ": needs fsopen(2), Linux 5.2, and move_mount(2)", ENOSYS);
  if (step.id_maps) throw Error(describe_mount_step(step) + ": needs fsmount(2) and mount_setattr(2)", ENOSYS);
  std::vector<std::string> room;
  const auto parameters = parameters_for(step, place, room);
  if (step.copy_up) throw Error(describe_mount_step(step) + ": tmpcopyup needs fsopen(2), Linux 5.2", ENOSYS);
  int code = legacy::mount_filesystem(step, parameters, place, scene);
  if (refuses(code) && !step.stand_in.empty()) {
    const auto source = sys::openat(working_directory, step.stand_in, O_PATH);
    code = legacy::bind(source, place, true, scene);
    if (code == 0) code = legacy::change(step.target, {.set = step.attributes.set}, scene);
  }
  check(code, step);
  if (!step.attributes.propagation.empty())
    check(legacy::change(step.target, {.propagation = step.attributes.propagation}, scene), step);
  if (step.target == "/dev" && step.type == "tmpfs")
    scene.dev = open_in_root(scene.root, "/dev", O_PATH, Links::follow);
}

}  // namespace

Fd open_filesystem(const MountFilesystem& step) {
  Fd context(::fsopen(step.type.c_str(), FSOPEN_CLOEXEC));
  if (!context) throw Error::system(describe_mount_step(step));
  return context;
}

void create_filesystem(const MountFilesystem& step, FdRef context, Parameters parameters) {
  if (!step.source.empty())
    if (const int code = set(context, FSCONFIG_SET_STRING, "source", step.source.c_str()); code != 0)
      fail(step, context, code);
  for (const auto& [flag, word] : superblock_words)
    if ((step.attributes.superblock & flag) != 0)
      if (const int code = set(context, FSCONFIG_SET_FLAG, word, nullptr); code != 0) fail(step, context, code);
  for (const auto& parameter : parameters)
    if (const int code = set_parameter(context, parameter); code != 0) fail(step, context, code);
  if (const int code = set(context, FSCONFIG_CMD_CREATE, nullptr, nullptr); code != 0) fail(step, context, code);
}

MountFd mount_filesystem(const MountFilesystem& step, FdRef context) {
  MountFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(step.attributes.set)));
  if (!mount) fail(step, context, errno);
  return mount;
}

MountFd make_filesystem(const MountFilesystem& step, Parameters parameters) {
  const auto context = open_filesystem(step);
  if (step.pid_namespace.get() >= 0)
    if (const int code = set(context, FSCONFIG_SET_FD, "pidns", nullptr, step.pid_namespace.get()); code != 0)
      fail(step, context, code);
  create_filesystem(step, context, parameters);
  return mount_filesystem(step, context);
}

void perform(const MountFilesystem& step, Scene& scene) {
  const Place place = place_of(step, scene);
  if (!step.copy_up && legacy::needs_mount(step, step.parameters)) return mount_before(step, place, scene);
  with_mount_api(
      scene, [&] { mount_now(step, place, scene); }, [&] { mount_before(step, place, scene); });
}

void perform(const MakeFilesystem& step, Scene& scene) {
  if (legacy::needs_mount(step.mount, step.mount.parameters)) refuse_mount(step.mount);
  scene.sources.push_back(make(step.mount, step.mount.parameters, scene));
}

void perform(const ChangeMount& step, Scene& scene) {
  with_mount_api(
      scene,
      [&] { check(change_attributes(open_in_root(scene.root, step.target, O_PATH), step.attributes, true), step); },
      [&] { check(legacy::change(step.target, step.attributes, scene), step); });
}

}  // namespace oci::init
