// SPDX-License-Identifier: Apache-2.0
#include "ps.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/files.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "oci/error.hpp"

namespace oci::cli {
namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty()) return words;
    words.push_back(line.substr(0, line.find_first_of(" \t")));
    line.remove_prefix(words.back().size());
  }
}

class SpawnActions {
 public:
  SpawnActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions(SpawnActions&&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  SpawnActions& operator=(SpawnActions&&) = delete;
  posix_spawn_file_actions_t* get() noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

}  // namespace

std::string pids_text(const std::vector<pid_t>& pids) {
  if (pids.empty()) return "null\n";
  json::Writer out;
  out.open_array();
  for (const auto pid : pids) out.number(pid);
  return out.close_array().text() + "\n";
}

std::string matching_lines(std::string_view ps_output, const std::vector<pid_t>& pids) {
  const auto header = cut(ps_output, "\n");
  const auto titles = words_of(header);
  const auto column = static_cast<std::size_t>(std::find(titles.begin(), titles.end(), "PID") - titles.begin());
  if (column == titles.size()) throw Error("the output of ps has no column PID");
  std::string text = std::string(header) + "\n";
  while (!ps_output.empty()) {
    const auto line = cut(ps_output, "\n");
    const auto words = words_of(line);
    if (words.size() <= column) continue;
    pid_t pid = 0;
    const auto word = words[column];
    std::from_chars(word.data(), word.data() + word.size(), pid);
    if (std::find(pids.begin(), pids.end(), pid) != pids.end()) text.append(line).append("\n");
  }
  return text;
}

std::string run_ps(std::vector<std::string> arguments) {
  static constexpr std::size_t largest_output = std::size_t{64} << 20U;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) throw Error::system("make a pipe for ps");
  const Fd output(ends[0]);
  Fd input(ends[1]);
  SpawnActions actions;
  ::posix_spawn_file_actions_adddup2(actions.get(), input.get(), STDOUT_FILENO);
  arguments.insert(arguments.begin(), "ps");
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  const int code = ::posix_spawnp(&child, "ps", actions.get(), nullptr, argv.data(), environ);
  if (code != 0) throw Error::system("execute ps", code);
  input.reset();
  auto text = read_all(output, "the output of ps", largest_output);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw Error::system("wait for ps");
  if (WIFSIGNALED(status)) throw Error("ps was killed by signal " + std::to_string(WTERMSIG(status)));
  if (WEXITSTATUS(status) != 0) throw Error("ps failed with exit status " + std::to_string(WEXITSTATUS(status)));
  return text;
}

}  // namespace oci::cli
