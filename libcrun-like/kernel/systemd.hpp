// SPDX-License-Identifier: Apache-2.0
// Asking systemd for units, through the program runtime-systemd: the executable is one static file that can load no
// library, and only commands that need the bus shall pay for one.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "base/command.hpp"
#include "kernel/systemd_properties.hpp"
#include "kernel/systemd_units.hpp"

namespace oci {

/// False in a build without the helper; every other function that needs it then throws.
bool has_systemd_driver() noexcept;

/// A unit, and the bus on which its manager is; what later commands must know. No name: no unit.
struct SystemdUnit {
  std::string name;
  std::string bus;  ///< D-Bus address; empty: the system's

  bool empty() const noexcept { return name.empty(); }
};

/// As one line of text, and back.
std::string to_text(const SystemdUnit& unit);
SystemdUnit unit_from_text(std::string_view text);

/// The manager that a container of this caller belongs to: the system's for whoever owns the root of the cgroups in
/// sight, his own for anybody else, that being root of a user namespace too.
struct SystemdManager {
  bool is_users = false;
  std::string bus;  ///< address; empty: the system's

  const char* default_slice() const noexcept { return is_users ? "user.slice" : "system.slice"; }
};
/// `cgroup_mount`: where cgroup2 is. @throws Error when a user has no bus, with what was tried
SystemdManager find_systemd_manager(const std::string& cgroup_mount);
/// The address of the user's bus out of his environment; pure. @throws Error
std::string user_bus(const char* session_bus_address, const char* runtime_directory);

/// A unit that is being made. As long as this object lives, so does the scope, because the helper is in it.
class UnitStart {
 public:
  /// Begins; the answer comes later.
  UnitStart(const SystemdUnit& unit, SystemdProperties properties);
  /// Waits until the unit is active. Returns its cgroup, "/system.slice/runtime-c1.scope". @throws Error
  std::string control_group();
  /// Leaves the scope to those who were born in it.
  void leave();

 private:
  SystemdUnit unit_;
  std::optional<Dialogue> helper_;
};

/// Other properties for a unit that is there, until the next boot (`update`). @throws Error
void set_unit_properties(const SystemdUnit& unit, SystemdProperties properties);

/// Ends the unit and forgets that it failed. Without a bus being asked, where it can be seen that it has gone.
/// @throws Error
void remove_unit(const SystemdUnit& unit);

}  // namespace oci
