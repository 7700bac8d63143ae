// SPDX-License-Identifier: Apache-2.0
#include "kernel/criu.hpp"

#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "base/datagram.hpp"
#include "base/log.hpp"
#include "base/syscalls.hpp"
#include "base/text.hpp"

namespace oci::criu {
namespace {

constexpr int socket_number = 3;
constexpr int quick_ms = 30'000;  ///< for what needs neither disk nor the container
constexpr int for_ever = -1;
constexpr std::size_t largest_answer = std::size_t{64} * 1024;

bool is_program(const std::string& path) {
  const auto status = sys::try_fstatat(working_directory, path, 0);
  return status && S_ISREG(status->st_mode) && ::access(path.c_str(), X_OK) == 0;
}

/// posix_spawn(3) wants to be told what becomes of descriptors and signals in two objects.
class Instructions {
 public:
  Instructions() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    // `run` and `restore` block everything while they attend a process.
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  Instructions(const Instructions&) = delete;
  Instructions& operator=(const Instructions&) = delete;
  ~Instructions() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  void give(FdRef file, int number) {
    if (const int code = ::posix_spawn_file_actions_adddup2(&actions_, file.get(), number); code != 0)
      throw Error::system("hand a descriptor to criu", code);
  }

  pid_t spawn(const std::string& program, std::array<const char*, 4> words) {
    pid_t pid = -1;
    const int code =
        ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, const_cast<char* const*>(words.data()), environ);
    if (code != 0) throw Error::system("execute " + program, code);
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::string in_words(const Response& response) {
  std::string text = response.problem.substr(0, response.problem.find('\n'));
  if (response.code != 0) text.append(text.empty() ? "" : ": ").append(Error::system("criu", response.code).what());
  return text.empty() ? "criu does not say why" : text;
}

}  // namespace

std::string find_program() {
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "";
  while (!rest.empty()) {
    const auto directory = cut(rest, ":");
    // What "." is depends on the caller: os/exec, which runc starts criu with, refuses it too.
    if (!directory.starts_with('/')) continue;
    if (auto file = std::string(directory) + "/criu"; is_program(file)) return file;
  }
  throw Error("criu is not in $PATH: install the package criu", ENOENT);
}

Session::Session(const std::vector<FdRef>& inherited) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) < 0) throw Error::system("socketpair");
  socket_ = Fd(ends[0]);
  start(Fd(ends[1]), inherited);
}

void Session::start(const Fd& socket, const std::vector<FdRef>& inherited) {
  // dup2(2) must not overwrite what it has yet to copy: all sources are above all targets.
  const int lowest = first_inherited + static_cast<int>(inherited.size());
  std::vector<Fd> sources;
  sources.push_back(sys::duplicate(socket, lowest));
  for (const auto& file : inherited) sources.push_back(sys::duplicate(file, lowest));
  Instructions instructions;
  for (std::size_t i = 0; i < sources.size(); ++i) instructions.give(sources[i], socket_number + static_cast<int>(i));
  const auto program = find_program();
  pid_ = instructions.spawn(program, {"criu", "swrk", "3", nullptr});
  log::debug("started " + program + " swrk as process " + std::to_string(pid_));
}

Session::~Session() {
  // It would call the end of the connection an error, on our standard error.
  if (is_idle_) ::kill(pid_, SIGKILL);
  socket_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

void Session::send(const Request& request) const {
  const auto text = encode(request);
  ssize_t sent = 0;
  do {
    sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) throw Error::system("send a request to criu");
}

Session::Answer Session::receive(int timeout_ms) const {
  pollfd ready{socket_.get(), POLLIN, 0};
  int count = 0;
  do {
    count = ::poll(&ready, 1, timeout_ms);
  } while (count < 0 && errno == EINTR);
  if (count == 0) {
    throw Error("criu did not answer within " + std::to_string(timeout_ms / 1000) + " s", ETIMEDOUT);
  }
  std::string text(largest_answer, '\0');
  iovec part{text.data(), text.size()};
  auto got = receive_datagram(socket_, {&part, 1});
  if (got.size < 0) throw Error::system("read criu's answer");
  if (got.size == 0) throw Error("criu ended without an answer");
  if (got.is_cut) throw Error("criu's answer is too long", EMSGSIZE);
  Answer answer;
  answer.attached = std::move(got.attached);
  answer.response = decode_response({text.data(), static_cast<std::size_t>(got.size)});
  return answer;
}

Session::Answer Session::ask(const Request& request, int timeout_ms) {
  send(request);
  return receive(timeout_ms);
}

unsigned Session::version() {
  const auto [response, unused] = ask({.kind = Kind::version, .keep_open = true}, quick_ms);
  if (!response.success || response.version == 0) throw Error("ask criu for its version: " + in_words(response));
  if (response.version < oldest_version)
    throw Error("CRIU version " + std::to_string(response.version) + " must be " + std::to_string(oldest_version) +
                " or higher");
  return response.version;
}

Features Session::features(const Features& wanted) {
  const auto [response, unused] = ask({.kind = Kind::feature_check, .keep_open = true, .features = wanted}, quick_ms);
  if (!response.success) throw Error("CRIU feature check failed: " + in_words(response));
  return response.features;
}

Response Session::perform(const Request& request, const Notified& notified) {
  std::exception_ptr refusal;
  is_idle_ = false;
  auto answer = ask(request, for_ever);
  while (answer.response.kind == Kind::notify) {
    log::debug("criu: " + answer.response.script);
    try {
      // Once refused, what follows is criu's way back.
      if (!refusal) notified(answer.response, std::move(answer.attached));
    } catch (...) {
      refusal = std::current_exception();
    }
    try {
      answer = ask({.kind = Kind::notify, .notify_success = !refusal}, for_ever);
    } catch (const Error&) {
      if (refusal) break;
      throw;
    }
  }
  if (refusal) std::rethrow_exception(refusal);
  // After a pre-dump the dump could follow.
  is_idle_ = request.kind == Kind::pre_dump && answer.response.success;
  if (!answer.response.success) throw Error(in_words(answer.response), answer.response.code);
  if (answer.response.kind != request.kind) throw Error("criu answered what it was not asked", EBADMSG);
  return std::move(answer.response);
}

namespace {

/// What the first lines with errors say, of a log that comes in parts.
class FirstErrors {
 public:
  bool enough() const noexcept { return count_ >= most; }
  const std::string& text() const noexcept { return found_; }

  void add(std::string_view part) {
    rest_ += part;
    std::size_t start = 0;
    for (auto end = rest_.find('\n'); end != rest_.npos; start = end + 1, end = rest_.find('\n', start))
      take(std::string_view(rest_).substr(start, end - start));
    rest_.erase(0, start);
    if (rest_.size() > longest_line) rest_.erase(0, rest_.size() - longest_line);
  }

 private:
  void take(std::string_view line) {
    const auto at = line.find("Error (");
    if (at == line.npos || enough()) return;
    ++count_;
    found_.append(found_.empty() ? "" : "; ").append(line.substr(at));
  }

  static constexpr int most = 3;
  static constexpr std::size_t longest_line = 4096;
  std::string found_, rest_;
  int count_ = 0;
};

}  // namespace

std::string first_errors(FdRef log) {
  FirstErrors errors;
  std::array<char, std::size_t{64} * 1024> block{};
  while (!errors.enough()) {
    const auto got = ::read(log.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    errors.add(got > 0 ? std::string_view(block.data(), static_cast<std::size_t>(got))
                       : "\n");  // the end of a last line
    if (got <= 0) break;
  }
  return errors.text();
}

}  // namespace oci::criu
