// SPDX-License-Identifier: Apache-2.0
#include "systemd/bus.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "oci/error.hpp"
#include "systemd/message.hpp"

namespace oci::systemd {
namespace {

constexpr const char* service = "org.freedesktop.systemd1";
constexpr const char* manager_path = "/org/freedesktop/systemd1";
constexpr const char* manager_interface = "org.freedesktop.systemd1.Manager";
constexpr const char* unit_exists = "org.freedesktop.systemd1.UnitExists";
constexpr const char* no_such_unit = "org.freedesktop.systemd1.NoSuchUnit";

std::uint64_t now_usec() noexcept {
  static constexpr std::uint64_t usec_per_sec = 1'000'000;
  static constexpr long nsec_per_usec = 1000;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * usec_per_sec +
         static_cast<std::uint64_t>(now.tv_nsec / nsec_per_usec);
}

std::string text_of(const BusError& error) {
  return error.message + (error.name.empty() ? "" : " (" + error.name + ")");
}

/// The property that systemd complains of, if it is one that may be left out.
SystemdProperties::iterator unknown_property(SystemdProperties& properties, const BusError& error) {
  return std::find_if(properties.begin(), properties.end(), [&](const SystemdProperty& property) {
    const auto at = error.message.find(property.name);
    if (!property.may_be_unknown || at == std::string::npos) return false;
    const auto is_letter = [&](std::size_t i) { return i < error.message.size() && ::isalpha(error.message[i]) != 0; };
    return !is_letter(at + property.name.size()) && (at == 0 || !is_letter(at - 1));
  });
}

/// Calls `attempt` with fewer properties each time that systemd does not know one. The names of those.
template <class Attempt>
std::vector<std::string> without_unknown(SystemdProperties& properties, Attempt&& attempt) {
  std::vector<std::string> left_out;
  for (;;) {
    const BusError error = attempt();
    const bool about_property = error.name == "org.freedesktop.DBus.Error.PropertyReadOnly" ||
                                error.name == "org.freedesktop.DBus.Error.UnknownProperty" ||
                                error.name == "org.freedesktop.DBus.Error.InvalidArgs";
    const auto unknown = about_property ? unknown_property(properties, error) : properties.end();
    if (unknown == properties.end()) return left_out;
    const std::string name = unknown->name;
    left_out.push_back(name);
    std::erase_if(properties, [&](const SystemdProperty& property) { return property.name == name; });
  }
}

}  // namespace

Manager::Manager(const std::string& address, std::int64_t patience_s)
    : where_(address.empty() ? "the system bus" : "the bus " + address),
      deadline_(now_usec() + static_cast<std::uint64_t>(patience_s) * 1'000'000),
      patience_s_(patience_s) {
  connect(address);
}

void Manager::connect(const std::string& address) {
  static constexpr const char* usual_address = "unix:path=/run/dbus/system_bus_socket";
  sd_bus* bus = nullptr;
  check(sd_bus_new(&bus), "make a bus connection");
  bus_.reset(bus);
  check(sd_bus_set_address(bus, address.empty() ? usual_address : address.c_str()), "use the address of " + where_);
  check(sd_bus_set_bus_client(bus, 1), "become a client of " + where_);
  check(sd_bus_start(bus), "connect to " + where_);
  while (check(sd_bus_is_ready(bus), "connect to " + where_) == 0) wait("it to let us in");
  // Before the first job is asked for: its end may be told before the answer has come.
  check(sd_bus_match_signal_async(bus, nullptr, service, manager_path, manager_interface, "JobRemoved",
                                  note_removed_job, nullptr, this),
        "ask " + where_ + " for signals");
}

int Manager::note_removed_job(sd_bus_message* message, void* self, sd_bus_error* /*error*/) {
  std::uint32_t id = 0;
  const char *path = nullptr, *unit = nullptr, *result = nullptr;
  if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) > 0)
    static_cast<Manager*>(self)->removed_jobs_.push_back({path, result});
  return 0;
}

std::uint64_t Manager::time_left(const char* what) const {
  const auto now = now_usec();
  if (now >= deadline_)
    throw Error("timed out after " + std::to_string(patience_s_) + " s waiting on " + where_ + " for " + what,
                ETIMEDOUT);
  return deadline_ - now;
}

/// Handles one message, or waits for one.
void Manager::wait(const char* what) {
  const auto left = time_left(what);
  const auto failed = [&] { return "talk to " + where_ + " while waiting for " + what; };
  const int handled = sd_bus_process(bus_.get(), nullptr);
  check(handled, failed());
  if (handled > 0) return;
  const int waited = sd_bus_wait(bus_.get(), left);
  if (waited != -EINTR) check(waited, failed());
}

Manager::Message Manager::new_call(const char* method) const {
  sd_bus_message* message = nullptr;
  check(sd_bus_message_new_method_call(bus_.get(), &message, service, manager_path, manager_interface, method),
        std::string("make the message ") + method);
  return Message(message);
}

Manager::Reply Manager::call(const Message& request, const char* what) {
  sd_bus_error error = SD_BUS_ERROR_NULL;
  sd_bus_message* answer = nullptr;
  const int code = sd_bus_call(bus_.get(), request.get(), time_left(what), &error, &answer);
  if (code >= 0) return {Message(answer), {}};
  if (code == -ETIMEDOUT) time_left(what);
  Reply reply{nullptr, {error.name ? error.name : "", error.message ? error.message : std::strerror(-code)}};
  sd_bus_error_free(&error);
  return reply;
}

