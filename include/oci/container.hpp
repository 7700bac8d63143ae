// SPDX-License-Identifier: Apache-2.0
// The life of a container (runtime-spec, runtime.md): create, start, kill, delete, and what can be done in between.
//
// What makes a process (create, run, exec, restore) moves the texts of `environ` out of the process's sight and wipes
// the ones it found: pointers from an earlier getenv(3) are then to empty texts, and no other thread may use the
// environment meanwhile. Texts that putenv(3) was given must be writable.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/error.hpp"
#include "oci/spec.hpp"
#include "oci/statistics.hpp"
#include "oci/store.hpp"

namespace oci {

/// runtime.md, "State".
enum class Status : std::uint8_t { creating, created, running, paused, stopped, unknown };
const char* to_string(Status status) noexcept;

/// What is known of a container at one moment.
struct State {
  std::string id;
  Status status = Status::unknown;
  pid_t pid = 0;  ///< of the first process, in the caller's pid namespace; 0 when stopped
  std::string bundle;
  std::string rootfs;   ///< absolute
  std::string created;  ///< RFC 3339, UTC, nanoseconds
  std::map<std::string, std::string> annotations;
  uid_t owner = 0;      ///< of the state directory
  std::string problem;  ///< why the status is unknown
};

enum class CgroupDriver : std::uint8_t {
  cgroupfs,  ///< the runtime makes the cgroup itself
  systemd,   ///< systemd makes a scope
  disabled,  ///< the container stays in the caller's cgroup
};

/// How the container's standard streams are connected when its process wants a terminal.
enum class Attachment : std::uint8_t {
  foreground,  ///< the caller stays: signals are forwarded, the terminal is copied, the exit status returned
  detached,    ///< the caller leaves; a terminal goes to `console_socket`
};

/// What a caller may ask for whenever a process enters a container.
struct EntryOptions {
  std::string console_socket;  ///< unix stream socket that receives the terminal's master
  std::string pidfd_socket;    ///< unix stream socket that receives a pidfd of the process
  std::string pid_file;        ///< absolute; written once the process stands
  unsigned preserve_fds = 0;   ///< how many descriptors from 3 on the process keeps
  Attachment attachment = Attachment::detached;
  /// Called with the exit status when create, run or exec (not restore) has done all it is for, before it takes apart
  /// what it used. A caller that ends the process in it spares that, and with it the copies of the pages that are still
  /// shared with the container's process (fork(2)). It may also return. Where it is set, exec wipes this process's
  /// environment, whatever becomes of it.
  void (*on_success)(int status) = nullptr;
};

struct CreateOptions : EntryOptions {
  std::string bundle;       ///< absolute
  std::string config_file;  ///< absolute; empty: config.json in the bundle
  CgroupDriver cgroup_driver = CgroupDriver::cgroupfs;
  bool no_pivot = false;        ///< MS_MOVE and chroot instead of pivot_root (initramfs)
  bool no_new_keyring = false;  ///< keep the caller's session keyring
};

struct RunOptions : CreateOptions {
  bool keep = false;          ///< do not delete the container when its process has ended
  bool no_subreaper = false;  ///< leave orphans to the caller
};

/// What checkpoint and restore have in common: where CRIU's images are, and what it is allowed to find.
struct CriuOptions {
  std::string image_path;                     ///< absolute directory; checkpoint makes it
  std::string work_path;                      ///< absolute; logs and statistics; empty: image_path
  std::string parent_path;                    ///< of an earlier pre-dump, relative to image_path
  std::string manage_cgroups_mode;            ///< soft (also when empty), full, strict, ignore
  std::string network_lock;                   ///< iptables, nftables, skip; empty: CRIU's choice
  std::vector<std::string> empty_namespaces;  ///< only "network", which is never restored anyway
  bool tcp_established = false;
  bool external_sockets = false;
  bool shell_job = false;
  bool file_locks = false;
  bool auto_dedup = false;
  bool lazy_pages = false;
};

struct CheckpointOptions {
  CriuOptions criu;
  bool leave_running = false;
  bool pre_dump = false;  ///< memory only; the container goes on
  bool tcp_skip_in_flight = false;
  bool link_remap = false;
  std::string page_server;       ///< ADDRESS:PORT
  std::optional<int> status_fd;  ///< gets a zero byte when the lazy pages can be fetched
};

struct RestoreOptions {
  RunOptions run;
  CriuOptions criu;
  bool tcp_close = false;
  std::string lsm_profile;  ///< "apparmor:NAME" or "selinux:LABEL"
  std::string lsm_mount_context;
};

/// Another user than the configured one; without a gid the configured one stays.
struct UserChange {
  std::uint32_t uid = 0;
  std::optional<std::uint32_t> gid;
};

/// Changes to the container's configured process, or a process.json instead of it.
struct ExecOptions : EntryOptions {
  std::string process_file;  ///< absolute; everything below is then ignored
  std::vector<std::string> args;
  std::string cwd;               ///< empty: the configured one
  std::vector<std::string> env;  ///< added to the configured ones
  bool terminal = false;
  std::optional<UserChange> user;
  std::vector<std::uint32_t> additional_gids;
  std::vector<std::string> capabilities;  ///< added to bounding, effective and permitted
  std::string selinux_label;
  std::string apparmor_profile;
  std::optional<bool> no_new_privileges;
  std::string cgroup;  ///< below the container's own
  bool ignore_paused = false;
};

/// What Container::watch() reports.
struct Watcher {
  std::function<void()> on_oom;  ///< the kernel's OOM killer has ended a process of the container
  std::function<void(const Statistics&)> on_statistics;
};

/// Ids become names of directories and cgroups, so little is allowed. Everything below that takes one checks it.
/// @throws Error unless `id` is made of [A-Za-z0-9_+.-], is neither "." nor "..", and fits a file name (NAME_MAX).
void check_id(std::string_view id);
bool is_id_character(char c) noexcept;

/// A container that a Store remembers. Holds nothing but its name: every call reads the state anew.
/// Every member throws Error; the texts that engines match are listed in docs/errors.md.
class Container {
 public:
  /// Makes everything that config.json describes, up to the point where the process waits for start().
  /// A failure leaves nothing behind.
  static Container create(const Store& store, const std::string& id, const CreateOptions& options);

