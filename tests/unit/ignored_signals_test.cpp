// SPDX-License-Identifier: Apache-2.0
#include "kernel/ignored_signals.hpp"

#include <csignal>

#include "support/catch.hpp"

namespace {

constexpr std::uint64_t bit(int number) {
  return std::uint64_t{1} << (static_cast<unsigned>(number) - 1);
}

}  // namespace

TEST_CASE("the signals that are ignored are told, and no others") {
  // Whoever starts the tests may ignore some; hardly these.
  for (const int number : {SIGUSR1, SIGRTMAX}) ::signal(number, SIG_DFL);
  const auto before = oci::ignored_signals();
  CHECK((before & (bit(SIGUSR1) | bit(SIGRTMAX))) == 0);
  for (const int number : {SIGUSR1, SIGRTMAX}) ::signal(number, SIG_IGN);
  const auto ignored = oci::ignored_signals();
  for (const int number : {SIGUSR1, SIGRTMAX}) ::signal(number, SIG_DFL);
  CHECK(ignored == (before | bit(SIGUSR1) | bit(SIGRTMAX)));
}