Manager::Reply Manager::call_unit(const char* method, const std::string& unit, const char* mode) {
  const auto request = new_call(method);
  check(mode ? sd_bus_message_append(request.get(), "ss", unit.c_str(), mode)
             : sd_bus_message_append(request.get(), "s", unit.c_str()),
        method);
  return call(request, method);
}

Manager::Reply Manager::try_start(const std::string& unit, const SystemdProperties& properties) {
  const auto request = new_call("StartTransientUnit");
  auto* const message = request.get();
  check(sd_bus_message_append(message, "ss", unit.c_str(), "replace"), "write the unit's name");
  check(sd_bus_message_open_container(message, 'a', "(sv)"), "write properties");
  for (const auto& property : properties) append(message, property);
  if (!unit.ends_with(".slice"))
    check(sd_bus_message_append(message, "(sv)", "PIDs", "au", 1U, static_cast<std::uint32_t>(::getpid())),
          "write the first process");
  check(sd_bus_message_close_container(message), "write properties");
  check(sd_bus_message_append(message, "a(sa(sv))", 0U), "write auxiliary units");
  return call(request, "StartTransientUnit");
}

bool Manager::is_in_use(const std::string& unit) {
  const auto state = get_string(unit, "org.freedesktop.systemd1.Unit", "ActiveState");
  return state == "active" || state == "activating" || state == "reloading" || state == "deactivating";
}

std::vector<std::string> Manager::start(const std::string& unit, SystemdProperties properties) {
  static constexpr int attempts = 20;  // a unit that was reset is forgotten soon, not at once
  static constexpr useconds_t pause = 20'000;
  Reply reply;
  int attempt = 0;
  auto left_out = without_unknown(properties, [&] {
    for (;;) {
      reply = try_start(unit, properties);
      if (reply.error.name != unit_exists || ++attempt == attempts) return reply.error;
      // What has failed stays until somebody has taken note (systemd.unit(5), CollectMode=).
      call_unit("ResetFailedUnit", unit, nullptr);
      if (is_in_use(unit)) return reply.error;
      if (attempt > 1) ::usleep(pause);
    }
  });
  if (reply.error.name == unit_exists)
    throw Error("systemd has a unit " + unit + " already, and it is in use: " + text_of(reply.error), EEXIST);
  if (!reply) throw Error("StartTransientUnit " + unit + ": " + text_of(reply.error));
  await_job(reply, unit, true);
  return left_out;
}

void Manager::stop(const std::string& unit) {
  const auto reply = call_unit("StopUnit", unit, "replace");
  if (!reply && reply.error.name == no_such_unit) return;
  if (!reply) throw Error("StopUnit " + unit + ": " + text_of(reply.error));
  await_job(reply, unit, false);
  const auto reset = call_unit("ResetFailedUnit", unit, nullptr);
  if (!reset && reset.error.name != no_such_unit) throw Error("ResetFailedUnit " + unit + ": " + text_of(reset.error));
}

std::vector<std::string> Manager::set(const std::string& unit, SystemdProperties properties) {
  Reply reply;
  auto left_out = without_unknown(properties, [&] {
    const auto request = new_call("SetUnitProperties");
    auto* const message = request.get();
    check(sd_bus_message_append(message, "sb", unit.c_str(), 1), "write the unit's name");
    check(sd_bus_message_open_container(message, 'a', "(sv)"), "write properties");
    for (const auto& property : properties) append(message, property);
    check(sd_bus_message_close_container(message), "write properties");
    reply = call(request, "SetUnitProperties");
    return reply.error;
  });
  if (!reply) throw Error("SetUnitProperties " + unit + ": " + text_of(reply.error));
  return left_out;
}

void Manager::await_job(const Reply& reply, const std::string& unit, bool must_succeed) {
  const char* path = nullptr;
  check(sd_bus_message_read(reply.message.get(), "o", &path), "read the job's name");
  const std::string what = std::string("the job ") + path + " of unit " + unit + " to end";
  for (;;) {
    const auto job = std::find_if(removed_jobs_.begin(), removed_jobs_.end(),
                                  [&](const Job& removed) { return removed.path == path; });
    if (job == removed_jobs_.end()) {
      wait(what.c_str());
      continue;
    }
    if (must_succeed && job->result != "done")
      throw Error("systemd could not start " + unit + ": its job ended with \"" + job->result + "\"");
    return;
  }
}

std::string Manager::get_string(const std::string& unit, const char* interface, const char* property) {
  char* path = nullptr;
  check(sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path), "write the unit's path");
  const std::unique_ptr<char, decltype(&::free)> owner(path, ::free);
  sd_bus_message* message = nullptr;
  check(sd_bus_message_new_method_call(bus_.get(), &message, service, path, "org.freedesktop.DBus.Properties", "Get"),
        "make the message Get");
  const Message request(message);
  check(sd_bus_message_append(message, "ss", interface, property), "write the property's name");
  const auto reply = call(request, property);
  const char* text = "";
  if (reply) check(sd_bus_message_read(reply.message.get(), "v", "s", &text), "read the property");
  return text;
}

std::string Manager::control_group(const std::string& unit) {
  return get_string(unit, "org.freedesktop.systemd1.Slice", "ControlGroup");
}

}  // namespace oci::systemd
