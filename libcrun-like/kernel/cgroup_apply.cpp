// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup_apply.hpp"

#include <algorithm>
#include <charconv>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "kernel/cgroup_limits.hpp"

namespace oci {
namespace {

std::vector<std::string> words_in(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(" \n"), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

bool has_word(std::string_view text, std::string_view word) {
  const auto words = words_in(text);
  return std::ranges::find(words, word) != words.end();
}

/// A file of any cgroup on the way; empty when there is none.
std::string read_controllers(const std::string& directory, const char* file) {
  return read_cgroup_file(working_directory, directory + "/" + file).value_or("");
}

/// The cgroups above `cgroup`, from the mount's root down: each must hand a controller on for the next one to have it.
std::vector<std::string> ancestors(const CgroupHost& host, const std::string& path) {
  std::vector<std::string> all;
  for (auto end = host.mount.size(); end != std::string::npos && end < path.size(); end = path.find('/', end + 1))
    all.push_back(path.substr(0, end));
  return all;
}

int hand_down(const std::string& directory, const std::string& controllers) {
  return try_write_file(working_directory, directory + "/cgroup.subtree_control", controllers);
}

/// Nothing that this caller could change by asking for fewer controllers. EBUSY is the no-internal-process rule:
/// enabling cpu, cpuset, and pids all the same would make the cgroup's children threaded, which then refuse processes.
bool is_final(int code) noexcept {
  return code == EBUSY || code == EROFS;
}

bool is_denied(int code) noexcept {
  return code == EACCES || code == EPERM;
}

std::string why_not_handed_down(int code) {
  if (code == EBUSY)
    return "it has processes of its own, and a cgroup with processes cannot hand a controller on (no internal process "
           "rule): move them to a cgroup below it, or choose another linux.cgroupsPath";
  if (code == EOPNOTSUPP) return "it is threaded, and only cpu, cpuset, pids, and perf_event work in threaded cgroups";
  if (code == EINVAL) return "the kernel refuses it; for cpu, because a realtime process is in a cgroup without it";
  if (code == ENOENT) return "it does not have the controller itself: it is not delegated to this cgroup";
  if (is_denied(code)) return "permission denied: the cgroup is not delegated to this user";
  if (code == EROFS) return "the cgroup file system is mounted read-only";
  return Error::system("write", code).what();
}

/// Whether cgroup v1 has the controller, mounted in our sight or not: cgroups(7), /proc/cgroups, the second column.
bool is_bound_to_v1(const std::string& v1_name) {
  const auto table = "\n" + try_read_file(working_directory, "/proc/cgroups").value_or("");
  const auto line = table.find("\n" + v1_name + "\t");
  return line != std::string::npos && table.compare(line + v1_name.size() + 2, 2, "0\t") != 0;
}

/// The controller is not in cgroup2's root: either cgroup v1 has it, or the kernel does without.
[[noreturn]] void explain_absent(const CgroupHost& host, const std::string& controller) {
  const std::string v1_name = controller == "io" ? "blkio" : controller;
  std::string message = "controller \"" + controller + "\" not available: ";
  if (is_bound_to_v1(v1_name)) {
    const auto mount = find_cgroup_mount(read_file(working_directory, "/proc/self/mountinfo"), "cgroup", v1_name);
    message += "it is bound to cgroup v1 at " + (mount.empty() ? "a place out of sight" : mount) +
               ", and this runtime sets limits on cgroup v2 only (" + host.mount +
               "); boot with systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=all on the kernel's command line";
  } else {
    message += "cgroup v2 at " + host.mount +
               " does not have it (not in this kernel, disabled by cgroup_disable= on its " +
               "command line, or not delegated to this container)";
  }
  throw Error(std::move(message), ENOENT);
}

/// Hands one controller down all the way. @throws Error that says where and why it ends.
void require_controller(const CgroupHost& host, const Cgroup& cgroup, const std::string& controller) {
  if (has_word(cgroup.read("cgroup.controllers").value_or(""), controller)) return;
  if (!has_word(read_controllers(host.mount, "cgroup.controllers"), controller)) explain_absent(host, controller);
  const auto enabling = "+" + controller;
  for (const auto& ancestor : ancestors(host, cgroup.path())) {
    if (has_word(read_controllers(ancestor, "cgroup.subtree_control"), controller)) continue;
    const int code = hand_down(ancestor, enabling);
    if (code == 0) continue;
    auto message = "controller \"" + controller + "\" not available: enable it in ";
    message.append(ancestor).append("/cgroup.subtree_control: ").append(why_not_handed_down(code));
    throw Error(std::move(message), code);
  }
}

/// What an errno usually means for a limit's file; empty when the errno's own text says it.
std::string_view why_refused(const std::string& file, int code) noexcept {
  const auto controller = controller_of(file);
  if (code == EACCES || code == EPERM) return "permission denied: the cgroup is not delegated to this user";
  if (code == EROFS) return "the cgroup file system is mounted read-only";
  if (code == ENODEV && controller == "io") return "no such disk; a partition has no limits of its own";
  if (code == EINVAL && file == "cpu.weight") return "cpu.idle is 1, which excludes a weight";
  if (code == EINVAL && controller == "rdma") return "no such device, or an amount it does not know";
  if (controller == "cpuset" && (code == EINVAL || code == ERANGE))
    return "not a list of CPUs or memory nodes that this machine has";
  return {};
}

[[noreturn]] void refuse(const Cgroup& cgroup, const CgroupWrite& write, int code) {
  std::string message =
      Error::system("write \"" + write.value + "\" to " + cgroup.path() + "/" + write.file, code).what();
  if (const auto why = why_refused(write.file, code); !why.empty()) message.append(" (").append(why).append(")");
  throw Error(std::move(message), code);
}

/// Where limits are written: into a cgroup, through the journal if there is one.
struct Target {
  const CgroupHost& host;
  const Cgroup& cgroup;
  Journal* journal = nullptr;

  int write(const std::string& file, const std::string& value) const {
    return journal ? journal->write(file, value) : cgroup.write(file, value);
  }
};

/// The errno of the write, 0 for success, the fallback tried where the file is missing.
int try_write(const Target& target, const CgroupWrite& write) {
  const int code = target.write(write.file, write.value);
  if (code != ENOENT || write.instead_file.empty()) return code;
  return target.write(write.instead_file, write.instead_value);
}

int write_limit(const Target& target, const CgroupWrite& write) {
  int code = try_write(target, write);
  if (code == ENOENT && !write.may_be_missing) {
    const std::string controller(controller_of(write.file));
    if (controller != "cgroup") require_controller(target.host, target.cgroup, controller);
    code = try_write(target, write);
  }
  return code == ENOENT && write.may_be_missing ? 0 : code;
}

void check_usage(const Cgroup& cgroup, const MemoryLimits& limits) {
  if (!limits.check_before_update) return;
  const auto text = cgroup.read("memory.current").value_or("");
  std::uint64_t usage = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), usage).ec == std::errc{})
    check_memory_usage(limits, usage);
}

