// SPDX-License-Identifier: Apache-2.0
#include "support/command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

#include "base/files.hpp"
#include "base/syscalls.hpp"
#include "support/catch.hpp"

namespace test {
namespace {

using oci::Error;
using oci::Fd;

constexpr int lowest_free = 100;  ///< above every number that a test hands to a command

int remaining_ms(std::chrono::steady_clock::time_point end) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

/// In the child: the streams, the descriptors from 3 on, and nothing else.
void prepare(const Command& command, int in, int out, int err) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<int> wanted{in, out, err};
  wanted.insert(wanted.end(), command.descriptors.begin(), command.descriptors.end());
  for (int& fd : wanted) {
    fd = ::fcntl(fd, F_DUPFD, lowest_free);
    if (fd < 0) throw Error::system("duplicate a descriptor for a command");
  }
  for (std::size_t number = 0; number < wanted.size(); ++number) ::dup2(wanted[number], static_cast<int>(number));
  oci::sys::close_from(static_cast<unsigned>(wanted.size()));
  if (!command.directory.empty() && ::chdir(command.directory.c_str()) != 0)
    throw Error::system("chdir " + command.directory);
}

/// In the child, which must not go back into the tests.
[[noreturn]] void become(const Command& command, int in, int out, int err) noexcept try {
  prepare(command, in, out, err);
  auto words = pointers(command.words);
  const auto given = command.environment.value_or(std::vector<std::string>{});
  auto environment = pointers(given);
  ::execve(words[0], words.data(), command.environment ? environment.data() : ::environ);
  ::dprintf(2, "cannot execute %s: %s\n", words[0], std::strerror(errno));
  ::_exit(127);
} catch (const std::exception& error) {
  ::dprintf(2, "%s\n", error.what());
  ::_exit(126);
}

Fd standard_input(const std::string& text) {
  if (text.empty()) return oci::sys::openat(oci::working_directory, "/dev/null", O_RDONLY);
  Fd file = oci::sys::openat(oci::working_directory, "/tmp", O_TMPFILE | O_RDWR, 0600);
  oci::write_all(file, text, "standard input");
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

Fd output_file(const std::string& path) {
  return oci::sys::openat(oci::working_directory, path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
}

pid_t fork_or_throw() {
  const pid_t pid = ::fork();
  if (pid < 0) throw Error::system("fork");
  return pid;
}

int status_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/// Reaps `pid`, killing it when it is not done in time.
int reap(pid_t pid, Seconds timeout) {
  const auto process = oci::sys::pidfd_open(pid);
  pollfd event{process.get(), POLLIN, 0};
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (::poll(&event, 1, remaining_ms(end)) < 0 && errno == EINTR) continue;
  if ((event.revents & POLLIN) == 0) {
    FAIL_CHECK("a command did not end within " << timeout.count() << " seconds");
    ::kill(pid, SIGKILL);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status_of(status);
}

std::pair<Fd, Fd> pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error::system("pipe2");
  return {Fd(ends[0]), Fd(ends[1])};
}

}  // namespace

Result execute(const Command& command, const std::string& out_file, const std::string& err_file) {
  const Fd in = standard_input(command.input);
  const Fd out = output_file(out_file);
  const Fd err = output_file(err_file);
  const pid_t pid = fork_or_throw();
  if (pid == 0) become(command, in.get(), out.get(), err.get());
  Result result;
  result.status = reap(pid, command.timeout);
  result.out = slurp(out_file);
  result.err = slurp(err_file);
  return result;
}

Running::Running(const Command& command, Streams streams) {
  start(command, streams);
}

Running::Running(Running&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      in_(std::move(other.in_)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)),
      seen_(std::move(other.seen_)) {}

void Running::start(const Command& command, Streams streams) {
  if (streams == Streams::pipes) {
    auto [child_in, in] = pipe();
    auto [out, child_out] = pipe();
    auto [err, child_err] = pipe();
    pid_ = fork_or_throw();
    if (pid_ == 0) become(command, child_in.get(), child_out.get(), child_err.get());
    in_ = std::move(in);
    out_ = std::move(out);
    err_ = std::move(err);
    return;
  }
  int master = -1;
  int slave = -1;
  winsize size{24, 80, 0, 0};
  if (::openpty(&master, &slave, nullptr, nullptr, &size) != 0) throw Error::system("openpty");
  out_ = Fd(master);
  const Fd terminal(slave);
  ::fcntl(master, F_SETFD, FD_CLOEXEC);
  pid_ = fork_or_throw();
  if (pid_ == 0) {
    ::setsid();
    ::ioctl(slave, TIOCSCTTY, 0);
    become(command, slave, slave, slave);
  }
}

Running::~Running() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Running::write(std::string_view text) const {
  oci::write_all(in_ ? in_ : out_, text, "the command's input");
}

const std::string& Running::read_until(std::string_view text, Seconds timeout) {
  test::read_until(out_, seen_, text, timeout);
  return seen_;
}

Result Running::finish(Seconds timeout) {
  Result result;
  // A text that never comes: to the end of the file.
  test::read_until(out_, seen_, std::string_view("\0never", 6), timeout);
  result.out = seen_;
  if (err_) test::read_until(err_, result.err, std::string_view("\0never", 6), timeout);
  result.status = reap(std::exchange(pid_, -1), timeout);
  return result;
}

void read_until(const Fd& fd, std::string& so_far, std::string_view text, Seconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (so_far.find(text) == std::string::npos) {
    pollfd event{fd.get(), POLLIN, 0};
    const int ready = ::poll(&event, 1, remaining_ms(end));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return;
    std::array<char, 4096> buffer{};
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got <= 0) return;  // a terminal whose last user has gone says EIO
    so_far.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Receiver::Receiver(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{AF_UNIX, {}};
  if (path.size() >= sizeof(address.sun_path)) throw Error("too long for a socket: " + path);
  path.copy(address.sun_path, path.size());
  if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(socket_.get(), 1) != 0)
    throw Error::system("listen on " + path);
}

Fd Receiver::receive(Seconds timeout) {
  pollfd event{socket_.get(), POLLIN, 0};
  if (::poll(&event, 1, static_cast<int>(timeout.count()) * 1000) != 1) return {};
  const Fd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  event = {connection.get(), POLLIN, 0};
  if (::poll(&event, 1, static_cast<int>(timeout.count()) * 1000) != 1) return {};

  std::array<char, 4096> bytes{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC);
  if (got > 0) payload_.assign(bytes.data(), static_cast<std::size_t>(got));
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  // conmon wants exactly one descriptor in exactly one control message.
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int))) return {};
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
  return Fd(fd);
}

std::string slurp(const std::string& path) {
  const auto file = oci::sys::try_openat(oci::working_directory, path, O_RDONLY);
  std::string text;
  std::array<char, 4096> buffer{};
  while (file) {
    const ssize_t got = ::read(file.fd.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

void spill(const std::string& path, const std::string& text, mode_t mode) {
  const auto file = oci::sys::openat(oci::working_directory, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
  oci::write_all(file, text, path);
  ::fchmod(file.get(), mode);
}

}  // namespace test
