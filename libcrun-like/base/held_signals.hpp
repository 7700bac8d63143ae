// SPDX-License-Identifier: Apache-2.0
// Signals that wait for a while.
#pragma once
#include <csignal>
#include <initializer_list>

namespace oci {

/// Blocks signals as long as it lives; processes that are born meanwhile have them blocked.
class HeldSignals {
 public:
  explicit HeldSignals(std::initializer_list<int> numbers) noexcept {
    ::sigemptyset(&held_);
    for (const int number : numbers) ::sigaddset(&held_, number);
    ::sigprocmask(SIG_BLOCK, &held_, &before_);
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

  const sigset_t& held() const noexcept { return held_; }

 private:
  sigset_t held_{}, before_{};
};

}  // namespace oci
