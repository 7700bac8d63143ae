// SPDX-License-Identifier: Apache-2.0
// The words that config.json and the command line use for the kernel's numbers. `features` prints these tables.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oci/spec.hpp"

namespace oci {

struct NamespaceName {
  NamespaceType type;
  std::string_view name;       ///< in config.json
  std::string_view proc_name;  ///< below /proc/PID/ns
  int flag;                    ///< CLONE_NEW…
};
/// All of them, in the order of NamespaceType.
std::span<const NamespaceName> namespace_names() noexcept;
const NamespaceName* find_namespace(std::string_view name) noexcept;
inline const NamespaceName& name_of(NamespaceType type) noexcept {
  return namespace_names()[static_cast<std::size_t>(type)];
}

struct NumberedName {
  std::string_view name;
  int number;
};

/// "RLIMIT_NOFILE" -> RLIMIT_NOFILE (getrlimit(2)).
std::span<const NumberedName> rlimit_names() noexcept;
std::optional<int> find_rlimit(std::string_view name) noexcept;

/// "CAP_CHOWN", or "CHOWN" as well, in any case -> 0 (capabilities(7)); nothing when libcap-ng does not know it.
std::optional<unsigned> find_capability(std::string_view name);
/// "CAP_CHOWN"
std::string capability_name(unsigned capability);
/// Every capability that libcap-ng has a name for, in the kernel's order.
std::vector<std::string> capability_names();

/// A number, or a name of signal(7) with or without SIG in any case, also RTMIN, RTMIN+n, RTMAX-n.
std::optional<int> find_signal(std::string_view text) noexcept;

/// Scheduling policies and flags of sched_setattr(2), I/O classes of ioprio_set(2).
std::optional<int> find_scheduler_policy(std::string_view name) noexcept;
std::optional<int> find_scheduler_flag(std::string_view name) noexcept;
std::optional<int> find_io_class(std::string_view name) noexcept;

/// Modes and flags of set_mempolicy(2).
std::span<const NumberedName> memory_policy_modes() noexcept;
std::span<const NumberedName> memory_policy_flags() noexcept;
std::optional<int> find_memory_policy_mode(std::string_view name) noexcept;
std::optional<int> find_memory_policy_flag(std::string_view name) noexcept;

/// Whether resctrl can have a group of this name: one directory, and none of the kernel's own (resctrl.rst).
bool is_resctrl_name(std::string_view name) noexcept;

}  // namespace oci
