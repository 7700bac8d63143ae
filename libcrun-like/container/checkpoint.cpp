// SPDX-License-Identifier: Apache-2.0
// A running container into files (CRIU), from which `restore` makes it again.
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <charconv>

#include "base/files.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "container/criu_options.hpp"
#include "container/external_mounts.hpp"
#include "container/presence.hpp"
#include "container/record.hpp"
#include "kernel/cgroup.hpp"
#include "oci/container.hpp"
#include "spec/check.hpp"
#include "spec/names.hpp"

namespace oci {
namespace {

constexpr mode_t private_file = 0600;

struct PageServer {
  std::string address;
  std::uint16_t port = 0;
};

/// "127.0.0.1:27277", "[::1]:27277".
PageServer page_server(const std::string& text) {
  if (text.empty()) return {};
  const auto colon = text.rfind(':');
  PageServer server{.address = text.substr(0, colon)};
  if (server.address.size() > 2 && server.address.front() == '[' && server.address.back() == ']')
    server.address = server.address.substr(1, server.address.size() - 2);
  if (colon == text.npos || server.address.empty() || colon + 1 == text.size())
    throw Error("Use --page-server ADDRESS:PORT to specify page server");
  const auto* end = text.data() + text.size();
  const auto [stopped, code] = std::from_chars(text.data() + colon + 1, end, server.port);
  if (code != std::errc{} || stopped != end || server.port == 0) throw Error("Invalid port number");
  return server;
}

/// The caller's pipe, which is told when lazy pages can be fetched. Ours from here on.
Fd status_pipe(const CheckpointOptions& options) {
  if (!options.status_fd) return {};
  const int number = *options.status_fd;
  const auto name = "invalid --status-fd argument " + std::to_string(number);
  // What this process has opened itself is close-on-exec, which nothing that a caller hands on can be.
  const int own = ::fcntl(number, F_GETFD);
  if (own < 0 || (own & FD_CLOEXEC) != 0) throw Error::system(name, EBADF);
  const int flags = ::fcntl(number, F_GETFL);
  if ((flags & O_ACCMODE) == O_RDONLY) throw Error(name + ": not writable", EBADF);
  if (number <= STDERR_FILENO) return sys::duplicate(FdRef(number));
  return Fd(number);
}

/// What the first process has for standard streams, by names that the kernel gives: restore connects pipes by them.
std::string descriptors_json(pid_t pid) {
  json::Writer out;
  out.open_array();
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    const auto path = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(stream);
    std::array<char, 4096> target{};
    const auto size = ::readlink(path.c_str(), target.data(), target.size());
    // Everything else is in CRIU's own images.
    const std::string_view name(target.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    out.string(name.starts_with("pipe:[") ? name : std::string_view());
  }
  return out.close_array().text();
}

class Checkpoint {
 public:
  Checkpoint(const StateDirectory& state, const Record& record, const CheckpointOptions& options)
      : record_(record),
        options_(options),
        directories_(open_criu_directories(options.criu, true, "dump.log")),
        status_pipe_(status_pipe(options)) {
    spec_ = remembered_spec(state);
  }

  void dump() {
    sys::cloexec_from(STDERR_FILENO + 1);
    const criu::Request request{.kind = options_.pre_dump ? criu::Kind::pre_dump : criu::Kind::dump,
                                .options = request_options()};
    criu::Session session;
    session.version();
    require_features(session);
    perform_logged(session, request, directories_,
                   [&](const criu::Response& notification, const Fd&) { notice(notification); });
  }

 private:
  void require_features(criu::Session& session) const {
    const bool tracks = options_.pre_dump || !options_.criu.parent_path.empty();
    const bool lazy = options_.criu.lazy_pages;
    if (!tracks && !lazy) return;
    const auto features = session.features({.memory_tracking = tracks, .lazy_pages = lazy});
    const bool lacks_tracking = tracks && !features.memory_tracking;
    const bool lacks_lazy = lazy && !features.lazy_pages;
    if (!lacks_tracking && !lacks_lazy) return;
    throw Error(std::string("criu is missing features:") + (lacks_tracking ? " MemTrack" : "") +
                (lacks_lazy ? " LazyPages" : ""));
  }

  criu::Options request_options() const {
    auto out = criu_options(options_.criu, directories_, record_.annotations);
    const auto server = page_server(options_.page_server);
    out.pid = record_.pid;
    out.root = record_.rootfs;
    out.page_server = server.address;
    out.page_server_port = server.port;
    out.leave_running = options_.leave_running;
    out.tcp_skip_in_flight = options_.tcp_skip_in_flight;
    out.link_remap = options_.link_remap;
    out.parent_images = options_.criu.parent_path;
    out.track_memory = options_.pre_dump || !options_.criu.parent_path.empty();
    // CRIU expects cgroup v1's freezer where cgroup2 is not the only one, and stops processes one by one without any;
    // those that cgroup2 has frozen would never answer it.
    if (!CgroupHost::probe().hybrid) out.freeze_cgroup = record_.cgroup;
    if (options_.pre_dump) return out;
    out.external = mounts_left_out(spec_, record_.bundle, record_.pid);
    for (const auto& shared : spec_.linux.namespaces) leave_out(shared, out.external);
    replace_file(directories_.images, "descriptors.json", descriptors_json(record_.pid), private_file);
    return out;
  }

  /// A namespace that somebody else has made is there when the container is restored.
  void leave_out(const Namespace& shared, std::vector<std::string>& external) const {
    if (shared.path.empty() || !stays_outside(shared.type)) return;
    const auto& name = name_of(shared.type);
    const auto path = "/proc/" + std::to_string(record_.pid) + "/ns/" + std::string(name.proc_name);
    const auto inode = sys::fstat(sys::openat(working_directory, path, O_PATH)).st_ino;
    external.push_back(std::string(name.proc_name) + "[" + std::to_string(inode) +
                       "]:" + external_namespace_key(shared.type));
  }

  void notice(const criu::Response& notification) {
    if (notification.script != "status-ready" || !status_pipe_) return;
    static constexpr std::string_view ready("\0", 1);
    write_all(status_pipe_, ready, "--status-fd");
    status_pipe_.reset();
  }

  const Record& record_;
  const CheckpointOptions& options_;
  CriuDirectories directories_;
  Fd status_pipe_;
  Spec spec_;
};

}  // namespace

void Container::checkpoint(const CheckpointOptions& options) const {
  require_root("checkpoint");
  auto directory = StateDirectory::open(store_, id_);
  directory.lock();
  const auto record = existing(directory);
  const auto status = status_of(directory, record);
  if (status != Status::running && status != Status::paused)
    throw Error(std::string("Container cannot be checkpointed in ") + to_string(status) + " state");
  if (status == Status::paused && CgroupHost::probe().hybrid)
    throw Error("a paused container cannot be checkpointed where cgroup v1 has controllers: resume it first", ENOTSUP);
  Checkpoint(directory, record, options).dump();
  if (options.leave_running || options.pre_dump) return;
  remove_container(directory, record, true);
}

}  // namespace oci
