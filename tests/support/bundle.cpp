// SPDX-License-Identifier: Apache-2.0
#include "support/bundle.hpp"

#include <dirent.h>
#include <ftw.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "oci/error.hpp"
#include "support/catch.hpp"
#include "support/default_config.hpp"

namespace test {
namespace {

using oci::Error;

std::string environment_or(const char* name, const char* otherwise) {
  const char* value = ::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

/// The names in a directory.
Words entries(const std::string& path) {
  Words names;
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) return names;
  while (const dirent* entry = ::readdir(directory)) names.emplace_back(entry->d_name);
  ::closedir(directory);
  return names;
}

/// Every directory of the cgroup hierarchies whose name contains `id`, children first.
Words cgroups_of(const std::string& id, const std::string& below = "/sys/fs/cgroup") {
  Words found;
  for (const auto& name : entries(below)) {
    const std::string path = below + "/" + name;
    struct stat status {};
    if (name[0] == '.' || ::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) continue;
    for (auto& deeper : cgroups_of(id, path)) found.push_back(std::move(deeper));
    if (path.find(id) != std::string::npos) found.push_back(path);
  }
  return found;
}

/// Processes that run in the container's cgroup, or were started with its id or directory in their words.
std::vector<pid_t> processes_of(const std::string& id) {
  std::vector<pid_t> found;
  for (const auto& name : entries("/proc")) {
    const pid_t pid = static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10));
    if (pid <= 0 || pid == ::getpid()) continue;
    const std::string status = slurp("/proc/" + name + "/stat");
    const bool zombie = status.find(") Z ") != std::string::npos;
    if (!zombie &&
        (slurp("/proc/" + name + "/cgroup") + slurp("/proc/" + name + "/cmdline")).find(id) != std::string::npos)
      found.push_back(pid);
  }
  return found;
}

/// Mount points below `directory`, the last mounted first.
Words mounts_below(const std::string& directory) {
  Words found;
  const std::string all = slurp("/proc/self/mountinfo");
  for (std::size_t at = 0; at < all.size();) {
    const auto end = all.find('\n', at);
    const std::string line = all.substr(at, end - at);
    at = end + 1;
    std::size_t field = 0;
    for (int skipped = 0; skipped < 4; ++skipped) field = line.find(' ', field) + 1;
    const std::string point = line.substr(field, line.find(' ', field) - field);
    if (point.starts_with(directory)) found.insert(found.begin(), point);
  }
  return found;
}

int remove_entry(const char* path, const struct stat* /*status*/, int /*type*/, FTW* /*level*/) {
  return ::remove(path);
}

/// /inside as a link to the built program where that works: tests make hundreds of bundles.
void place_program(const std::string& target) {
  const std::string program = environment_or("INSIDE", INSIDE_PROGRAM);
  if (::link(program.c_str(), target.c_str()) != 0) spill(target, slurp(program), 0755);
}

unsigned next_number() {
  static unsigned number = 0;
  return ++number;
}

}  // namespace

const std::string& runtime_path() {
  static const std::string path = environment_or("RUNTIME", RUNTIME_PROGRAM);
  return path;
}

