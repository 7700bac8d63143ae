// SPDX-License-Identifier: Apache-2.0
#include "init/run.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <utility>

#include "base/files.hpp"
#include "base/timing.hpp"
#include "init/perform_mounts.hpp"
#include "init/perform_network.hpp"
#include "init/perform_process.hpp"
#include "init/perform_terminal.hpp"

namespace oci::init {
namespace {

/// runc's exit status for an init that could not become the program.
constexpr int failed = 255;

/// What the caller left ignored or blocked would be inherited by the program (execve(2)); CLONE_CLEAR_SIGHAND does not
/// reset ignored signals.
void reset_signals(std::uint64_t ignored) {
  for (int number = 1; number < NSIG; ++number)
    if ((ignored >> (static_cast<unsigned>(number) - 1) & 1U) != 0) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Tells the runtime, or, when it has left because the container was created long ago, whoever reads the container's
/// stderr.
void report(Scene& scene, const char* text, int code) noexcept {
  if (scene.parent && send(scene.parent, {Word::failure, scene.step, code, text, {}})) return;
  const std::string line = std::string(text) + "\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

void fail(Scene& scene, const char* text, int code) noexcept {
  if (take_back(scene)) return report(scene, text, code);
  report(scene, (std::string(text) + "; mounts made before it could not be taken back").c_str(), code);
}

/// Behind a filter, which may kill who reads the clock; and in the sibling that a Fork brings forth.
bool ends_timing(const Action& action) {
  return std::holds_alternative<LoadSeccomp>(action) || std::holds_alternative<Fork>(action);
}

void perform_all(const InitPlan& plan, Scene& scene) {
  auto* reading = timing::readings();
  for (scene.step = 0; scene.step < plan.steps.size(); ++scene.step) {
    if (scene.progress) scene.progress->step.store(scene.step, std::memory_order_relaxed);
    const auto& step = plan.steps[scene.step];
    if (reading) [[unlikely]]
      reading[scene.step] = timing::now();
    std::visit([&](const auto& action) { perform(action, scene); }, step.action);
    if (reading && ends_timing(step.action)) reading = nullptr;
  }
}

}  // namespace

void run(const InitPlan& plan, Arguments arguments, Fd parent, Progress& progress,
         std::uint64_t ignored_signals) noexcept {
  Scene scene;
  scene.arguments = std::move(arguments);
  scene.parent = std::move(parent);
  scene.progress = &progress;
  try {
    // A runtime that is killed takes a half-made container with it; Meet and setresuid(2) end this bond.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    reset_signals(ignored_signals);
    perform_all(plan, scene);
  } catch (const Error& error) {
    fail(scene, error.what(), error.code());
  } catch (const std::exception& error) {
    fail(scene, error.what(), 0);
  }
  ::_exit(failed);
}

}  // namespace oci::init
