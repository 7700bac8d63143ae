// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "grammar.hpp"
#include "quantities.hpp"

namespace oci::cli {

std::optional<bool> truth(std::string_view word) noexcept {
  static constexpr std::array<std::string_view, 7> yes{"1", "t", "T", "TRUE", "true", "True", "yes"};
  static constexpr std::array<std::string_view, 7> no{"0", "f", "F", "FALSE", "false", "False", "no"};
  if (std::find(yes.begin(), yes.end(), word) != yes.end()) return true;
  if (std::find(no.begin(), no.end(), word) != no.end()) return false;
  return std::nullopt;
}

void assign(bool& member, std::string_view text) {
  const auto known = truth(text);
  if (!known) throw Error("expected true or false");
  member = *known;
}

void assign(std::optional<bool>& member, std::string_view text) {
  assign(member.emplace(), text);
}

void assign(Attachment& member, std::string_view text) {
  bool detach = false;
  assign(detach, text);
  member = detach ? Attachment::detached : Attachment::foreground;
}

namespace {

template <class Number>
void assign_number(Number& member, std::string_view text) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), member);
  if (code == std::errc{} && end == text.data() + text.size()) return;
  throw Error("expected a number from " + std::to_string(std::numeric_limits<Number>::min()) + " to " +
              std::to_string(std::numeric_limits<Number>::max()));
}

}  // namespace

void assign(unsigned& member, std::string_view text) {
  assign_number(member, text);
}

void assign(std::optional<std::int64_t>& member, std::string_view text) {
  assign_number(member.emplace(), text);
}

void assign(std::optional<std::uint64_t>& member, std::string_view text) {
  assign_number(member.emplace(), text);
}

void assign(std::optional<std::uint16_t>& member, std::string_view text) {
  assign_number(member.emplace(), text);
}

void assign(std::chrono::nanoseconds& member, std::string_view text) {
  member = duration(text);
  if (member.count() <= 0) throw Error("duration interval must be greater than 0");
}

void assign_size(std::optional<std::int64_t>& member, std::string_view text) {
  member = text == "-1" ? -1 : bytes(text);
}

void assign(std::optional<int>& member, std::string_view text) {
  int number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || end != text.data() + text.size() || number < -1)
    throw Error("expected the number of a descriptor");
  member = number < 0 ? std::nullopt : std::optional<int>(number);
}

void assign(std::string& member, std::string_view text) {
  member = text;
}

void assign(std::vector<std::string>& member, std::string_view text) {
  member.emplace_back(text);
}

void assign(std::vector<std::uint32_t>& member, std::string_view text) {
  std::uint32_t number = 0;
  assign(number, text);
  member.push_back(number);
}

void assign(std::optional<UserChange>& member, std::string_view text) {
  const auto colon = text.find(':');
  UserChange user;
  in_context([] { return "bad uid"; }, [&] { assign(user.uid, text.substr(0, colon)); });
  if (colon != std::string_view::npos)
    in_context([] { return "bad gid"; }, [&] { assign(user.gid.emplace(), text.substr(colon + 1)); });
  member = user;
}

namespace {

std::string quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

/// "--name" or "-name", with or without "=value".
struct Spelling {
  std::string_view name;
  std::optional<std::string_view> value;

  explicit Spelling(std::string_view text) : name(text.substr(0, text.find('='))) {
    if (name.size() < text.size()) value = text.substr(name.size() + 1);
  }
};

const Command& command_named(std::string_view name) {
  static constexpr int unknown_command = 3;  // runc's
  if (const auto* command = find_command(name)) return *command;
  throw Mistake{"No help topic for '" + std::string(name) + "'", unknown_command, false};
}

class Parser {
 public:
  Parser(CommandLine& line, std::span<const char* const> arguments) : line_(line), rest_(arguments) {}

  void parse();

 private:
  std::string_view next() {
    const std::string_view argument = rest_.front();
    rest_ = rest_.subspan(1);
    return argument;
  }
  template <class Matches>
  const Option* find(Matches matches) const;
  const Option* named(std::string_view name) const {
    return find([&](const Option& option) { return option.name == name; });
  }
  const Option* lettered(char letter) const {
    return find([&](const Option& option) { return option.letters.find(letter) != std::string_view::npos; });
  }

  bool looks_like_option(std::string_view argument) const;
  void take_option(std::string_view argument);
  void take_letters(std::string_view letters);
  bool are_flags(std::string_view letters) const;
  void set(const Option& option, std::optional<std::string_view> value);
  [[noreturn]] void reject_option(std::string_view argument) const;
  void take_argument(std::string_view argument);
  void check_arguments() const;

