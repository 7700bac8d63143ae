// SPDX-License-Identifier: Apache-2.0
// Owning descriptors. The tag makes a mount, a process and a plain file different types.
#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace oci {

/// Owns a descriptor and closes it. An empty handle holds -1.
template <class Tag>
class Handle {
 public:
  Handle() = default;
  explicit Handle(int fd) noexcept : fd_(fd) {}
  Handle(Handle&& other) noexcept : fd_(other.release()) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = other.release();
    }
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { reset(); }

  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

using Fd = Handle<struct FileTag>;        ///< anything read, written or looked below by its number
using MountFd = Handle<struct MountTag>;  ///< a mount that hangs nowhere yet: fsmount(2), open_tree(2)
using Pidfd = Handle<struct PidTag>;      ///< a process: clone3(2), pidfd_open(2)

/// A descriptor that somebody else owns for as long as the call lasts.
class FdRef {
 public:
  template <class Tag>
  FdRef(const Handle<Tag>& owner) noexcept : fd_(owner.get()) {}  // NOLINT(google-explicit-constructor): a reference
  constexpr explicit FdRef(int fd) noexcept : fd_(fd) {}
  constexpr int get() const noexcept { return fd_; }

 private:
  int fd_;
};

/// Where relative paths start: the working directory.
inline constexpr FdRef working_directory{AT_FDCWD};

}  // namespace oci
