// SPDX-License-Identifier: Apache-2.0
#include "text.hpp"

#include <algorithm>
#include <cerrno>

#include "base/log.hpp"
#include "grammar.hpp"
#include "revision.hpp"
#include "spec/default_spec.hpp"

namespace oci::cli {
namespace {

struct Entry {
  std::string left;
  std::string_view right;
};

void add_section(std::string& text, std::string_view title, const std::vector<Entry>& entries) {
  if (entries.empty()) return;
  std::size_t width = 0;
  for (const auto& entry : entries) width = std::max(width, entry.left.size());
  text.append("\n").append(title).append(":\n");
  for (const auto& [left, right] : entries)
    text.append("   ").append(left).append(width - left.size() + 2, ' ').append(right).append("\n");
}

std::vector<Entry> describe(std::span<const Option> first, std::span<const Option> second = {}) {
  std::vector<Entry> entries;
  for (const auto options : {first, second}) {
    for (const auto& option : options) {
      const auto shown_value = option.is_flag() ? "" : " " + std::string(option.value);
      auto left = "--" + std::string(option.name) + shown_value;
      for (const char letter : option.letters) left.append(", -").append(1, letter).append(shown_value);
      entries.push_back({std::move(left), option.help});
    }
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.left < b.left; });
  return entries;
}

std::string calling(const Command* command) {
  std::string text = "   " + std::string(program());
  if (!command) return text + " [global options] command [command options] [arguments...]\n";
  text.append(" ").append(command->name);
  if (!command->options.empty()) text += " [options]";
  if (!command->arguments.empty()) text.append(" ").append(command->arguments);
  return text + "\n";
}

}  // namespace

std::string_view program() noexcept {
  const std::string_view name = program_invocation_short_name ? program_invocation_short_name : "";
  return name.empty() ? "runtime" : name;
}

std::string usage_text(const Command* command) {
  return "USAGE:\n" + calling(command);
}

std::string help_text(const Command* command) {
  // Test suites and wrappers match the first two lines.
  std::string text = "NAME:\n   " + std::string(program());
  if (command)
    text.append(" ").append(command->name).append(" - ").append(command->summary);
  else
    text += " - Open Container Initiative runtime";
  text.append("\n\n").append(usage_text(command));
  if (command) {
    if (!command->description.empty()) text.append("\nDESCRIPTION:\n").append(command->description).append("\n");
    add_section(text, "OPTIONS", describe(command->options, command->more_options));
    return text + "\nGlobal options are listed by " + std::string(program()) + " --help.\n";
  }
  std::vector<Entry> entries;
  for (const auto& row : commands()) entries.push_back({std::string(row.name), row.summary});
  add_section(text, "COMMANDS", entries);
  add_section(text, "GLOBAL OPTIONS", describe(global_options()));
  return text;
}

std::string version_text(std::string_view libseccomp_release) {
  std::string text(program());
  text.append(" version " RUNTIME_VERSION "\ncommit: ").append(revision);
  text.append("\nspec: ").append(implemented_spec);
  return text.append("\nlibseccomp: ").append(libseccomp_release).append("\n");
}

std::string columns(const std::vector<std::vector<std::string>>& rows) {
  static constexpr std::size_t narrowest = 12;
  static constexpr std::size_t gap = 3;
  // Only the first byte of each UTF-8 sequence takes room on the screen.
  const auto width_of = [](std::string_view cell) {
    return static_cast<std::size_t>(std::count_if(
        cell.begin(), cell.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
  };
  std::vector<std::vector<std::string>> shown;
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    auto& cells = shown.emplace_back();
    widths.resize(std::max(widths.size(), row.size()), narrowest);
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width_of(cells.emplace_back(log::printable(row[i]))) + gap);
  }
  std::string text;
  for (const auto& cells : shown) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      text += cells[i];
      if (i + 1 < cells.size()) text.append(widths[i] - width_of(cells[i]), ' ');
    }
    text += '\n';
  }
  return text;
}

}  // namespace oci::cli
