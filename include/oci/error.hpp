// SPDX-License-Identifier: Apache-2.0
// The one exception of the library: a message that grows frames on its way up, and the errno behind it.
#pragma once
#include <cerrno>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace oci {

/// Whatever went wrong, as one line for a person: outermost context first, the kernel's reason last.
class Error : public std::exception {
 public:
  /// `code` is the errno behind the failure, 0 when no system call was at fault.
  explicit Error(std::string message, int code = 0) : message_(std::move(message)), code_(code) {}

  /// The failure of a system call, described by what it was meant to do: "open /proc/self/exe".
  static Error system(std::string_view attempt, int code = errno);

  /// The failure of a value: `message` says what is wrong with it, `field` is what it is called in its object.
  static Error in_field(std::string_view field, std::string message, int code = 0);

  /// Puts the frame that an error passes on its way up in front: "create container c1".
  void within(std::string_view frame);

  /// Extends the JSON path at the front of the message by one member or index: "process.user.uid", "mounts[0]".
  void at(std::string_view segment);

  int code() const noexcept { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
  int code_;
  bool in_path_ = false;  ///< message_ starts with a JSON path that at() may extend
};

/// Runs `body`; an Error that leaves it carries the frame in front. `frame` is only called when that happens.
template <class Frame, class Body>
decltype(auto) in_context(Frame&& frame, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (Error& error) {
    error.within(std::forward<Frame>(frame)());
    throw;
  }
}

/// The same for one step down a JSON document.
template <class Segment, class Body>
decltype(auto) at_path(Segment&& segment, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (Error& error) {
    error.at(std::forward<Segment>(segment)());
    throw;
  }
}

}  // namespace oci
