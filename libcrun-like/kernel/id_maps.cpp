// SPDX-License-Identifier: Apache-2.0
#include "kernel/id_maps.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "base/channel.hpp"
#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "kernel/id_map_helper.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

std::vector<IdMapping> parse_lines(const std::string& text) {
  std::vector<IdMapping> mappings;
  const char* at = text.c_str();
  for (;;) {
    char* end = nullptr;
    const auto container_id = std::strtoul(at, &end, 10);
    if (end == at) return mappings;
    const auto host_id = std::strtoul(end, &end, 10);
    const auto size = std::strtoul(end, &end, 10);
    mappings.push_back({static_cast<std::uint32_t>(container_id), static_cast<std::uint32_t>(host_id),
                        static_cast<std::uint32_t>(size)});
    at = end;
  }
}

/// A process that does nothing but to live in a user namespace, new or existing, until this object goes. It has one
/// descriptor, the channel on which it sees that, and nobody in an existing one can seize it: there it is undumpable.
class Inhabitant {
 public:
  /// Of a new one; namespace_fd() is it.
  Inhabitant() { start(CLONE_NEWUSER, FdRef(-1)); }
  explicit Inhabitant(FdRef user_namespace) { start(0, user_namespace); }
  Inhabitant(const Inhabitant&) = delete;
  Inhabitant& operator=(const Inhabitant&) = delete;
  ~Inhabitant() { end(); }

  pid_t pid() const noexcept { return pid_; }
  Fd take_namespace() noexcept { return std::move(namespace_); }

 private:
  void end() noexcept {
    channel_.reset();
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
  }

  void start(int flags, FdRef joined) {
    auto [ours, theirs] = make_channel();
    // Raw: what fork(3) would run for libraries has no place in a process that only waits.
    const auto pid = ::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (pid < 0) throw Error::system(flags != 0 ? "clone(CLONE_NEWUSER)" : "clone");
    if (pid == 0) live(theirs, joined);
    pid_ = static_cast<pid_t>(pid);
    channel_ = std::move(ours);
    theirs.reset();
    auto message = receive(channel_);
    if (message && message->word == Word::go) {
      namespace_ = std::move(message->fd);
      return;
    }
    end();
    throw message ? Error(message->text, message->code) : Error("the process that holds a user namespace has died");
  }

  [[noreturn]] static void live(FdRef channel, FdRef joined) noexcept {
    try {
      // An ordinary user's runtime is not undumpable itself (container/entry.cpp).
      if (joined.get() >= 0 && ::geteuid() != 0) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
      if (joined.get() >= 0 && ::setns(joined.get(), CLONE_NEWUSER) < 0)
        throw Error::system("setns to the user namespace");
      // Its own namespace any process may open; another one's takes CAP_SYS_PTRACE, which the runtime may not have.
      send(channel, {Word::go, 0, 0, {}, {}}, sys::openat(working_directory, "/proc/self/ns/user", O_RDONLY));
    } catch (const Error& error) {
      send(channel, {Word::failure, 0, error.code(), error.what(), {}});
    }
    static constexpr int only = 0;
    ::dup2(channel.get(), only);
    sys::close_from(only + 1);
    char nothing = 0;
    while (::read(only, &nothing, 1) < 0 && errno == EINTR) continue;
    ::_exit(0);
  }

  pid_t pid_ = -1;
  Fd channel_;
  Fd namespace_;
};

bool is_own(FdRef user_namespace) {
  const auto own = sys::try_fstatat(working_directory, "/proc/self/ns/user", 0);
  return own && sys::is_same_file(*own, sys::fstat(user_namespace));
}

IdMaps maps_in(const std::string& directory) {
  return {.uids = parse_lines(read_file(working_directory, directory + "/uid_map")),
          .gids = parse_lines(read_file(working_directory, directory + "/gid_map"))};
}

}  // namespace

const IdMapping* mapping_of(const std::vector<IdMapping>& mappings, std::uint64_t id) noexcept {
  for (const auto& mapping : mappings)
    if (id >= mapping.container_id && id - mapping.container_id < mapping.size) return &mapping;
  return nullptr;
}

std::string id_map_text(const std::vector<IdMapping>& mappings) {
  std::string text;
  for (const auto& mapping : mappings)
    text += std::to_string(mapping.container_id) + " " + std::to_string(mapping.host_id) + " " +
            std::to_string(mapping.size) + "\n";
  return text;
}

void write_id_maps(pid_t pid, const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids) {
  if (::geteuid() != 0) return write_id_maps_unprivileged(pid, uids, gids);
  const auto directory = "/proc/" + std::to_string(pid);
  at_path([] { return "uidMappings"; },
          [&] { write_file(working_directory, directory + "/uid_map", id_map_text(uids)); });
  at_path([] { return "gidMappings"; },
          [&] { write_file(working_directory, directory + "/gid_map", id_map_text(gids)); });
}

Fd make_user_namespace(const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids) {
  Inhabitant inhabitant;
  write_id_maps(inhabitant.pid(), uids, gids);
  return inhabitant.take_namespace();
}

IdMaps container_id_maps(const Linux& linux) {
  const auto* user = linux.find(NamespaceType::user);
  if (!user) return {};
  if (user->path.empty()) return {.uids = linux.uid_mappings, .gids = linux.gid_mappings};
  return in_context([&] { return "id maps of " + user->path; },
                    [&] { return read_id_maps(sys::openat(working_directory, user->path, O_RDONLY)); });
}

IdMaps read_id_maps(FdRef user_namespace) {
  // setns(2): "It is not permitted to use setns() to reenter the caller's current user namespace."
  if (is_own(user_namespace)) return maps_in("/proc/self");
  const Inhabitant inhabitant(user_namespace);
  return maps_in("/proc/" + std::to_string(inhabitant.pid()));
}

}  // namespace oci
