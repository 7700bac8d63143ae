// SPDX-License-Identifier: Apache-2.0
#include "container/criu_options.hpp"

#include <sched.h>
#include <sys/stat.h>

#include <array>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"

namespace oci {
namespace {

constexpr mode_t private_directory = 0700;

void make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), private_directory) < 0 && errno != EEXIST) throw Error::system("mkdir " + path);
}

void make_directories(const std::string& path) {
  for (auto end = path.find('/', 1); end != path.npos; end = path.find('/', end + 1))
    make_directory(path.substr(0, end));
  make_directory(path);
}

void check_parent_path(const CriuOptions& options, FdRef images) {
  const auto& parent = options.parent_path;
  if (parent.empty()) return;
  if (parent.front() == '/') throw Error("--parent-path must be relative");
  in_context([] { return "invalid --parent-path"; }, [&] { sys::openat(images, parent, O_PATH | O_DIRECTORY); });
}

criu::CgroupMode cgroup_mode(const std::string& word) {
  if (word.empty() || word == "soft") return criu::CgroupMode::soft;
  if (word == "full") return criu::CgroupMode::full;
  if (word == "strict") return criu::CgroupMode::strict;
  if (word == "ignore") return criu::CgroupMode::ignore;
  throw Error("invalid manage-cgroups-mode value \"" + word + "\": expected soft, full, strict or ignore");
}

criu::NetworkLock network_lock(const std::string& word) {
  if (word.empty()) return criu::NetworkLock::unset;
  if (word == "iptables") return criu::NetworkLock::iptables;
  if (word == "nftables") return criu::NetworkLock::nftables;
  if (word == "skip") return criu::NetworkLock::skip;
  throw Error("invalid network-lock value \"" + word + "\": expected iptables, nftables or skip");
}

/// A configuration file has the last word over what is asked for here. The administrator's is found by name; a
/// container's own is named by an annotation, and an empty one means none. CRIU passes over one that does not exist.
std::string configuration_file(const std::map<std::string, std::string>& annotations) {
  if (const auto own = annotations.find("org.criu.config"); own != annotations.end()) return own->second;
  static constexpr std::array names{"/etc/criu/runtime.conf", "/etc/criu/crun.conf", "/etc/criu/runc.conf"};
  for (const auto* name : names)
    if (::access(name, F_OK) == 0) return name;
  return {};
}

std::string what_the_log_says(const std::string& file) {
  const auto opened = sys::try_openat(working_directory, file, flags_of_regular | O_NOFOLLOW);
  return opened && S_ISREG(sys::fstat(opened.fd).st_mode) ? criu::first_errors(opened.fd) : std::string();
}

}  // namespace

CriuDirectories open_criu_directories(const CriuOptions& options, bool make, const std::string& log_name) {
  const auto images = options.image_path.empty() ? absolute_path("checkpoint") : options.image_path;
  if (make) make_directories(images);
  CriuDirectories directories{.images = sys::openat(working_directory, images, O_RDONLY | O_DIRECTORY),
                              .work = Fd(),
                              .log_file = images + "/" + log_name};
  check_parent_path(options, directories.images);
  if (options.work_path.empty()) return directories;
  make_directories(options.work_path);
  directories.work = sys::openat(working_directory, options.work_path, O_RDONLY | O_DIRECTORY);
  directories.log_file = options.work_path + "/" + log_name;
  return directories;
}

criu::Options criu_options(const CriuOptions& options, const CriuDirectories& directories,
                           const std::map<std::string, std::string>& annotations) {
  for (const auto& name : options.empty_namespaces)
    if (name != "network") throw Error("namespace \"" + name + "\" is not supported");
  criu::Options out;
  out.images_fd = directories.images.get();
  out.work_fd = directories.work.get();
  out.log_file = directories.log_file.substr(directories.log_file.rfind('/') + 1);
  out.config_file = configuration_file(annotations);
  out.external_sockets = options.external_sockets;
  out.tcp_established = options.tcp_established;
  out.shell_job = options.shell_job;
  out.file_locks = options.file_locks;
  out.auto_dedup = options.auto_dedup;
  out.lazy_pages = options.lazy_pages;
  out.cgroup_mode = cgroup_mode(options.manage_cgroups_mode);
  out.network_lock = network_lock(options.network_lock);
  // Devices and addresses of a network namespace are the engine's: it sets them up again.
  out.empty_namespaces = CLONE_NEWNET;
  return out;
}

criu::Response perform_logged(criu::Session& session, const criu::Request& request, const CriuDirectories& directories,
                              const criu::Notified& notified) {
  bool being_notified = false;  // and still so when that has thrown
  try {
    return session.perform(request, [&](const criu::Response& notification, Fd attached) {
      being_notified = true;
      notified(notification, std::move(attached));
      being_notified = false;
    });
  } catch (const Error& error) {
    if (being_notified) throw;
    const auto found = what_the_log_says(directories.log_file);
    throw Error("criu failed: " + (found.empty() ? std::string(error.what()) : found) + "; see " + directories.log_file,
                error.code());
  }
}

bool stays_outside(NamespaceType type) noexcept {
  return type == NamespaceType::network || type == NamespaceType::pid;
}

std::string external_namespace_key(NamespaceType type) {
  return type == NamespaceType::network ? "extRootNetNS" : "extRootPidNS";
}

void require_root(std::string_view command) {
  if (::geteuid() != 0) throw Error(std::string(command) + " needs root: without privileges is not implemented", EPERM);
}

}  // namespace oci
