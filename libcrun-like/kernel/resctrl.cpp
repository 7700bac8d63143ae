// SPDX-License-Identifier: Apache-2.0
#include "kernel/resctrl.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "kernel/cgroup.hpp"
#include "spec/names.hpp"

namespace oci {
namespace {

constexpr unsigned long resctrl_magic = 0x7655821;  // RDTGROUP_SUPER_MAGIC
constexpr std::string_view field = "linux.intelRdt";

std::string_view trimmed(std::string_view text) {
  static constexpr std::string_view blanks = " \t\r";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

/// Calls `body` with each part between separators that is not blank.
template <class Body>
void each_part(std::string_view text, char separator, Body&& body) {
  while (!text.empty()) {
    const auto end = text.find(separator);
    if (const auto part = trimmed(text.substr(0, end)); !part.empty()) body(part);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
}

/// A number whose base nobody needs to know to compare it.
std::string value_of(std::string_view digits) {
  digits = trimmed(digits);
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  std::string value(digits);
  std::transform(value.begin(), value.end(), value.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return value;
}

/// "L3:0" -> "ff"; what has no such form stands for itself, so that it agrees with nothing else.
std::map<std::string, std::string> values_in(std::string_view schemata) {
  std::map<std::string, std::string> values;
  each_part(schemata, '\n', [&](std::string_view line) {
    const auto colon = line.find(':');
    const auto resource = std::string(trimmed(line.substr(0, colon))) + ":";
    each_part(colon == line.npos ? line : line.substr(colon + 1), ';', [&](std::string_view part) {
      const auto equals = part.find('=');
      const auto domain = value_of(part.substr(0, equals));
      values[resource + domain] = equals == part.npos ? "?" : value_of(part.substr(equals + 1));
    });
  });
  return values;
}

std::string without_bandwidth(const std::string& schema) {
  std::string text;
  each_part(schema, '\n', [&](std::string_view line) {
    if (!line.starts_with("MB:")) text.append(line).append("\n");
  });
  return text;
}

bool is_directory(const std::string& path) {
  const auto found = sys::try_fstatat(working_directory, path);
  return found && S_ISDIR(found->st_mode);
}

/// mkdir(2) in resctrl allocates hardware: ENOSPC says that there is no class, or no monitoring id, left.
void make_directory(const ResctrlKernel& kernel, const std::string& path, std::string_view member) {
  if (kernel.make(path.c_str()) < 0) throw Error::system(std::string(field).append(member) + ": mkdir " + path);
}

/// rmdir(2) of a group moves its processes to the group above.
void remove_directory(const ResctrlKernel& kernel, const std::string& path) {
  if (kernel.remove(path.c_str()) < 0 && errno != ENOENT) throw Error::system("rmdir " + path);
}

void write_schemata(const std::string& path, const std::string& text) {
  const auto file = path + "/schemata";
  const int code = try_write_file(working_directory, file, text);
  if (code == 0) return;
  const auto attempt = "write \"" + text + "\" to " + file;
  // Its words are in a file of the root: resctrl.rst, "last_cmd_status".
  for (const auto* root : {"/info/", "/../info/"}) {
    const auto words = try_read_file(working_directory, path + root + "last_cmd_status");
    if (!words) continue;
    const auto error = Error::system(attempt, code);
    throw Error(std::string(error.what()) + " (" + words->substr(0, words->find('\n')) + ")", code);
  }
  throw Error::system(attempt, code);
}

bool has_schemata(const IntelRdt& rdt) {
  return !rdt.l3_cache_schema.empty() || !rdt.mem_bw_schema.empty() || !rdt.schemata.empty();
}

void check_name(const std::string& name, std::string_view member) {
  if (!is_resctrl_name(name))
    throw Error(std::string(field).append(member) + ": \"" + name + "\" cannot be the name of a resctrl group");
}

void set_schemata(const std::string& path, const std::string& text, bool shared) {
  if (!shared) {
    in_context([] { return std::string(field); }, [&] { write_schemata(path, text); });
    return;
  }
  // config-linux.md: compare, and generate an error if it does not match. Others share in the class.
  if (!schemata_agree(read_file(working_directory, path + "/schemata"), text))
    throw Error(std::string(field) + ".closID: " + path + " has other schemata than \"" +
                text.substr(0, text.size() - 1) + "\"");
}

}  // namespace

const ResctrlKernel resctrl_kernel{[](const char* path) { return ::mkdir(path, 0755); },
                                   [](const char* path) { return ::rmdir(path); }};

std::string find_resctrl() {
  auto path = find_cgroup_mount(read_file(working_directory, "/proc/self/mountinfo"), "resctrl");
  if (path.empty())
    throw Error(std::string(field) +
                ": resctrl is not mounted: where kernel (CONFIG_X86_CPU_RESCTRL) and processor have it, "
                "\"mount -t resctrl resctrl /sys/fs/resctrl\" does that");
  // Something else may have been mounted over it.
  if (sys::filesystem_magic(sys::openat(working_directory, path, O_PATH | O_DIRECTORY)) != resctrl_magic)
    throw Error(std::string(field) + ": another file system hides resctrl at " + path);
  return path;
}

std::string resctrl_schemata(const IntelRdt& rdt) {
  std::string text;
  const auto add = [&](const std::string& lines) {
    text += lines;
    if (!text.empty() && text.back() != '\n') text += '\n';
  };
  add(rdt.mem_bw_schema.empty() ? rdt.l3_cache_schema : without_bandwidth(rdt.l3_cache_schema));
  add(rdt.mem_bw_schema);
  for (const auto& line : rdt.schemata) add(line);
  return text;
}

bool schemata_agree(std::string_view current, std::string_view wanted) {
  const auto present = values_in(current);
  const auto asked = values_in(wanted);
  return std::all_of(asked.begin(), asked.end(), [&](const auto& one) {
    const auto found = present.find(one.first);
    return found != present.end() && found->second == one.second;
  });
}

ResctrlGroup plan_resctrl_group(const std::string& root, const IntelRdt& rdt, const std::string& id) {
  ResctrlGroup group;
  if (rdt.clos_id == "/") {
    group.path = root;
  } else {
    const bool own = rdt.clos_id.empty();
    const auto& name = own ? id : rdt.clos_id;
    check_name(name, own ? "" : ".closID");
    group.path = root + "/" + name;
    const bool exists = is_directory(group.path);
    // config-linux.md: a class without schemata is one that an administrator has prepared.
    if (!own && !exists && !has_schemata(rdt))
      throw Error(std::string(field) + ".closID: " + group.path +
                      " does not exist, and there is neither l3CacheSchema, memBwSchema nor schemata to make it with",
                  ENOENT);
    group.made = own && !exists;
  }
  if (rdt.enable_monitoring) {
    check_name(id, ".enableMonitoring");
    group.monitoring_path = group.path + "/mon_groups/" + id;
    group.made_monitoring = !is_directory(group.monitoring_path);
  }
  return group;
}

ResctrlMaking::ResctrlMaking(const ResctrlGroup& group, const IntelRdt& rdt, const ResctrlKernel& kernel)
    : kernel_(kernel) {
  try {
    make(group, rdt);
  } catch (const Error&) {
    take_back();
    throw;
  }
}

void ResctrlMaking::make(const ResctrlGroup& group, const IntelRdt& rdt) {
  const bool exists = is_directory(group.path);
  if (!exists) {
    make_directory(kernel_, group.path, rdt.clos_id.empty() ? "" : ".closID");
    made_class_ = group.path;
  }
  if (has_schemata(rdt)) set_schemata(group.path, resctrl_schemata(rdt), exists && !rdt.clos_id.empty());
  if (group.monitoring_path.empty() || is_directory(group.monitoring_path)) return;
  make_directory(kernel_, group.monitoring_path, ".enableMonitoring");
  made_monitoring_ = group.monitoring_path;
}

ResctrlMaking::~ResctrlMaking() {
  take_back();
}

void ResctrlMaking::keep() noexcept {
  made_class_.clear();
  made_monitoring_.clear();
}

void ResctrlMaking::take_back() noexcept {
  try {
    if (!made_monitoring_.empty()) remove_directory(kernel_, made_monitoring_);
    const auto tasks = made_class_.empty() ? std::nullopt : try_read_file(working_directory, made_class_ + "/tasks");
    if (!made_class_.empty() && tasks.value_or("").empty()) remove_directory(kernel_, made_class_);
  } catch (const Error& error) {
    log::warning(error.what());
  }
  keep();
}

std::vector<Fd> open_resctrl_tasks(const ResctrlGroup& group) {
  std::vector<Fd> files;
  for (const auto* directory : {&group.path, &group.monitoring_path}) {
    if (directory->empty()) continue;
    auto tried = sys::try_openat(working_directory, *directory + "/tasks", O_WRONLY);
    if (tried.code == ENOENT) break;
    if (tried.code != 0)
      throw Error::system(std::string(field) + ": open " + *directory + "/tasks (O_WRONLY)", tried.code);
    files.push_back(std::move(tried.fd));
  }
  return files;
}

void remove_resctrl_group(const ResctrlGroup& group, const ResctrlKernel& kernel) {
  if (group.made_monitoring) remove_directory(kernel, group.monitoring_path);
  if (group.made) remove_directory(kernel, group.path);
}

std::string update_resctrl(const ResctrlGroup& group, const std::string& l3_cache_schema,
                           const std::string& mem_bw_schema) {
  const auto text = resctrl_schemata(
      {.clos_id = {}, .schemata = {}, .l3_cache_schema = l3_cache_schema, .mem_bw_schema = mem_bw_schema});
  auto before = read_file(working_directory, group.path + "/schemata");
  if (!text.empty()) write_schemata(group.path, text);
  return before;
}

void restore_resctrl(const ResctrlGroup& group, const std::string& before) noexcept {
  try {
    write_schemata(group.path, before);
  } catch (const Error& error) {
    log::warning(std::string("take back: ") + error.what());
  }
}

}  // namespace oci
