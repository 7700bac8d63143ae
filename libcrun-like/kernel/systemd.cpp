// SPDX-License-Identifier: Apache-2.0
#include "kernel/systemd.hpp"

#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "oci/error.hpp"
#include "systemd_place.hpp"

namespace oci {
namespace {

constexpr std::int64_t patience_s = 30;
/// More than the helper has, which can say what it was waiting for.
constexpr std::int64_t last_patience_s = patience_s + 2;

constexpr const char* program_name = "runtime-systemd";

/// The directory of the executable, with a slash; empty when it cannot be told. /proc/self/exe may be a file in a mount
/// of its own (src/sealed_exe.hpp), so this is what execve was called with, or, for a sealed copy, its caller was.
std::string own_directory() {
  // getauxval(3) has an address as a number. NOLINTNEXTLINE(performance-no-int-to-ptr)
  const auto* const executed = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  for (const char* name : {executed, static_cast<const char*>(program_invocation_name)}) {
    if (!name || !std::strchr(name, '/') || std::string_view(name).starts_with("/dev/fd/")) continue;
    std::array<char, PATH_MAX> path{};
    if (::realpath(name, path.data())) return {path.data(), std::strrchr(path.data(), '/') + 1};
  }
  return {};
}

/// Beside the executable in the tree that it was built in, otherwise where it was installed; never by $PATH.
std::string helper_path() {
  std::string installed = systemd_helper;
  auto beside = own_directory() + program_name;
  if (beside.front() == '/' && ::access(beside.c_str(), X_OK) == 0) return beside;
  if (::access(installed.c_str(), X_OK) == 0) return installed;
  throw Error("the systemd cgroup driver needs the program " + installed +
                  ", which is part of this runtime's package and is not there; install it, or use --cgroup-manager "
                  "cgroupfs",
              ENOENT);
}

Command helper_for(SystemdVerb verb, const SystemdUnit& unit, SystemdProperties properties) {
  const SystemdRequest request{verb, unit.bus, unit.name, patience_s, std::move(properties)};
  return {.path = helper_path(),
          .env = std::vector<std::string>{},  // which bus it talks to was decided here
          .input = encode(request),
          .timeout_s = last_patience_s,
          .noun = program_name};
}

/// A user's manager is there only while he is logged in, unless he lingers.
std::string advice(const SystemdUnit& unit) {
  if (unit.bus.empty()) return {};
  return "; this user's systemd was asked at " + unit.bus +
         ": log in as this user, or let his manager run without (loginctl enable-linger), and see that it has the "
         "controllers (systemctl show user@UID.service -p DelegateControllers)";
}

/// The text behind "ok". @throws Error with the text behind "error"
std::string answer_of(Dialogue& helper, const SystemdUnit& unit) {
  const auto refuse = [&](const std::string& why, int code) {
    throw Error("systemd unit " + unit.name + ": " + why + advice(unit), code);
  };
  try {
    while (const auto line = helper.next_line()) {
      const auto blank = std::min(line->find(' '), line->size());
      const auto verb = std::string_view(*line).substr(0, blank);
      auto text = std::string_view(*line).substr(std::min(blank + 1, line->size()));
      if (verb == "ok") return unescape_field(text);
      if (verb == "note") log::warning("systemd unit " + unit.name + ": " + unescape_field(text));
      if (verb != "error") continue;
      int code = 0;
      const auto* const end = std::from_chars(text.data(), text.data() + text.size(), code).ptr;
      text.remove_prefix(std::min(static_cast<std::size_t>(end - text.data()) + 1, text.size()));
      refuse(unescape_field(text), code);
    }
  } catch (const Error& error) {
    if (error.code() != ETIMEDOUT || std::string_view(error.what()) != "timed out") throw;
    refuse(std::string(program_name) + " did not answer within " + std::to_string(last_patience_s) + " s", ETIMEDOUT);
  }
  refuse(std::string(program_name) + " ended without an answer", EPROTO);
  return {};
}

void ask(SystemdVerb verb, const SystemdUnit& unit, SystemdProperties properties) {
  Dialogue helper(helper_for(verb, unit, std::move(properties)));
  answer_of(helper, unit);
}

/// D-Bus specification, "Server Addresses": anything else is written as % and two digits.
std::string escaped_address(std::string_view path) {
  static constexpr std::string_view plain = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz/.\\_*";
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (plain.find(c) != std::string_view::npos)
      text += c;
    else
      text.append("%").append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
  }
  return text;
}

}  // namespace

bool has_systemd_driver() noexcept {
  return *systemd_helper != '\0';
}

std::string to_text(const SystemdUnit& unit) {
  return unit.empty() ? std::string() : unit.name + " " + unit.bus;
}

SystemdUnit unit_from_text(std::string_view text) {
  const auto blank = std::min(text.find(' '), text.size());
  return {std::string(text.substr(0, blank)), std::string(text.substr(std::min(blank + 1, text.size())))};
}

std::string user_bus(const char* session_bus_address, const char* runtime_directory) {
  if (session_bus_address && *session_bus_address != '\0') return session_bus_address;
  if (runtime_directory && *runtime_directory == '/') return "unix:path=" + escaped_address(runtime_directory) + "/bus";
  throw Error(
      "the systemd cgroup driver needs the bus of this user's systemd: neither $DBUS_SESSION_BUS_ADDRESS nor "
      "$XDG_RUNTIME_DIR says where it is; log in as this user, or let his manager run without (loginctl "
      "enable-linger), and set XDG_RUNTIME_DIR=/run/user/UID",
      ENOENT);
}

SystemdManager find_systemd_manager(const std::string& cgroup_mount) {
  struct stat root {};
  if (::stat(cgroup_mount.c_str(), &root) < 0) throw Error::system("stat " + cgroup_mount);
  if (root.st_uid == ::geteuid()) return {};
  return {true, user_bus(std::getenv("DBUS_SESSION_BUS_ADDRESS"), std::getenv("XDG_RUNTIME_DIR"))};
}

UnitStart::UnitStart(const SystemdUnit& unit, SystemdProperties properties)
    : unit_(unit), helper_(std::in_place, helper_for(SystemdVerb::start, unit, std::move(properties))) {}

std::string UnitStart::control_group() {
  auto path = answer_of(*helper_, unit_);
  if (!path.starts_with('/') || path == "/" || path.find("/..") != std::string::npos)
    throw Error("systemd unit " + unit_.name + " has the cgroup \"" + path + "\", which is not in sight");
  return path;
}

void UnitStart::leave() {
  helper_.reset();
}

void set_unit_properties(const SystemdUnit& unit, SystemdProperties properties) {
  if (!unit.empty() && !properties.empty()) ask(SystemdVerb::set, unit, std::move(properties));
}

void remove_unit(const SystemdUnit& unit) {
  if (unit.empty()) return;
  // systemd keeps the file of a transient unit as long as it knows the unit (systemd.unit(5), "Unit File Load Path").
  const auto file = "/run/systemd/transient/" + unit.name;
  if (unit.bus.empty() && ::access("/run/systemd/transient", R_OK | X_OK) == 0 && ::access(file.c_str(), F_OK) < 0)
    return;
  ask(SystemdVerb::stop, unit, {});
}

}  // namespace oci
