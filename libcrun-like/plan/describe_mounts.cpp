// SPDX-License-Identifier: Apache-2.0
#include "plan/describe_mounts.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <charconv>
#include <string_view>

namespace oci {
namespace {

/// "a,b" with a comma only where one is needed.
void append(std::string& list, std::string_view word) {
  if (!word.empty()) list.append(list.empty() ? "" : ",").append(word);
}

std::string in_brackets(const std::string& list) {
  return list.empty() ? "" : " (" + list + ")";
}

std::string octal(mode_t mode) {
  std::array<char, 16> digits{};
  auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), mode, 8).ptr;
  return "0" + std::string(digits.data(), end);
}

std::string mappings_in_words(const std::vector<IdMapping>& mappings) {
  std::string text;
  for (const auto& mapping : mappings)
    text.append(text.empty() ? "" : "#")
        .append(std::to_string(mapping.container_id) + "-" + std::to_string(mapping.host_id) + "-" +
                std::to_string(mapping.size));
  return text;
}

/// The way crun's option says it.
std::string in_words(const std::optional<MountIdMaps>& maps) {
  if (!maps) return {};
  return (maps->recursive ? "ridmap=uids=" : "idmap=uids=") + mappings_in_words(maps->uids) +
         ";gids=" + mappings_in_words(maps->gids);
}

}  // namespace

std::string describe_mount_step(const SetPropagation& step) {
  return "make the host's mounts " + propagation_in_words(step.flags);
}

std::string describe_mount_step(const BindRoot& step) {
  const char* deed = !step.mounts ? "open" : step.is_detached ? "detach" : "bind";
  return deed + std::string(" the root file system ") + step.rootfs +
         (step.detaches_parent ? " (its parent private)" : "");
}

std::string describe_mount_step(const MountFilesystem& step) {
  std::string options = in_words(step.attributes);
  for (const auto& parameter : step.parameters) append(options, parameter);
  if (step.copy_up) append(options, "tmpcopyup");
  append(options, in_words(step.id_maps));
  return "mount " + step.type + " at " + step.target + in_brackets(options) +
         (step.left_to_runtime ? ", made by the runtime" : "");
}

std::string describe_mount_step(const BindMount& step) {
  std::string options = step.recursive ? "rbind" : "bind";
  append(options, in_words(step.attributes));
  if (step.source_nofollow) append(options, "src-nofollow");
  if (step.target_nofollow) append(options, "dest-nofollow");
  if (step.copy_symlink) append(options, "copy-symlink");
  append(options, in_words(step.id_maps));
  return "bind " + step.source + " at " + step.target + in_brackets(options);
}

std::string describe_mount_step(const PrepareMountChanges& /*step*/) {
  return "remember the mounts that are added";
}

std::string describe_mount_step(const OpenSource& step) {
  return "open " + step.bind.source + " for " + step.bind.target;
}

std::string describe_mount_step(const MakeFilesystem& step) {
  return "make " + step.mount.type + " for " + step.mount.target;
}

std::string describe_mount_step(const UseNamespaceRoot& /*step*/) {
  return "use the root of the mount namespace";
}

std::string describe_mount_step(const RemoveMount& step) {
  return (step.only_checks ? "look for a mount at " : "unmount ") + step.target;
}

std::string describe_mount_step(const ChangeMount& step) {
  return "remount " + step.target + in_brackets(in_words(step.attributes));
}

std::string describe_device(const std::string& directory, const DeviceNode& node) {
  const char* type = S_ISCHR(node.mode) ? "c" : S_ISBLK(node.mode) ? "b" : "p";
  std::string text = "device " + directory + "/" + node.name + " (" + type;
  if (!S_ISFIFO(node.mode)) text += " " + std::to_string(major(node.number)) + ":" + std::to_string(minor(node.number));
  text += ", " + octal(node.mode & 07777U);
  if (node.uid != 0 || node.gid != 0) text += ", " + std::to_string(node.uid) + ":" + std::to_string(node.gid);
  return text + ")";
}

std::string describe_mount_step(const MakeDevices& step) {
  std::string names;
  for (const auto& node : step.nodes) append(names, node.name);
  for (const auto& link : step.links) append(names, link.name);
  return (step.binds_host ? "bind the host's devices in " : "make devices in ") + step.directory + in_brackets(names);
}

std::string describe_mount_step(const MaskPath& step) {
  return "mask " + step.path;
}

std::string describe_mount_step(const ReadonlyPath& step) {
  return "make " + step.path + " read-only";
}

std::string describe_mount_step(const RemountRootReadonly& /*step*/) {
  return "remount / (ro)";
}

std::string describe_mount_step(const PivotRoot& /*step*/) {
  return "pivot_root into the root file system";
}

std::string describe_mount_step(const MoveRoot& /*step*/) {
  return "move the root file system to / and change the root";
}

std::string describe_mount_step(const ChangeRoot& /*step*/) {
  return "change the root to the root file system";
}

std::string describe_mount_step(const SetRootPropagation& step) {
  return "make / " + propagation_in_words(step.flags);
}

}  // namespace oci
