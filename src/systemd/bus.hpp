// SPDX-License-Identifier: Apache-2.0
// The manager of units on a D-Bus bus (org.freedesktop.systemd1(5)), with one deadline for all that is said to it.
#pragma once
#include <systemd/sd-bus.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel/systemd_properties.hpp"

namespace oci::systemd {

/// The D-Bus name of what went wrong is kept: the caller reacts to some.
struct BusError {
  std::string name;  ///< "org.freedesktop.systemd1.UnitExists"
  std::string message;
};

class Manager {
 public:
  /// `address`: empty for the system's bus. @throws Error when there is no bus, or none that answers in time
  Manager(const std::string& address, std::int64_t patience_s);

  /// Makes a unit and waits until it is active. A scope's first process is this one; a slice has none.
  /// Properties that this systemd does not know are left out where they may be; returns their names.
  /// @throws Error, also when the unit exists and is in use
  std::vector<std::string> start(const std::string& unit, SystemdProperties properties);
  /// Ends a unit, and forgets that it has failed. No error when there is none.
  void stop(const std::string& unit);
  /// Until the next boot; unknown ones as for start().
  std::vector<std::string> set(const std::string& unit, SystemdProperties properties);

  /// The unit's property ControlGroup, which is only known to systemd for slices.
  std::string control_group(const std::string& unit);

 private:
  struct Unref {
    void operator()(sd_bus* bus) const noexcept { sd_bus_close_unref(bus); }
    void operator()(sd_bus_message* message) const noexcept { sd_bus_message_unref(message); }
  };
  using Bus = std::unique_ptr<sd_bus, Unref>;
  using Message = std::unique_ptr<sd_bus_message, Unref>;

  struct Reply {
    Message message;
    BusError error;
    explicit operator bool() const noexcept { return message != nullptr; }
  };
  struct Job {
    std::string path;
    std::string result;
  };

  static int note_removed_job(sd_bus_message* message, void* self, sd_bus_error* error);
  void connect(const std::string& address);
  std::uint64_t time_left(const char* what) const;
  void wait(const char* what);
  Message new_call(const char* method) const;
  Reply call(const Message& request, const char* what);
  Reply call_unit(const char* method, const std::string& unit, const char* mode);
  Reply try_start(const std::string& unit, const SystemdProperties& properties);
  bool is_in_use(const std::string& unit);
  void await_job(const Reply& reply, const std::string& unit, bool must_succeed);
  std::string get_string(const std::string& unit, const char* interface, const char* property);

  std::string where_;
  std::uint64_t deadline_;  ///< CLOCK_MONOTONIC, microseconds
  std::int64_t patience_s_;
  Bus bus_;
  std::vector<Job> removed_jobs_;
};

}  // namespace oci::systemd
