// SPDX-License-Identifier: Apache-2.0
// Messages to whoever called: one write(2) per message, so that parent and child may share the sink.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/handle.hpp"

namespace oci::log {

enum class Level : std::uint8_t { debug, info, warning, error };
enum class Format : std::uint8_t {
  text,  ///< time="…" level=error msg="…"
  json,  ///< {"level":"error","msg":"…","time":"…"}
};

/// Where messages go from now on. `file` empty: standard error.
void configure(Level lowest, Format format, Fd file);

/// Who keeps messages, where no file does. What it is told is read there with its own tools, so it gets text.
enum class Service : std::uint8_t { none, journal, syslog };

/// To the daemon instead, under `identifier`. @throws Error where it does not listen
void configure(Level lowest, Service service, std::string_view identifier);

/// What goes over the daemon's socket: systemd's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), or RFC 3164
/// without the date, which the daemon knows itself.
std::string datagram(Service service, std::string_view identifier, Level level, std::string_view message);

/// Whether a debug message would be seen; for callers to whom making one is work.
bool debugging() noexcept;

void write(Level level, std::string_view message);
inline void debug(std::string_view message) {
  write(Level::debug, message);
}
inline void warning(std::string_view message) {
  write(Level::warning, message);
}

/// The message a failing command ends with: in the log, and also bare on standard error when the log is a file
/// (conmon hands the runtime's standard error on, containerd reads the log).
void fatal(std::string_view message);

/// The same for what the container's process would have said itself: without the log's dress on standard error.
void last_words(std::string_view message);

/// `text` with whatever a terminal would obey rather than show written as an escape ("\x1b"): names and messages may
/// come from an image.
std::string printable(std::string_view text);

}  // namespace oci::log
