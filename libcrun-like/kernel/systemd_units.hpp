// SPDX-License-Identifier: Apache-2.0
// Names of units, and what config.json says of the unit besides limits: linux.cgroupsPath and annotations. Pure.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "kernel/systemd_properties.hpp"

namespace oci {

/// The unit that a container becomes.
struct UnitPlace {
  std::string name;   ///< "runtime-c1.scope"
  std::string slice;  ///< the slice that it is in
  bool is_slice() const noexcept { return name.ends_with(".slice"); }
};

/// What linux.cgroupsPath asks for: "SLICE:PREFIX:NAME" stands for PREFIX-NAME.scope in SLICE, or for the slice NAME
/// itself; an empty one for a scope named by the container's id. `default_slice` is taken where SLICE is empty.
/// @throws Error
UnitPlace unit_place(std::string_view cgroups_path, std::string_view id, std::string_view default_slice);

/// The cgroup of a slice below its manager's (systemd.slice(5)): "a-b.slice" is "/a.slice/a-b.slice", "-.slice" is "".
/// @throws Error when it is no name of a slice
std::string expand_slice(std::string_view slice);

/// The properties that annotations "org.systemd.property.NAME" ask for; values are GVariant texts. What would reach
/// beyond the scope is refused, and so is what the runtime itself decides. @throws Error that names the annotation
SystemdProperties annotated_properties(const std::map<std::string, std::string>& annotations);

/// The cgroup below the scope that the annotation run.oci.systemd.subgroup asks for; empty: the scope itself.
/// @throws Error when it is no name of a directory
std::string annotated_subgroup(const std::map<std::string, std::string>& annotations);

/// The value of a GVariant text (GLib, "GVariant Text Format") of one of the types that properties have: booleans,
/// numbers, strings, arrays of strings. A number without a type is an int32. @throws Error
PropertyValue parse_gvariant(std::string_view text);

}  // namespace oci