bool pure_cgroup2() {
  struct statfs status {};
  return ::statfs("/sys/fs/cgroup", &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC;
}

bool has_line(const std::string& lines, std::string_view line) {
  return ("\n" + lines).find("\n" + std::string(line) + "\n") != std::string::npos;
}

std::string unquoted(std::string text) {
  for (auto at = text.find("\\\""); at != std::string::npos; at = text.find("\\\"", at)) text.erase(at, 1);
  return text;
}

std::string line_with(const std::string& lines, std::string_view text) {
  const auto found = lines.find(text);
  if (found == std::string::npos) return {};
  const auto before = lines.rfind('\n', found);
  const auto start = before == std::string::npos ? 0 : before + 1;
  return lines.substr(start, lines.find('\n', found) - start);
}

Bundle::Bundle()
    : directory_(environment_or("TMPDIR", "/tmp") + "/oci-test-XXXXXX"), config_(Tree::parse(default_config)) {
  if (::mkdtemp(directory_.data()) == nullptr) throw Error::system("make a directory " + directory_);
  ::chmod(directory_.c_str(), 0711);
  // Also in the directory's name, so that one word finds everything that belongs to this container.
  id_ = directory_.substr(directory_.rfind('/') + 1) + "-" + std::to_string(next_number());
  ::mkdir(rootfs().c_str(), 0755);
  for (const auto* name : {"proc", "sys", "dev", "etc", "tmp", "run", "root", "bin"})
    ::mkdir(rootfs(name).c_str(), 0755);
  place_program(rootfs("inside"));
}

Bundle::~Bundle() {
  try {
    if (!entries(root() + "/" + id_).empty()) remove_container({"--force"});
    std::string left;
    eventually([&] { return (left = leftovers()).empty(); }, Seconds(2));
    if (!left.empty()) FAIL_CHECK("left behind: " << left);
    clean_up();
  } catch (const std::exception& error) {
    FAIL_CHECK("cleaning up: " << error.what());
  }
}

void Bundle::clean_up() {
  const std::string name = directory_.substr(directory_.rfind('/') + 1);
  for (const pid_t pid : processes_of(name)) ::kill(pid, SIGKILL);
  eventually([&] { return processes_of(name).empty(); });
  for (const auto& point : mounts_below(directory_)) ::umount2(point.c_str(), MNT_DETACH);
  for (const auto& cgroup : cgroups_of(name)) ::rmdir(cgroup.c_str());
  // Behind a mount that did not go there may be anything of the machine.
  if (!mounts_below(directory_).empty()) throw Error("mounts stay below " + directory_);
  ::nftw(directory_.c_str(), remove_entry, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

std::string Bundle::leftovers() const {
  std::string all;
  for (const pid_t pid : processes_of(id_)) {
    std::string words = slurp("/proc/" + std::to_string(pid) + "/cmdline");
    for (char& c : words) c = c == '\0' ? ' ' : c;
    all += "process " + std::to_string(pid) + " (" + words + "); ";
  }
  for (const auto& cgroup : cgroups_of(id_)) all += "cgroup " + cgroup + "; ";
  for (const auto& point : mounts_below(directory_)) all += "mount " + point + "; ";
  if (!entries(root() + "/" + id_).empty()) all += "state directory; ";
  return all;
}

// config.json ---------------------------------------------------------------------------------------------------------

Bundle& Bundle::args(Words words) {
  words.insert(words.begin(), "/inside");
  return set("process.args", quoted(words));
}

Bundle& Bundle::set(std::string_view path, const std::string& json) {
  config_.set(path, json);
  return *this;
}

Bundle& Bundle::remove(std::string_view path) {
  config_.remove(path);
  return *this;
}

Bundle& Bundle::config(std::string text) {
  config_text_ = std::move(text);
  return *this;
}

Bundle& Bundle::mount(const std::string& destination, const std::string& type, const std::string& source,
                      const std::string& options) {
  Words list;
  for (std::size_t at = 0; at < options.size();) {
    const auto end = std::min(options.find(',', at), options.size());
    list.push_back(options.substr(at, end - at));
    at = end + 1;
  }
  return set("mounts[]", R"({"destination":)" + quoted(destination) + R"(,"type":)" + quoted(type) + R"(,"source":)" +
                             quoted(source) + R"(,"options":)" + quoted(list) + "}");
}

Bundle& Bundle::hook(const std::string& kind, const Words& words, const std::string& members) {
  return set("hooks." + kind + "[]", R"({"path":)" + quoted(words.at(0)) + R"(,"args":)" + quoted(words) +
                                         (members.empty() ? "" : ",") + members + "}");
}

Bundle& Bundle::map_ids(unsigned host_id, unsigned size) {
  const std::string map =
      R"([{"containerID":0,"hostID":)" + std::to_string(host_id) + R"(,"size":)" + std::to_string(size) + "}]";
  set("linux.namespaces[]", R"({"type":"user"})").set("linux.uidMappings", map).set("linux.gidMappings", map);
  for (const auto& name : entries(rootfs()))
    if (name != ".." && name != "inside") ::lchown(rootfs(name).c_str(), host_id, host_id);
  return *this;
}

void Bundle::write_config() {
  // By renaming: a runtime that has just been started may be about to read the one that is there.
  spill(path("config.json.new"), config_text_.empty() ? config_.text() : config_text_);
  if (::rename(path("config.json.new").c_str(), path("config.json").c_str()) != 0)
    throw Error::system("rename config.json");
}

// Commands ------------------------------------------------------------------------------------------------------------

Command Bundle::command(const Words& words) {
  write_config();
  Command command;
  command.words = {runtime_path(), "--root", root()};
  command.words.insert(command.words.end(), global_options.begin(), global_options.end());
  for (const auto& word : words) command.words.push_back(word == "ID" ? id_ : word);
  command.descriptors = descriptors;
  command.environment = environment;
  command.input = input;
  command.directory = directory;
  return command;
}

namespace {

Words joined(Words first, const Words& options, const Words& last) {
  first.insert(first.end(), options.begin(), options.end());
  first.insert(first.end(), last.begin(), last.end());
  return first;
}

}  // namespace

namespace {

/// Shows what a command complained of beside the next assertion, should that fail.
Result noted(Result result) {
  if (!result.err.empty()) UNSCOPED_INFO("standard error: " << result.err);
  return result;
}

}  // namespace

Result Bundle::runtime(const Words& words) {
  static unsigned number = 0;
  const std::string name = path("command" + std::to_string(++number));
  return noted(execute(command(words), name + ".out", name + ".err"));
}

Result Bundle::through_shell(const std::string& script, const Words& words) {
  auto shell = command(words);
  const Words before{"/bin/sh", "-c", script + "; exec \"$0\" \"$@\""};
  shell.words.insert(shell.words.begin(), before.begin(), before.end());
  return noted(execute(shell, path("shell.out"), path("shell.err")));
}

Result Bundle::run(const Words& options) {
  return runtime(joined({"run", "--bundle", directory_}, options, {"ID"}));
}

Result Bundle::create(const Words& options) {
  return noted(execute(command(joined({"create", "--bundle", directory_}, options, {"ID"})), path("container.out"),
                       path("container.err")));
}

Result Bundle::start() {
  return runtime({"start", "ID"});
}
Result Bundle::state() {
  return runtime({"state", "ID"});
}
Result Bundle::kill(const std::string& signal) {
  return runtime({"kill", "ID", signal});
}
Result Bundle::remove_container(const Words& options) {
  return runtime(joined({"delete"}, options, {"ID"}));
}

Result Bundle::exec(const Words& words, const Words& options) {
  return runtime(joined(joined({"exec"}, options, {"ID", "/inside"}), words, {}));
}

Running Bundle::begin(const Words& words, Running::Streams streams) {
  return {command(words), streams};
}

Running Bundle::begin_run(const Words& options, Running::Streams streams) {
  return begin(joined({"run", "--bundle", directory_}, options, {"ID"}), streams);
}

void Bundle::launch(const Words& options) {
  REQUIRE(create(options).status == 0);
  REQUIRE(start().status == 0);
}

bool Bundle::outputs(const std::string& text) const {
  return eventually([&] { return output().find(text) != std::string::npos; });
}

std::string Bundle::status() {
  const Result result = state();
  return result.status == 0 ? Tree::parse(result.out).at("status") : "";
}

pid_t Bundle::pid() {
  const Result result = state();
  return result.status == 0 ? static_cast<pid_t>(std::stol(Tree::parse(result.out).at("pid"))) : -1;
}

bool Bundle::becomes(const std::string& wanted) {
  return eventually([&] { return status() == wanted; });
}

}  // namespace test
