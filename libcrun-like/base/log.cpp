// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "oci/error.hpp"

namespace oci::log {
namespace {

struct Sink {
  Level lowest = Level::warning;
  Format format = Format::text;
  Service service = Service::none;
  std::array<char, 64> identifier{};  ///< of the service
  int file = -1;  ///< a plain number, because a Handle would need a destructor to run at exit; -1: standard error
};
constinit Sink sink;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): standard error is as global

/// conmon waits for us before it empties the pipe that our standard error is.
constexpr std::size_t longest_message = std::size_t{16} * 1024;

std::string_view name_of(Level level) noexcept {
  static constexpr std::array<std::string_view, 4> names{"debug", "info", "warning", "error"};
  return names.at(static_cast<std::size_t>(level));
}

/// One character of UTF-8 at the front of `text`; size 0 when there is none (RFC 3629: no surrogates, nothing
/// overlong).
struct Character {
  std::uint32_t code = 0;
  std::size_t size = 0;
};

Character first_character(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) -> std::uint32_t { return static_cast<unsigned char>(text[i]); };
  const auto lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  static constexpr std::array<std::uint32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  if (lead < 0xC0 || lead > 0xF4 || text.size() < size) return {};
  std::uint32_t code = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {};
    code = code << 6U | (byte(i) & 0x3FU);
  }
  if (code < smallest.at(size) || (code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF) return {};
  return {code, size};
}

/// What a terminal does not show as a character of its own, or lets change the direction of others.
bool is_invisible(std::uint32_t code) noexcept {
  struct Range {
    std::uint32_t first, last;
  };
  static constexpr std::array<Range, 9> ranges{{{0x00, 0x1F},
                                                {0x7F, 0xA0},
                                                {0xAD, 0xAD},
                                                {0x61C, 0x61C},
                                                {0x200B, 0x200F},
                                                {0x2028, 0x202F},
                                                {0x2060, 0x206F},
                                                {0xFEFF, 0xFEFF},
                                                {0xE0000, 0x10FFFF}}};
  return std::any_of(ranges.begin(), ranges.end(), [&](const auto& r) { return code >= r.first && code <= r.last; });
}

void append_escape(std::string& result, char letter, std::uint32_t code, unsigned digits) {
  static constexpr std::string_view hexadecimal = "0123456789abcdef";
  (result += '\\') += letter;
  while (digits-- > 0) result += hexadecimal[code >> digits * 4U & 0xFU];
}

/// Go's %q without the quotation marks; `marks`: those that get a backslash.
std::string escaped(std::string_view text, std::string_view marks) {
  static constexpr std::string_view controls = "\a\b\f\n\r\t\v";
  static constexpr std::string_view letters = "abfnrtv";
  std::string result;
  result.reserve(text.size() + text.size() / 8);
  while (!text.empty()) {
    const auto [code, size] = first_character(text);
    const auto control = size == 1 ? controls.find(text[0]) : std::string_view::npos;
    if (size == 0)
      append_escape(result, 'x', static_cast<unsigned char>(text[0]), 2);
    else if (control != std::string_view::npos)
      (result += '\\') += letters[control];
    else if (size == 1 && marks.find(text[0]) != std::string_view::npos)
      (result += '\\') += text[0];
    else if (!is_invisible(code))
      result += text.substr(0, size);
    else if (code < 0x80)
      append_escape(result, 'x', code, 2);
    else if (code < 0x10000)
      append_escape(result, 'u', code, 4);
    else
      append_escape(result, 'U', code, 8);
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return result;
}

/// JSON has to be UTF-8: other bytes become U+FFFD, as Go's decoder would have it.
std::string as_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto size = first_character(text).size;
    result += size == 0 ? "\xEF\xBF\xBD" : text.substr(0, size);
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return result;
}

std::string as_json(Level level, std::string_view message) {
  json::Writer writer;
  writer.open_object()
      .member("level", name_of(level))
      .member("msg", as_utf8(message))
      .member("time", now_rfc3339(Precision::seconds));
  return writer.close_object().text();
}

std::string as_text(Level level, std::string_view message) {
  std::string line = "time=\"" + now_rfc3339(Precision::seconds) + "\" level=";
  return line.append(name_of(level)).append(" msg=\"").append(escaped(message, "\"\\")).append("\"");
}

/// For a person at a terminal. A message that begins with our name ("runtime run failed: …") does not get it twice.
std::string as_speech(Level level, std::string_view message) {
  const std::string name = program_invocation_short_name;
  std::string line = name + ": ";
  if (level != Level::error)
    line.append(name_of(level)).append(": ");
  else if (message.starts_with(name + ": ") || message.starts_with(name + " "))
    line.clear();
  return line += printable(message);
}

void put(int file, std::string line) {
  line += '\n';
  // A log that cannot be written is no reason to fail, and there is nobody left to tell.
  while (::write(file, line.data(), line.size()) < 0 && errno == EINTR) continue;
}

}  // namespace

std::string printable(std::string_view text) {
  return escaped(text, {});
}

void configure(Level lowest, Format format, Fd file) {
  if (sink.file >= 0) ::close(sink.file);
  sink = {.lowest = lowest, .format = format, .file = file.release()};
}

void configure(Level lowest, Service service, std::string_view identifier) {
  const std::string_view path = service == Service::journal ? "/run/systemd/journal/socket" : "/dev/log";
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    throw Error::system("connect to " + std::string(path));
  if (identifier.empty()) identifier = program_invocation_short_name;
  configure(lowest, Format::text, std::move(socket));
  sink.service = service;
  identifier.copy(sink.identifier.data(), sink.identifier.size() - 1);
}

std::string datagram(Service service, std::string_view identifier, Level level, std::string_view message) {
  static constexpr std::array priorities{LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR};
  const auto priority = priorities.at(static_cast<std::size_t>(level));
  std::string text;
  if (service == Service::syslog) {
    text.append("<").append(std::to_string(LOG_USER | priority)).append(">").append(printable(identifier));
    return text.append("[").append(std::to_string(::getpid())).append("]: ").append(printable(message));
  }
  // A value with a line's end in it has its size in front: eight bytes, the lowest first.
  text.append("PRIORITY=").append(std::to_string(priority)).append("\nSYSLOG_IDENTIFIER=");
  text.append(printable(identifier)).append("\nMESSAGE\n");
  for (unsigned shift = 0; shift < 64; shift += 8) text += static_cast<char>(std::uint64_t{message.size()} >> shift);
  return text.append(message).append("\n");
}

bool debugging() noexcept {
  return sink.lowest == Level::debug;
}

void write(Level level, std::string_view message) {
  if (level < sink.lowest) return;
  message = message.substr(0, longest_message);
  if (sink.service != Service::none) {
    const auto packet = datagram(sink.service, sink.identifier.data(), level, message);
    ::send(sink.file, packet.data(), packet.size(), MSG_NOSIGNAL);  // as with files: nobody is left to tell
    return;
  }
  const int file = sink.file >= 0 ? sink.file : STDERR_FILENO;
  if (sink.format == Format::json) return put(file, as_json(level, message));
  if (sink.file < 0 && ::isatty(STDERR_FILENO) == 1) return put(file, as_speech(level, message));
  put(file, as_text(level, message));
}

void fatal(std::string_view message) {
  write(Level::error, message);
  if (sink.file >= 0) put(STDERR_FILENO, printable(message.substr(0, longest_message)));
}

void last_words(std::string_view message) {
  if (sink.file >= 0) write(Level::error, message);
  put(STDERR_FILENO, printable(message.substr(0, longest_message)));
}

}  // namespace oci::log