  CommandLine& line_;
  std::span<const char* const> rest_;
  bool options_ended_ = false;
};

template <class Matches>
const Option* Parser::find(Matches matches) const {
  // A command's own options come first: spec has a --rootless of its own.
  const auto* command = line_.command;
  const std::array<std::span<const Option>, 3> tables{command ? command->options : std::span<const Option>{},
                                                      command ? command->more_options : std::span<const Option>{},
                                                      global_options()};
  for (const auto table : tables)
    for (const auto& option : table)
      if (matches(option)) return &option;
  return nullptr;
}

bool Parser::looks_like_option(std::string_view argument) const {
  if (options_ended_ || argument.size() < 2 || argument[0] != '-') return false;
  const char first = argument[1];
  const bool is_letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
  return is_letter || first == '-' || lettered(first);  // "-9" is no option
}

void Parser::take_option(std::string_view argument) {
  const bool two_dashes = argument.starts_with("--");
  const Spelling spelling(argument.substr(two_dashes ? 2 : 1));
  if (const auto* option = named(spelling.name)) return set(*option, spelling.value);
  if (two_dashes) reject_option(argument);
  if (spelling.name.size() == 1 && spelling.value)
    if (const auto* option = lettered(spelling.name[0])) return set(*option, spelling.value);
  take_letters(argument.substr(1));
}

/// "-d", "-dt", "-bDIR", "-tfalse"
void Parser::take_letters(std::string_view letters) {
  const auto whole = letters;
  while (!letters.empty()) {
    const auto* option = lettered(letters.front());
    if (!option) reject_option("-" + std::string(whole));
    letters.remove_prefix(1);
    if (letters.empty()) return set(*option, std::nullopt);
    // crun lets a word follow a flag at once ("-tfalse"), but "-dt" is two flags although "t" is such a word.
    if (!option->is_flag() || (truth(letters) && !are_flags(letters))) return set(*option, letters);
    set(*option, std::nullopt);
  }
}

bool Parser::are_flags(std::string_view letters) const {
  return std::all_of(letters.begin(), letters.end(), [&](char letter) { return lettered(letter) != nullptr; });
}

void Parser::set(const Option& option, std::optional<std::string_view> value) {
  const auto name = "--" + std::string(option.name);
  if (!value && option.is_flag()) value = "true";
  if (!value) {
    // Podman looks for this text to learn whether an option exists.
    if (rest_.empty()) throw Mistake{"flag needs an argument: " + name};
    value = next();
  }
  try {
    option.set(line_, *value);
  } catch (const Error& error) {
    throw Mistake{"invalid value " + quoted(*value) + " for " + name + ": " + error.what(),
                  line_.command ? line_.command->failure_status : 1};
  }
}

void Parser::reject_option(std::string_view argument) const {
  const Spelling spelling(argument.substr(argument.starts_with("--") ? 2 : 1));
  std::string message = "unknown option " + std::string(argument.substr(0, argument.find('=')));
  // crun accepts any beginning of a name. That would make every new option a danger to old scripts; we only help to
  // find it.
  std::vector<std::string_view> meant;
  find([&](const Option& option) {
    if (option.name.starts_with(spelling.name)) meant.push_back(option.name);
    return false;
  });
  if (meant.size() == 1) message += " (did you mean --" + std::string(meant.front()) + "?)";
  throw Mistake{message};
}

void Parser::take_argument(std::string_view argument) {
  if (!line_.command) {
    line_.command = &command_named(argument);
    return;
  }
  line_.arguments.emplace_back(argument);
  if (options_ended_ || line_.command->order == Order::anywhere) return;
  options_ended_ = true;
  if (!rest_.empty() && rest_.front() == std::string_view("--")) next();  // "exec ID -- program"
}

void Parser::parse() {
  while (!rest_.empty()) {
    const auto argument = next();
    if (!options_ended_ && argument == "--") {
      options_ended_ = true;
    } else if (looks_like_option(argument)) {
      take_option(argument);
    } else {
      options_ended_ = options_ended_ || (argument.size() > 1 && argument.front() == '-');
      take_argument(argument);
    }
  }
  if (line_.command && !line_.help && !line_.usage && !line_.version) check_arguments();
}

void Parser::check_arguments() const {
  const auto& command = *line_.command;
  auto [least, most] = command.count;
  if (command.verb == Verb::exec && line_.exec.process_file.empty()) ++least;
  const auto given = line_.arguments.size();
  if (given >= least && given <= most) {
    if (command.verb == Verb::help && given > 0) command_named(line_.arguments.front());
    return;
  }
  const auto* words = least == most ? "exactly " : given < least ? "a minimum of " : "a maximum of ";
  const auto bound = std::to_string(given < least ? least : most);
  throw Mistake{quoted(command.name) + " requires " + words + bound + " argument(s)"};
}

}  // namespace

std::optional<Mistake> parse(CommandLine& line, std::span<const char* const> arguments) {
  try {
    Parser(line, arguments).parse();
    return std::nullopt;
  } catch (const Mistake& mistake) {
    return mistake;
  }
}

}  // namespace oci::cli
