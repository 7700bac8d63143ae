// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <ctime>

#include "base/files.hpp"
#include "base/json.hpp"
#include "oci/error.hpp"
#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using log::Format;
using log::Level;

namespace {

struct Pipe {
  Fd reader, writer;
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
  }
};

/// What `act` leaves in a log file, and on standard error.
struct Heard {
  std::string file;
  std::string errors;
};

template <class Act>
Heard heard(Level lowest, Format format, bool to_file, Act act) {
  Pipe file, errors;
  const Fd kept(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  ::dup2(errors.writer.get(), STDERR_FILENO);
  log::configure(lowest, format, to_file ? std::move(file.writer) : Fd());
  act();
  log::configure(Level::warning, Format::text, Fd());
  ::dup2(kept.get(), STDERR_FILENO);
  errors.writer.reset();
  file.writer.reset();
  static constexpr std::size_t limit = 1 << 20;
  return {read_all(file.reader, "log", limit), read_all(errors.reader, "errors", limit)};
}

std::string text_of(std::string_view message) {
  return heard(Level::debug, Format::text, true, [&] { log::warning(message); }).file;
}

}  // namespace

TEST_CASE("a text line has a time, a level and a quoted message") {
  const auto line = text_of("no such \"thing\"");
  CHECK_THAT(line,
             Catch::Matchers::Matches(
                 R"(time="20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\dZ" level=warning msg="no such \\"thing\\""\n)"));
}

TEST_CASE("the time of a line is the present, in UTC") {
  // Not time(2): it reads a clock that is a tick behind the one of the log.
  const auto seconds = [] {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
  };
  const auto before = seconds();
  const auto line = text_of("x");
  struct tm fields {};
  REQUIRE(::strptime(line.c_str(), "time=\"%Y-%m-%dT%H:%M:%SZ", &fields) != nullptr);
  const auto logged = ::timegm(&fields);
  CHECK(logged >= before);
  CHECK(logged <= seconds());
}