  /// @throws Error "container does not exist"
  static Container open(const Store& store, const std::string& id);

  const std::string& id() const noexcept { return id_; }
  State state() const;

  /// Lets the waiting process execute its program.
  void start() const;
  /// Signals the first process, or with `all` every process of the container's cgroup.
  void kill(int signal, bool all = false) const;
  void pause() const;
  void resume() const;
  /// Host pids of every process in the container's cgroup and below.
  std::vector<pid_t> processes() const;
  /// Changes limits of a container that lives, paused or not: what `change` leaves out stays as it is. Device rules, if
  /// there are any, take the place of the ones before, without a moment between the two. After a failure everything is
  /// as it was. @throws Error "container not running"
  void update(const Resources& change, const IntelRdt& rdt = {}) const;
  /// Mounts of config.json's kind for a container that lives, paused or not, in their order; after a failure none of
  /// them is there. Nothing remembers them. @throws Error "container not running"
  void add_mounts(const std::vector<Mount>& mounts) const;
  /// Unmounts their destinations, the deepest first, else the last one, and looks at nothing else of them. @throws
  /// Error, with nothing unmounted, when one of them is no mount point
  void remove_mounts(const std::vector<Mount>& mounts) const;
  /// What it has used so far. @throws Error "container with id ID is not running"
  Statistics statistics() const;
  /// Reports statistics every `interval`, which is positive, and OOM kills as they happen, until the container has
  /// ended. @throws Error as statistics(), and whatever the watcher throws
  void watch(std::chrono::nanoseconds interval, const Watcher& watcher) const;
  /// Runs another process in it. Returns its exit status, or 0 at once when detached.
  int exec(const ExecOptions& options) const;
  /// Writes the container's processes into images (CRIU), and deletes it unless it is to go on.
  void checkpoint(const CheckpointOptions& options) const;
  /// Deletes a stopped container; a created one is killed first. With `force`, any, also one that is not there.
  void remove(bool force = false) const;

 private:
  Container(Store store, std::string id) : store_(std::move(store)), id_(std::move(id)) {}
  Store store_;
  std::string id_;
};

/// create, start, stay until the process ends unless detached, delete. Returns the exit status: 0-255, 128+n for signal
/// n.
int run(const Store& store, const std::string& id, const RunOptions& options);

/// Makes the container `id` out of the images of a checkpoint, running, and stays as run() does.
int restore(const Store& store, const std::string& id, const RestoreOptions& options);

/// Every container of the store, by id. A damaged entry has Status::unknown and says why.
std::vector<State> list(const Store& store);

/// Removes what is left of a container whose state cannot be read, or does nothing when there is none (`delete
/// --force`).
void remove_remains(const Store& store, const std::string& id);

}  // namespace oci