/// `patient`: EINVAL is an answer, true then.
bool write_or_refuse(const Target& target, const CgroupWrite& write, bool patient) {
  return at_path([&] { return write.field; },
                 [&] {
                   const int code = write_limit(target, write);
                   if (code == EINVAL && patient) return true;
                   if (code != 0) refuse(target.cgroup, write, code);
                   return false;
                 });
}

void write_all_limits(const Target& target, const Resources& resources) {
  const CgroupLimits limits = cgroup_limits(resources);
  for (const auto& ignored : limits.ignored) log::warning("linux.resources." + ignored);
  const CgroupWrite* postponed = nullptr;
  for (const auto& write : limits.writes) {
    if (write_or_refuse(target, write, write.after_next)) {
      postponed = &write;
    } else if (postponed) {
      write_or_refuse(target, *postponed, false);
      postponed = nullptr;
    }
  }
}

}  // namespace

void refuse_unusable(const Cgroup& cgroup) {
  const auto events = cgroup.read("cgroup.events").value_or("");
  std::string why;
  if (keyed_value(events, "populated") == "1")
    why = "container's cgroup is not empty: " + std::to_string(cgroup.processes().size()) + " process(es) found";
  else if (keyed_value(events, "frozen") == "1")
    why = "container's cgroup unexpectedly frozen";
  if (!why.empty()) throw Error(why + " (" + cgroup.path() + ")", EBUSY);
}

void enable_controllers(const CgroupHost& host, const Cgroup& cgroup) {
  const auto present = cgroup.read("cgroup.controllers").value_or("");
  std::vector<std::string> missing;
  std::string all_at_once;
  for (const auto& controller : words_in(read_controllers(host.mount, "cgroup.controllers"))) {
    if (has_word(present, controller)) continue;
    missing.push_back("+" + controller);
    all_at_once.append(all_at_once.empty() ? "" : " ").append(missing.back());
  }
  if (missing.empty()) return;
  for (const auto& ancestor : ancestors(host, cgroup.path())) {
    const int code = hand_down(ancestor, all_at_once);
    if (code == 0 || is_denied(code)) continue;  // a delegated cgroup may be on the way
    if (is_final(code)) return;
    for (const auto& one : missing) hand_down(ancestor, one);
  }
}

void write_limits(const CgroupHost& host, const Cgroup& cgroup, const Resources& resources) {
  at_path([] { return "linux.resources"; },
          [&] {
            if (resources.memory) check_usage(cgroup, *resources.memory);
            write_all_limits({host, cgroup}, resources);
          });
}

void change_limits(const CgroupHost& host, const Cgroup& cgroup, const Resources& change, Journal& journal) {
  at_path([] { return "linux.resources"; },
          [&] {
            // Before the present limit is added: that one may well be reached.
            if (change.memory) check_usage(cgroup, *change.memory);
            write_all_limits({host, cgroup, &journal}, completed(change, present_limits(cgroup, change)));
          });
}

std::string why_no_entry(const Cgroup& cgroup, int code) {
  const auto type = cgroup.read("cgroup.type").value_or("");
  if (code == EOPNOTSUPP && type == "domain invalid")
    return cgroup.path() + " is below a threaded cgroup and takes no processes until it is threaded too";
  if (code == EBUSY)
    return cgroup.path() +
           " hands controllers on to cgroups below it, so it cannot have processes (no internal process rule)";
  if (is_denied(code))
    return "permission denied: the cgroup that this process and " + cgroup.path() +
           " have in common is not delegated to this user; call the runtime from a cgroup that is (systemd-run --user "
           "--scope …)";
  if (code == ENOENT || code == ENODEV) return cgroup.path() + " was removed";
  return {};
}

}  // namespace oci
