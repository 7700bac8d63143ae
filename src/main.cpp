// SPDX-License-Identifier: Apache-2.0
// runtime: runs containers as the Open Container Initiative describes them.
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <csignal>
#include <exception>

#include "base/log.hpp"
#include "commands.hpp"
#include "features.hpp"
#include "text.hpp"

namespace oci::cli {
namespace {

/// Without this the first file we open would become the container's standard input.
void open_missing_streams() noexcept {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    // The lowest free number is this one. Not close-on-exec: the container's process inherits it.
    if (::fcntl(stream, F_GETFD) < 0) (void)::open("/dev/null", O_RDWR);  // NOLINT(android-cloexec-open)
  }
}

/// Memory that was used and freed serves again, also in large pieces: a new page costs more than anything that is done
/// with it. From 128 KiB on malloc(3) would fetch new ones each time, and give free ones at the end back (mallopt(3)).
void keep_freed_memory() noexcept {
  static constexpr int largest = 32 << 20;  // that it takes
  ::mallopt(M_MMAP_THRESHOLD, largest);
  ::mallopt(M_TRIM_THRESHOLD, largest);
}

int refuse(const CommandLine& line, const Mistake& mistake) {
  if (mistake.show_help) print("Incorrect Usage.\n\n" + help_text(line.command));
  log::fatal(mistake.show_help ? std::string(program()) + ": " + mistake.message : mistake.message);
  return mistake.status;
}

int carry_out(CommandLine& line, std::span<const char* const> arguments) {
  const auto mistake = parse(line, arguments);
  open_log(line.globals);
  if (mistake) return refuse(line, *mistake);
  if (line.version) return print(version_text(libseccomp_release())), 0;
  if (line.usage) return print(usage_text(line.command)), 0;
  if (line.help || !line.command) return print(help_text(line.command)), 0;
  return perform(line);
}

}  // namespace
}  // namespace oci::cli

int main(int count, char** words) {
  // A caller's SIG_IGN survives execve and would reap our children before we can ask for their status.
  ::signal(SIGCHLD, SIG_DFL);
  oci::cli::open_missing_streams();
  oci::cli::keep_freed_memory();
  oci::cli::CommandLine line;
  try {
    const auto given = count > 0 ? static_cast<std::size_t>(count) - 1 : 0;
    oci::cli::leave(oci::cli::carry_out(line, {words + (count > 0 ? 1 : 0), given}));
  } catch (const std::exception& error) {
    oci::log::fatal(error.what());
    oci::cli::leave(line.command ? line.command->failure_status : 1);
  }
}
