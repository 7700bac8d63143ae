// SPDX-License-Identifier: Apache-2.0
// What is said to CRIU and what it answers (criu.org/RPC, rpc.proto): protocol buffers, by hand, for exactly the
// messages this runtime uses. Pure.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oci::criu {

/// criu_req_type.
enum class Kind : std::uint32_t {
  empty = 0,
  dump = 1,
  restore = 2,
  pre_dump = 4,
  notify = 6,
  feature_check = 9,
  version = 10
};

/// criu_cg_mode: what becomes of cgroups.
enum class CgroupMode : std::uint32_t { ignore = 0, soft = 3, full = 4, strict = 5 };

/// criu_network_lock_method; `unset` leaves the choice to CRIU.
enum class NetworkLock : std::uint32_t { unset = 0, iptables = 1, nftables = 2, skip = 3 };

/// A descriptor of CRIU's own that takes the place of what the checkpointed process had open.
struct InheritedFd {
  std::string key;  ///< "pipe:[1234]", or the name of an external namespace
  int fd = -1;
};

/// A namespace that restored processes join.
struct JoinedNamespace {
  std::string name;  ///< "ipc"
  std::string path;
};

struct CgroupRoot {
  std::string controller;  ///< as in /proc/PID/cgroup; empty: cgroup2
  std::string path;
};

/// criu_opts. A member at its default is not sent, so that CRIU's own configuration files have their say.
struct Options {
  int images_fd = -1;  ///< of the asking process, like work_fd: CRIU opens /proc/PID/fd/N
  int work_fd = -1;
  pid_t pid = 0;  ///< of the process to be dumped
  std::string log_file;
  std::string root;
  std::string parent_images;
  std::string config_file;
  std::string freeze_cgroup;
  std::string lsm_profile;
  std::string lsm_mount_context;
  std::string page_server;  ///< address; empty: none
  std::uint16_t page_server_port = 0;
  bool leave_running = false;
  bool external_sockets = false;
  bool tcp_established = false;
  bool tcp_skip_in_flight = false;
  bool tcp_close = false;
  bool shell_job = false;
  bool file_locks = false;
  bool track_memory = false;
  bool auto_dedup = false;
  bool link_remap = false;
  bool lazy_pages = false;
  bool restore_as_sibling = false;  ///< the restored process becomes a child of CRIU's parent
  bool evasive_devices = false;     ///< a device that is not at its path any more is looked for by its number
  CgroupMode cgroup_mode = CgroupMode::soft;
  NetworkLock network_lock = NetworkLock::unset;
  std::uint32_t empty_namespaces = 0;  ///< CLONE_NEW…: made, but what is in them is neither dumped nor restored
  std::vector<std::string> external;   ///< "mnt[/data]:/srv/data", "net[4026531840]:name"
  std::vector<InheritedFd> inherited;
  std::vector<JoinedNamespace> joined;
  std::vector<CgroupRoot> cgroup_roots;
};

struct Features {
  bool memory_tracking = false;
  bool lazy_pages = false;
};

/// criu_req.
struct Request {
  Kind kind = Kind::empty;
  std::optional<Options> options{};
  std::optional<bool> notify_success{};
  bool keep_open = false;  ///< another request follows
  std::optional<Features> features{};
};

std::string encode(const Request& request);

/// criu_resp.
struct Response {
  Kind kind = Kind::empty;
  bool success = false;
  pid_t pid = 0;       ///< of the restored process, or the one a notification is about; 0: not said
  std::string script;  ///< the notification's name
  int code = 0;        ///< errno
  std::string problem;
  Features features;
  unsigned version = 0;  ///< 31701 for 3.17.1; what was built between two releases counts as the later one
};

/// Members that are not known are skipped. @throws Error for what is no such message
Response decode_response(std::string_view message);

}  // namespace oci::criu
