// SPDX-License-Identifier: Apache-2.0
#include "container/state.hpp"

#include <dirent.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "container/record.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

constexpr mode_t private_directory = 0700;
constexpr mode_t private_file = 0600;
constexpr auto state_file = "state.json";
constexpr auto prepared_state_file = "state.json.new";
constexpr auto fifo_name = "exec.fifo";
/// Beside the containers; no container can have this name, because ids have no colon.
constexpr std::string_view cache_name = "cache:seccomp";

struct CloseDirectory {
  void operator()(DIR* dir) const noexcept { ::closedir(dir); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

/// nullptr at the end.
const dirent* next_entry(const Directory& directory, const std::string& path) {
  errno = 0;
  const auto* entry = ::readdir(directory.get());
  if (!entry && errno != 0) throw Error::system("list " + path);
  return entry;
}

void remove_entries(const Directory& entries, const std::string& path) {
  const FdRef directory(::dirfd(entries.get()));
  while (const auto* entry = next_entry(entries, path)) {
    const std::string_view name(entry->d_name);
    if (name == "." || name == "..") continue;
    if (entry->d_type == DT_DIR) ::unlinkat(directory.get(), (std::string(name) + "/notify.sock").c_str(), 0);
    if (::unlinkat(directory.get(), entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT)
      throw Error::system("remove " + path + "/" + entry->d_name);
  }
}

/// The store's directory, with those above it: `--root` may name one that does not exist yet.
Fd open_store(const std::string& root) {
  auto tried = sys::try_openat(working_directory, root, O_RDONLY | O_DIRECTORY);
  if (tried.code != ENOENT) {
    if (tried.code != 0) throw Error::system("open " + root + " (O_RDONLY|O_DIRECTORY)", tried.code);
    return std::move(tried.fd);
  }
  for (auto end = root.find('/', 1); end != root.npos; end = root.find('/', end + 1))
    if (::mkdir(root.substr(0, end).c_str(), 0755) < 0 && errno != EEXIST)
      throw Error::system("mkdir " + root.substr(0, end));
  if (::mkdir(root.c_str(), private_directory) < 0 && errno != EEXIST) throw Error::system("mkdir " + root);
  return sys::openat(working_directory, root, O_RDONLY | O_DIRECTORY);
}

}  // namespace

std::optional<std::uint64_t> start_time_of(pid_t pid) {
  const auto text = try_read_page(working_directory, "/proc/" + std::to_string(pid) + "/stat");
  if (!text) return std::nullopt;
  // The name in parentheses may hold anything; fields are counted from the last one. proc_pid_stat(5): 3 is the state.
  std::string_view rest(*text);
  rest.remove_prefix(std::min(rest.rfind(')') + 2, rest.size()));
  if (rest.empty() || rest.front() == 'Z' || rest.front() == 'X') return std::nullopt;
  static constexpr int fields_before = 22 - 3;
  for (int i = 0; i < fields_before; ++i) rest.remove_prefix(std::min(rest.find(' ') + 1, rest.size()));
  std::uint64_t ticks = 0;
  if (std::from_chars(rest.data(), rest.data() + rest.size(), ticks).ec != std::errc{}) return std::nullopt;
  return ticks;
}

StateDirectory::StateDirectory(Fd dir, std::string path, bool made_here)
    : dir_(std::move(dir)), path_(std::move(path)), made_here_(made_here) {}

StateDirectory::StateDirectory(StateDirectory&& other) noexcept
    : dir_(std::move(other.dir_)), path_(std::move(other.path_)), made_here_(std::exchange(other.made_here_, false)) {}

StateDirectory::~StateDirectory() {
  if (!made_here_) return;
  try {
    remove();
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the error that brought us here is the one to tell
  }
}

StateDirectory StateDirectory::make(const Store& store, const std::string& id) {
  check_id(id);
  const auto root = open_store(store.root);
  if (::mkdirat(root.get(), id.c_str(), private_directory) < 0) {
    if (errno == EEXIST) throw Error("container with given ID already exists", EEXIST);
    throw Error::system("mkdir " + store.root + "/" + id);
  }
  const auto path = store.root + "/" + id;
  auto dir = sys::try_openat(root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (dir) return {std::move(dir.fd), path, true};
  ::unlinkat(root.get(), id.c_str(), AT_REMOVEDIR);
  throw Error::system("open " + path + " (O_RDONLY|O_DIRECTORY)", dir.code);
}

StateDirectory StateDirectory::open(const Store& store, const std::string& id) {
  check_id(id);
  const auto path = store.root + "/" + id;
  auto dir = sys::try_openat(working_directory, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (dir.code == ENOENT) throw Error("container does not exist", ENOENT);
  if (dir.code != 0) throw Error::system("open " + path + " (O_RDONLY|O_DIRECTORY)", dir.code);
  return {std::move(dir.fd), path, false};
}

void StateDirectory::lock() const {
  while (::flock(dir_.get(), LOCK_EX) < 0)
    if (errno != EINTR) throw Error::system("lock " + path_);
  // Whoever held the lock may have deleted the container; the id may be another's by now.
  if (sys::fstat(dir_).st_nlink == 0) throw Error("container does not exist", ENOENT);
}

void StateDirectory::unlock() const {
  ::flock(dir_.get(), LOCK_UN);
}

void StateDirectory::remember(const std::string& name, const std::string& target) const {
  if (::symlinkat(target.c_str(), dir_.get(), name.c_str()) < 0) throw Error::system("symlink " + path(name));
}

std::string StateDirectory::recall(const std::string& name) const {
  std::array<char, 4096> target{};
  const auto size = ::readlinkat(dir_.get(), name.c_str(), target.data(), target.size());
  if (size < 0 && errno != ENOENT) throw Error::system("readlink " + path(name));
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

void StateDirectory::prepare(const Record& record) const {
  write_all(sys::openat(dir_, prepared_state_file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, private_file),
            encode(record), path(prepared_state_file));
}

void StateDirectory::publish() const {
  if (::renameat(dir_.get(), prepared_state_file, dir_.get(), state_file) < 0)
    throw Error::system("rename " + path(prepared_state_file) + " to " + state_file);
}

std::optional<Record> StateDirectory::load() const {
  auto text = try_read_file(dir_, state_file);
  if (!text) return std::nullopt;
  return in_context([&] { return path(state_file); }, [&] { return decode_record(*text); });
}

Fd StateDirectory::make_start_fifo() const {
  if (::mkfifoat(dir_.get(), fifo_name, private_file) < 0) throw Error::system("mkfifo " + path(fifo_name));
  return sys::openat(dir_, fifo_name, O_RDWR);
}

bool StateDirectory::awaits_start() const {
  // Without a reader (ENXIO, fifo(7)) the process has gone on, although a `start` that was killed has left the fifo
  // behind.
  const int code = sys::try_openat(dir_, fifo_name, O_WRONLY | O_NONBLOCK).code;
  if (code == 0 || code == ENXIO || code == ENOENT) return code == 0;
  throw Error::system("open " + path(fifo_name) + " (O_WRONLY|O_NONBLOCK)", code);
}

std::string StateDirectory::seccomp_cache() const {
  return path_.substr(0, path_.rfind('/') + 1).append(cache_name);
}

void StateDirectory::remove() {
  made_here_ = false;
  if (sys::fstat(dir_).st_nlink == 0) return;  // another has been quicker, and the name may be a new container's
  // Most have these files and no others, so that nobody has to list them.
  for (const auto* name : {state_file, "config.json", "process", "cgroup", "bundle"}) ::unlinkat(dir_.get(), name, 0);
  if (::rmdir(path_.c_str()) == 0) return;
  // Its own descriptor, not another one: a create that ran out of descriptors has to be able to leave nothing behind.
  const Directory entries(::fdopendir(dir_.get()));
  if (!entries) throw Error::system("list " + path_);
  dir_.release();
  remove_entries(entries, path_);
  if (::rmdir(path_.c_str()) < 0 && errno != ENOENT) throw Error::system("rmdir " + path_);
}

std::vector<std::string> ids_in(const Store& store) {
  std::vector<std::string> ids;
  const Directory entries(::opendir(store.root.c_str()));
  if (!entries) {
    if (errno == ENOENT) return ids;
    throw Error::system("list " + store.root);
  }
  while (const auto* entry = next_entry(entries, store.root)) {
    const std::string_view name(entry->d_name);
    if (name != "." && name != ".." && name != cache_name && entry->d_type == DT_DIR) ids.emplace_back(name);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace oci
