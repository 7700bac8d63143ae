// SPDX-License-Identifier: Apache-2.0
// Running another program: hooks and newuidmap to their end, the one that speaks with systemd while it is needed.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/handle.hpp"

namespace oci {

/// What to run. It gets a process group of its own, default signal dispositions, an empty signal mask, no descriptors
/// but 0-2, and dies with the caller.
struct Command {
  std::string path = {};                             ///< absolute
  std::vector<std::string> args = {};                ///< argv exactly; empty: the path alone
  std::optional<std::vector<std::string>> env = {};  ///< absent: the caller's own
  std::string cwd = {};                              ///< empty: the caller's
  std::string input = {};                            ///< all it finds on its standard input
  FdRef output{-1};                                  ///< where its standard output goes; none: Outcome::output
  FdRef errors{-1};                                  ///< the same of its standard error
  std::int64_t timeout_s = 0;                        ///< then the process group is killed; 0: never
  std::string noun = "command";                      ///< what messages call it: "hook"
};

struct Outcome {
  int status = 0;         ///< exit status, or with `killed` the signal
  bool killed = false;    ///< by a signal
  bool too_slow = false;  ///< the signal was ours
  std::string output;     ///< the last 4 KiB of its standard output
  std::string errors;     ///< the same of its standard error

  bool succeeded() const noexcept { return status == 0 && !killed; }
};

/// Runs it to its end, or its timeout. Descendants that keep its output open are not waited for.
/// @throws Error when it cannot be started
Outcome run(const Command& command);

/// "exit status 3, stdout: …, stderr: …"; "killed by signal 31 (bad system call)…"; "hook ran past specified timeout
/// of 1.0s…".
std::string describe_failure(const Command& command, const Outcome& outcome);

/// The same for callers to whom anything but success is an error. Returns the standard output.
/// @throws Error with describe_failure's text
std::string run_successfully(const Command& command);

/// A program that is asked something and answers in lines. Killed with the object, which does not wait for the end of
/// its standard input to be seen: whoever has been born meanwhile holds that open too.
class Dialogue {
 public:
  /// Starts it with command.input on its standard input, which stays open. Its standard error is the caller's.
  /// @throws Error when it cannot be started
  explicit Dialogue(const Command& command);
  Dialogue(Dialogue&& other) noexcept;
  Dialogue& operator=(Dialogue&&) = delete;
  Dialogue(const Dialogue&) = delete;
  Dialogue& operator=(const Dialogue&) = delete;
  ~Dialogue();

  /// Its next line, without the newline; nothing when it has closed its standard output.
  /// @throws Error when that takes longer than command.timeout_s after the start
  std::optional<std::string> next_line();

 private:
  class Partner;
  std::unique_ptr<Partner> partner_;
};

}  // namespace oci
