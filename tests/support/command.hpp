// SPDX-License-Identifier: Apache-2.0
// Runs programs for tests: to their end with everything captured, or in the background on pipes or a terminal.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/handle.hpp"

namespace test {

using Seconds = std::chrono::seconds;

/// A command with sanitizers starts in 0.2 s of processor time rather than in a millisecond.
#ifdef __SANITIZE_ADDRESS__
inline constexpr int patience = 4;
#else
inline constexpr int patience = 1;
#endif

/// How a program ended.
struct Result {
  int status = -1;  ///< as a shell gives it: 0-255, 128+n for signal n
  std::string out;
  std::string err;
};

/// What to run. Descriptors of the test that are not named here do not reach the program.
struct Command {
  std::vector<std::string> words;
  std::string input;             ///< what stands on its standard input; empty: /dev/null
  std::vector<int> descriptors;  ///< become its 3, 4, …
  std::optional<std::vector<std::string>> environment;
  std::string directory;
  Seconds timeout{patience * 30};
};

/// Runs it to its end. Its output goes to files: children that hold them open do not keep the caller waiting.
/// A program that does not end in time is killed, and the test fails.
Result execute(const Command& command, const std::string& out_file, const std::string& err_file);

/// A program in the background; killed and reaped when this ends.
class Running {
 public:
  enum class Streams : unsigned char { pipes, terminal };

  Running(const Command& command, Streams streams);
  Running(Running&& other) noexcept;
  Running& operator=(Running&&) = delete;
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running();

  pid_t pid() const noexcept { return pid_; }
  /// Its terminal's master; only with Streams::terminal.
  const oci::Fd& terminal() const noexcept { return out_; }
  void write(std::string_view text) const;
  /// Closes its standard input (a pipe only).
  void close_input() { in_.reset(); }
  /// What it has written so far, once that contains `text` (or it has closed its output, or time is up).
  const std::string& read_until(std::string_view text, Seconds timeout = Seconds(patience * 10));
  /// Everything it writes until it ends, and how. err holds nothing when it has a terminal.
  Result finish(Seconds timeout = Seconds(patience * 30));

 private:
  void start(const Command& command, Streams streams);

  pid_t pid_ = -1;
  oci::Fd in_;
  oci::Fd out_;
  oci::Fd err_;
  std::string seen_;
};

/// A unix socket that waits for one descriptor, as engines do for consoles and pidfds.
class Receiver {
 public:
  explicit Receiver(const std::string& path);
  /// The descriptor that came with the first message; empty when none comes in time.
  oci::Fd receive(Seconds timeout = Seconds(patience * 10));
  const std::string& payload() const noexcept { return payload_; }

 private:
  oci::Fd socket_;
  std::string payload_;
};

/// Reads from `fd` until its text so far contains `text`, end of file or time is up.
void read_until(const oci::Fd& fd, std::string& so_far, std::string_view text, Seconds timeout);

/// Calls `done` until it says yes; false when it did not in time.
template <class Predicate>
bool eventually(Predicate&& done, Seconds timeout = Seconds(patience * 5)) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    ::usleep(5'000);
  }
  return true;
}

/// The whole file, also one of /proc; empty when it cannot be read.
std::string slurp(const std::string& path);
void spill(const std::string& path, const std::string& text, mode_t mode = 0644);

}  // namespace test