TEST_CASE("a text line stays one line and obeys no terminal") {
  CHECK_THAT(text_of("a\nb\tc\r\\\x1b[31m\x7f"), EndsWith("msg=\"a\\nb\\tc\\r\\\\\\x1b[31m\\x7f\"\n"));
  CHECK_THAT(text_of("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"),
             EndsWith("msg=\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"\n"));
  CHECK_THAT(text_of("\xC2\x9B\xE2\x80\xAE"), EndsWith("msg=\"\\u009b\\u202e\"\n"));
  CHECK_THAT(text_of("\xFF\xC3\xC0\xAF\xED\xA0\x80"), EndsWith("msg=\"\\xff\\xc3\\xc0\\xaf\\xed\\xa0\\x80\"\n"));
  CHECK_THAT(text_of("\xE0\x80\xAF\xF4\x90\x80\x80"), EndsWith("msg=\"\\xe0\\x80\\xaf\\xf4\\x90\\x80\\x80\"\n"));
}

TEST_CASE("a JSON line is one object whose keys are sorted") {
  const auto line = heard(Level::debug, Format::json, true, [] { log::debug("a \"b\"\n\xFF"); }).file;
  CHECK_THAT(line, StartsWith("{\"level\":\"debug\",\"msg\":\"a \\\"b\\\"\\n\xEF\xBF\xBD\",\"time\":\"20") &&
                       EndsWith("Z\"}\n"));
  const auto document = json::Document::parse(line);
  REQUIRE(document.root().find("time") != nullptr);
  CHECK(document.root().find("time")->text.size() == std::string("2026-11-23T01:19:48Z").size());
}

TEST_CASE("messages below the lowest level are not written") {
  const auto act = [] {
    log::debug("one");
    log::write(Level::info, "two");
    log::warning("three");
    log::write(Level::error, "four");
  };
  const auto warnings = heard(Level::warning, Format::text, true, act).file;
  CHECK_THAT(warnings, !Contains("one") && !Contains("two") && Contains("three") && Contains("four"));
  CHECK_THAT(heard(Level::error, Format::text, true, act).file, !Contains("three") && Contains("level=error"));
  CHECK_THAT(heard(Level::debug, Format::text, true, act).file, Contains("level=debug") && Contains("level=info"));
}

TEST_CASE("whether debug messages are seen can be asked") {
  log::configure(Level::debug, Format::text, Fd());
  CHECK(log::debugging());
  log::configure(Level::warning, Format::text, Fd());
  CHECK_FALSE(log::debugging());
}

TEST_CASE("the last message of a failing command is one object in the log, and bare on standard error") {
  const auto [file, errors] = heard(Level::error, Format::json, true, [] { log::fatal("it broke"); });
  CHECK_NOTHROW(json::Document::parse(file));
  CHECK_THAT(file, Contains("\"level\":\"error\",\"msg\":\"it broke\""));
  CHECK(errors == "it broke\n");
}

TEST_CASE("without a log file the last message is written once") {
  const auto [file, errors] = heard(Level::warning, Format::text, false, [] { log::fatal("it broke"); });
  CHECK(file.empty());
  CHECK_THAT(errors, StartsWith("time=\"") && EndsWith("level=error msg=\"it broke\"\n"));
}

TEST_CASE("a message is never longer than a pipe holds") {
  const auto [file, errors] =
      heard(Level::warning, Format::text, true, [] { log::fatal(std::string(std::size_t{1} << 20U, 'x')); });
  CHECK(errors.size() < 64 * 1024);
  CHECK(file.size() < 64 * 1024);
  CHECK(errors.size() > 8 * 1024);
}

TEST_CASE("a terminal gets a sentence instead of a record") {
  const Fd leader(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(leader);
  REQUIRE((::grantpt(leader.get()) == 0 && ::unlockpt(leader.get()) == 0));
  const Fd terminal(::open(::ptsname(leader.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(terminal);
  const Fd kept(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  const std::string name = program_invocation_short_name;
  const auto shown = [&](auto act) {
    ::dup2(terminal.get(), STDERR_FILENO);
    act();
    ::dup2(kept.get(), STDERR_FILENO);
    std::array<char, 256> buffer{};
    const auto size = ::read(leader.get(), buffer.data(), buffer.size());
    return std::string(buffer.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  };
  log::configure(Level::warning, Format::text, Fd());
  CHECK(shown([] { log::fatal("container \x1b[31mdoes not exist"); }) ==
        name + ": container \\x1b[31mdoes not exist\r\n");
  CHECK(shown([] { log::warning("low"); }) == name + ": warning: low\r\n");
  CHECK(shown([&] { log::fatal(name + " run failed: x"); }) == name + " run failed: x\r\n");
  log::configure(Level::warning, Format::json, Fd());
  CHECK_THAT(shown([] { log::fatal("x"); }), StartsWith("{\"level\":\"error\""));
  log::configure(Level::warning, Format::text, Fd());
}

TEST_CASE("the journal gets its fields, and lines of a message as one") {
  const auto packet = log::datagram(log::Service::journal, "box", log::Level::warning, "a\nPRIORITY=0");
  const std::string size{12, 0, 0, 0, 0, 0, 0, 0};
  CHECK(packet == "PRIORITY=4\nSYSLOG_IDENTIFIER=box\nMESSAGE\n" + size + "a\nPRIORITY=0\n");
  CHECK(log::datagram(log::Service::journal, "a\nPRIORITY=0", log::Level::error, "").find("=a\\nPRIORITY") !=
        packet.npos);
}

TEST_CASE("syslog gets one line with facility, severity, name and pid") {
  const auto packet = log::datagram(log::Service::syslog, "box", log::Level::error, "a\nb");
  CHECK(packet == "<11>box[" + std::to_string(::getpid()) + "]: a\\nb");
}
