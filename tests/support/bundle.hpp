// SPDX-License-Identifier: Apache-2.0
// A container to test the runtime with: `Bundle b; b.args({"hostname"}); CHECK(b.run().out == "…\n");`
// The runtime is the program that $RUNTIME names, so that the tests can be run against others, too.
#pragma once
#include <string>
#include <vector>

#include "support/command.hpp"
#include "support/tree.hpp"

namespace test {

using Words = std::vector<std::string>;

/// A bundle in a temporary directory of its own, with a --root of its own. config.json starts as the default one of
/// `spec` without a terminal and with a writable rootfs; the rootfs holds the program /inside
/// (tests/support/inside.cpp) and empty directories. When it ends, the container is deleted, and anything that is left
/// of it fails the test.
class Bundle {
 public:
  Bundle();
  ~Bundle();
  Bundle(const Bundle&) = delete;
  Bundle& operator=(const Bundle&) = delete;

  const std::string& id() const noexcept { return id_; }
  std::string path(const std::string& name = {}) const { return directory_ + "/" + name; }
  std::string rootfs(const std::string& name = {}) const { return path("rootfs/") + name; }
  std::string root() const { return path("root"); }

  // config.json -------------------------------------------------------------------------------------------------------

  /// What /inside shall do.
  Bundle& args(Words words);
  Bundle& set(std::string_view path, const std::string& json);
  Bundle& remove(std::string_view path);
  /// Adds a mount; `options` as in fstab.
  Bundle& mount(const std::string& destination, const std::string& type, const std::string& source,
                const std::string& options);
  Bundle& hook(const std::string& kind, const Words& words, const std::string& members = {});
  /// Adds a user namespace that maps `size` ids from 0 to `host_id`, and gives it the rootfs.
  Bundle& map_ids(unsigned host_id, unsigned size);
  /// Replaces the whole text.
  Bundle& config(std::string text);

  // What commands get besides their words -----------------------------------------------------------------------------

  Words global_options;                                 ///< before the command
  std::vector<int> descriptors;                         ///< become 3, 4, …
  std::optional<std::vector<std::string>> environment;  ///< absent: the test's own
  std::string input;                                    ///< standard input
  std::string directory;                                ///< where commands run

  // Commands: `options` stand before the id
  // ----------------------------------------------------------------------------

  Result run(const Words& options = {});
  Result create(const Words& options = {});
  Result start();
  Result state();
  Result kill(const std::string& signal);
  Result remove_container(const Words& options = {});
  Result exec(const Words& words, const Words& options = {});
  /// Any command: `runtime --root ROOT WORDS…`, with "ID" replaced by the id.
  Result runtime(const Words& words);
  /// The same from a shell that runs `script` first: what the caller of the runtime has done to itself.
  Result through_shell(const std::string& script, const Words& words);
  /// The same in the background.
  Running begin(const Words& words, Running::Streams streams = Running::Streams::pipes);
  Running begin_run(const Words& options = {}, Running::Streams streams = Running::Streams::pipes);

  /// create and start; fails the test when one of them does.
  void launch(const Words& options = {});
  /// What the container wrote that create or launch made.
  std::string output() const { return slurp(path("container.out")); }
  /// Waits until output() contains `text`.
  bool outputs(const std::string& text) const;
  /// From `state`; empty when there is no such container.
  std::string status();
  pid_t pid();
  bool becomes(const std::string& status);
  /// Names everything that this container has left behind, but not its state directory while it exists by right.
  std::string leftovers() const;

 private:
  void write_config();
  Command command(const Words& words);
  void clean_up();

  std::string directory_;
  std::string id_;
  Tree config_;
  std::string config_text_;  ///< instead of config_, when not empty
};

/// The runtime under test.
const std::string& runtime_path();
/// Whether /sys/fs/cgroup is a cgroup2 file system.
bool pure_cgroup2();
/// Whether one of the lines is exactly `line`.
bool has_line(const std::string& lines, std::string_view line);
/// A message without the backslashes that the log's text format puts before quotes.
std::string unquoted(std::string text);
/// The first line that contains `text`, without its end; empty when there is none.
std::string line_with(const std::string& lines, std::string_view text);

}  // namespace test
