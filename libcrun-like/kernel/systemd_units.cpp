// SPDX-License-Identifier: Apache-2.0
#include "kernel/systemd_units.hpp"

#include <algorithm>
#include <array>
#include <climits>

#include "oci/error.hpp"

namespace oci {
namespace {

constexpr std::string_view slice_suffix = ".slice";

bool is_unit_character(char c) noexcept {
  const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return is_letter || (c >= '0' && c <= '9') || std::string_view(":-_.\\@").find(c) != std::string_view::npos;
}

/// systemd.unit(5), "String Escaping for Inclusion in Unit Names". Container ids may have a plus, units may not.
std::string escaped(std::string_view id) {
  std::string text;
  for (const char c : id) {
    if (c == '+')
      text += "\\x2b";
    else
      text += c;
  }
  return text;
}

void check_unit_name(const std::string& name) {
  static constexpr std::size_t longest = 255;  // UNIT_NAME_MAX counts the NUL
  if (name.size() > longest) throw Error("linux.cgroupsPath: the unit name " + name + " is too long", ENAMETOOLONG);
  for (const char c : name)
    if (!is_unit_character(c))
      throw Error("linux.cgroupsPath: " + name + " is no name of a systemd unit (systemd.unit(5)): \"" +
                      std::string(1, c) + "\"",
                  EINVAL);
}

[[noreturn]] void refuse_slice(std::string_view slice, std::string_view why) {
  throw Error("invalid slice name " + std::string(slice) + ": " + std::string(why), EINVAL);
}

}  // namespace

UnitPlace unit_place(std::string_view cgroups_path, std::string_view id, std::string_view default_slice) {
  static constexpr std::string_view program = "runtime-";
  if (cgroups_path.empty()) return {std::string(program) + escaped(id) + ".scope", std::string(default_slice)};
  const auto first = cgroups_path.find(':');
  const auto second = first == std::string_view::npos ? first : cgroups_path.find(':', first + 1);
  if (second == std::string_view::npos || cgroups_path.find(':', second + 1) != std::string_view::npos)
    throw Error(R"(expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got ")" +
                    std::string(cgroups_path) + "\" instead",
                EINVAL);
  std::string slice(cgroups_path.substr(0, first));
  const std::string prefix(cgroups_path.substr(first + 1, second - first - 1));
  std::string name(cgroups_path.substr(second + 1));
  if (slice.empty()) slice = default_slice;
  if (slice == "-") slice = "-.slice";
  expand_slice(slice);
  if (name.empty()) throw Error("linux.cgroupsPath " + std::string(cgroups_path) + " has no name in it", EINVAL);
  if (name.ends_with(slice_suffix))
    expand_slice(name);
  else
    name = (prefix.empty() ? name : prefix + "-" + name) + ".scope";
  check_unit_name(slice);
  check_unit_name(name);
  return {std::move(name), std::move(slice)};
}

std::string expand_slice(std::string_view slice) {
  if (!slice.ends_with(slice_suffix)) refuse_slice(slice, "it does not end in .slice");
  const auto name = slice.substr(0, slice.size() - slice_suffix.size());
  if (name.find('/') != std::string_view::npos) refuse_slice(slice, "a name has no slashes");
  if (name == "-") return {};
  std::string path;
  for (std::size_t start = 0; start <= name.size();) {
    const auto end = std::min(name.find('-', start), name.size());
    if (end == start) refuse_slice(slice, "nothing stands before or behind a dash");
    path.append("/").append(name.substr(0, end)).append(slice_suffix);
    start = end + 1;
  }
  if (name.ends_with('-')) refuse_slice(slice, "nothing stands before or behind a dash");
  return path;
}

std::string annotated_subgroup(const std::map<std::string, std::string>& annotations) {
  static constexpr const char* name = "run.oci.systemd.subgroup";
  const auto found = annotations.find(name);
  if (found == annotations.end()) return {};
  const auto& subgroup = found->second;
  const bool has_foreign = subgroup.find_first_of(std::string_view("/\0\n", 3)) != std::string::npos;
  if (subgroup == "." || subgroup == ".." || has_foreign || subgroup.size() > NAME_MAX)
    throw Error("annotations." + std::string(name) + ": \"" + subgroup + "\" is no name of a cgroup", EINVAL);
  return subgroup;
}

}  // namespace oci
