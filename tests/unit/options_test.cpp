// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <unistd.h>

#include <set>

#include "container_id.hpp"
#include "grammar.hpp"
#include "support/catch.hpp"
#include "text.hpp"

using namespace oci;
using namespace oci::cli;
using Catch::Matchers::Contains;
using Words = std::vector<std::string>;

namespace {

struct Parsed : CommandLine {
  std::optional<Mistake> mistake;
};

Parsed parsed(std::vector<const char*> words) {
  Parsed result;
  result.mistake = parse(result, words);
  return result;
}

/// A call that must be understood.
Parsed call(std::vector<const char*> words) {
  auto result = parsed(std::move(words));
  INFO((result.mistake ? result.mistake->message : ""));
  CHECK_FALSE(result.mistake.has_value());
  return result;
}

/// What is wrong with a call that must not be understood.
Mistake refused(std::vector<const char*> words) {
  const auto result = parsed(std::move(words));
  REQUIRE(result.mistake.has_value());
  return *result.mistake;
}

std::string here() {
  return absolute_path(".");
}

}  // namespace

TEST_CASE("a value may follow one or two dashes, as the next word or behind an equals sign") {
  const std::vector<std::vector<const char*>> spellings{{"run", "--bundle", "/b", "id"},
                                                        {"run", "--bundle=/b", "id"},
                                                        {"run", "-bundle", "/b", "id"},
                                                        {"run", "-bundle=/b", "id"},
                                                        {"run", "-b", "/b", "id"},
                                                        {"run", "-b=/b", "id"},
                                                        {"run", "-b/b", "id"}};
  for (const auto& words : spellings) {
    CAPTURE(words[1]);
    const auto line = call(words);
    CHECK(line.run.bundle == "/b");
    CHECK(line.arguments == Words{"id"});
  }
}

TEST_CASE("containerd's single-dash long options are not a bundle of letters") {
  CHECK(call({"run", "-no-subreaper", "id"}).run.no_subreaper);
  CHECK(call({"run", "-detach", "id"}).run.attachment == Attachment::detached);
  CHECK(call({"-root", "/r", "-debug", "list"}).globals.root == "/r");
}

TEST_CASE("flags understand Go's words for true and false, and nothing else") {
  for (const auto* word : {"1", "t", "T", "TRUE", "true", "True"})
    CHECK(call({"run", ("--keep=" + std::string(word)).c_str(), "id"}).run.keep);
  for (const auto* word : {"0", "f", "F", "FALSE", "false", "False"})
    CHECK_FALSE(call({"run", "--keep", ("--keep=" + std::string(word)).c_str(), "id"}).run.keep);
  CHECK(call({"run", "--keep", "id"}).run.keep);
  CHECK_THAT(refused({"run", "--keep=maybe", "id"}).message, Contains("\"maybe\" for --keep"));
  CHECK_THAT(refused({"run", "--keep=", "id"}).message, Contains("for --keep"));
}

TEST_CASE("a flag does not swallow the next word") {
  CHECK(call({"run", "--keep", "false"}).arguments == Words{"false"});
}

TEST_CASE("a flag that was never given differs from one that is false") {
  CHECK_FALSE(call({"exec", "id", "sh"}).exec.no_new_privileges.has_value());
  CHECK(call({"exec", "--no-new-privs", "id", "sh"}).exec.no_new_privileges == true);
  CHECK(call({"exec", "--no-new-privs=false", "id", "sh"}).exec.no_new_privileges == false);
}

TEST_CASE("single letters can be bundled, the last one may take a value") {
  const auto both = call({"exec", "-dt", "id", "sh"});
  CHECK(both.exec.attachment == Attachment::detached);
  CHECK(both.exec.terminal);
  const auto last = call({"exec", "-tu1000", "id", "sh"});
  CHECK(last.exec.terminal);
  REQUIRE(last.exec.user.has_value());
  CHECK(last.exec.user->uid == 1000);
  const auto next = call({"exec", "-te", "A=1", "id", "sh"});
  CHECK(next.exec.terminal);
  CHECK(next.exec.env == Words{"A=1"});
  CHECK_THAT(refused({"exec", "-tz", "id", "sh"}).message, Contains("unknown option -tz"));
}

TEST_CASE("crun's way to say that there is no terminal") {
  CHECK_FALSE(call({"exec", "-t", "-tfalse", "id", "sh"}).exec.terminal);
  CHECK_FALSE(call({"exec", "-tno", "id", "sh"}).exec.terminal);
  CHECK_FALSE(call({"exec", "--tty=no", "id", "sh"}).exec.terminal);
  CHECK(call({"exec", "-ttrue", "id", "sh"}).exec.terminal);
}

TEST_CASE("a value may begin with a dash or have an equals sign in it") {
  CHECK(call({"exec", "-e", "-x=1", "id", "sh"}).exec.env == Words{"-x=1"});
  CHECK(call({"exec", "--env=A=B", "id", "sh"}).exec.env == Words{"A=B"});
  CHECK(call({"exec", "-e=A=B", "id", "sh"}).exec.env == Words{"A=B"});
  CHECK(call({"exec", "-eA=B", "id", "sh"}).exec.env == Words{"A=B"});
  CHECK(call({"exec", "--cwd", "--", "id", "sh"}).exec.cwd == "--");
}

TEST_CASE("options that add are repeated, and a comma separates nothing") {
  const auto line = call({"exec", "-e", "A=1,2", "--env", "B=3", "-g", "100", "-g=65534", "--cap", "CAP_KILL", "-c",
                          "CAP_CHOWN", "id", "sh"});
  CHECK(line.exec.env == Words{"A=1,2", "B=3"});
  CHECK(line.exec.additional_gids == std::vector<std::uint32_t>{100, 65534});
  CHECK(line.exec.capabilities == Words{"CAP_KILL", "CAP_CHOWN"});
  CHECK_THAT(refused({"exec", "-g", "100,101", "id", "sh"}).message, Contains("for --additional-gids"));
}

TEST_CASE("an option that is given twice has its last value") {
  CHECK(call({"run", "--bundle", "/a", "--bundle", "/b", "id"}).run.bundle == "/b");
}

TEST_CASE("global options may stand before and after the command") {
  CHECK(call({"--root", "/r", "state", "id"}).globals.root == "/r");
  CHECK(call({"state", "--root", "/r", "id"}).globals.root == "/r");
  CHECK(call({"state", "id", "--root=/r", "--systemd-cgroup"}).globals.systemd_cgroup);
  const auto line = call({"--systemd-cgroup", "--log", "f", "--log-format=json", "--debug", "start", "id"});
  CHECK((line.globals.systemd_cgroup && line.globals.debug));
  CHECK(line.globals.log == "f");
  CHECK(line.globals.log_format == "json");
}

TEST_CASE("a command's own option hides the global one of the same name") {
  const auto line = call({"--rootless", "true", "spec", "--rootless"});
  CHECK(line.rootless);
  CHECK_FALSE(call({"--rootless=true", "spec"}).rootless);
}

TEST_CASE("options may follow the container's name") {
  const auto line = call({"run", "id", "--bundle", "/b", "-d"});
  CHECK(line.arguments == Words{"id"});
  CHECK(line.run.bundle == "/b");
  CHECK(line.run.attachment == Attachment::detached);
  CHECK(call({"delete", "id", "--force"}).force);
}

TEST_CASE("what follows the container's name in exec is the program's") {
  CHECK(call({"exec", "-t", "id", "ls", "-t", "--env", "x", "--", "y"}).arguments ==
        Words{"id", "ls", "-t", "--env", "x", "--", "y"});
  CHECK(call({"exec", "id", "--flag"}).arguments == Words{"id", "--flag"});
}

TEST_CASE("two dashes behind the container's name in exec are dropped, once") {
  CHECK(call({"exec", "id", "--", "cmd", "-x"}).arguments == Words{"id", "cmd", "-x"});
  CHECK(call({"exec", "id", "--", "--", "cmd"}).arguments == Words{"id", "--", "cmd"});
  CHECK(call({"exec", "--", "id", "--", "cmd"}).arguments == Words{"id", "--", "cmd"});
}

TEST_CASE("what follows the container's name in ps is ps's, in kill the signal") {
  CHECK(call({"ps", "-f", "json", "id", "-e", "-x"}).arguments == Words{"id", "-e", "-x"});
  CHECK(call({"kill", "id", "-9"}).arguments == Words{"id", "-9"});
  CHECK(call({"kill", "-a", "id", "KILL"}).all);
}

TEST_CASE("two dashes end the options and are dropped") {
  CHECK(call({"run", "--", "--keep"}).arguments == Words{"--keep"});
  CHECK_FALSE(call({"run", "--", "--keep"}).run.keep);
}

TEST_CASE("a dash alone and a dash before a digit are arguments") {
  CHECK(call({"run", "-"}).arguments == Words{"-"});
  CHECK(call({"run", "-1"}).arguments == Words{"-1"});
}

TEST_CASE("an unknown option is named, and what was perhaps meant") {
  const auto mistake = refused({"run", "--bogus=1", "id"});
  CHECK(mistake.message == "unknown option --bogus");
  CHECK(mistake.status == 1);
  CHECK(mistake.show_help);
  CHECK_THAT(refused({"--sys", "list"}).message, Contains("did you mean --systemd-cgroup?"));
  CHECK(refused({"run", "--no", "id"}).message == "unknown option --no");
  CHECK(refused({"run", "--b", "/b", "id"}).message == "unknown option --b (did you mean --bundle?)");
  CHECK_THAT(refused({"run", "--=x", "id"}).message, Contains("unknown option"));
}

TEST_CASE("options of one command are unknown to another") {
  CHECK_THAT(refused({"start", "--bundle", "/b", "id"}).message, Contains("unknown option --bundle"));
  CHECK_THAT(refused({"create", "--detach", "id"}).message, Contains("unknown option --detach"));
  CHECK_THAT(refused({"--force", "delete", "id"}).message, Contains("unknown option --force"));
}

TEST_CASE("options of update may stand behind the id, and have units where they are sizes") {
  const auto line =
      call({"update", "id", "--memory", "50M", "--memory-swap", "-1", "--pids-limit", "-1", "--cpu-quota=-1",
            "--cpu-share", "200", "--cpu-idle", "-1", "--cpuset-cpus", "0-1", "--blkio-weight", "500"});
  CHECK(line.arguments == Words{"id"});
  CHECK(line.update.memory.limit == 52'428'800);
  CHECK(line.update.memory.swap == -1);
  CHECK_FALSE(line.update.memory.reservation.has_value());
  CHECK(line.update.pids.limit == -1);
  CHECK(line.update.cpu.quota == -1);
  CHECK(line.update.cpu.shares == 200);
  CHECK(line.update.cpu.idle == -1);
  CHECK(line.update.cpu.cpus == "0-1");
  CHECK(line.update.block_io.weight == 500);
  CHECK(call({"update", "-r", "-", "id"}).update.file == "-");
  CHECK(call({"update", "--resources=limits", "id"}).update.file == here() + "/limits");
}

TEST_CASE("a value of update or events that is none is refused") {
  CHECK_THAT(refused({"update", "--memory", "5X", "id"}).message, Contains("invalid value \"5X\" for --memory: "));
  CHECK_THAT(refused({"update", "--cpu-period", "-1", "id"}).message, Contains("expected a number from 0 to "));
  CHECK_THAT(refused({"update", "--blkio-weight", "65536", "id"}).message, Contains("from 0 to 65535"));
  CHECK_THAT(refused({"update", "--cpu-quota", "5M", "id"}).message, Contains("for --cpu-quota"));
  CHECK_THAT(refused({"events", "--interval", "0", "id"}).message,
             Contains("duration interval must be greater than 0"));
  CHECK_THAT(refused({"events", "--interval", "-1s", "id"}).message, Contains("must be greater than 0"));
  CHECK_THAT(refused({"events", "--interval", "5", "id"}).message, Contains("expected a duration"));
}

TEST_CASE("events waits five seconds unless it is told otherwise") {
  CHECK(call({"events", "id"}).interval == std::chrono::seconds(5));
  CHECK(call({"events", "--interval=1m30s", "id"}).interval == std::chrono::seconds(90));
  CHECK(call({"events", "--stats", "id"}).stats);
}

TEST_CASE("a value that is missing is said to be") {
  CHECK(refused({"run", "id", "--bundle"}).message == "flag needs an argument: --bundle");
  CHECK(refused({"exec", "-e"}).message == "flag needs an argument: --env");
}

TEST_CASE("an unknown command has runc's exit status") {
  const auto mistake = refused({"foo", "-h"});
  CHECK(mistake.message == "No help topic for 'foo'");
  CHECK(mistake.status == 3);
  CHECK_FALSE(mistake.show_help);
  CHECK(refused({"help", "foo"}).message == "No help topic for 'foo'");
  CHECK(refused({"help", "foo"}).status == 3);
}

TEST_CASE("mounts takes what is to be done, a container and a file") {
  CHECK(call({"mounts", "add", "id", "-"}).arguments == std::vector<std::string>{"add", "id", "-"});
  CHECK(refused({"mounts", "add", "id"}).message == "\"mounts\" requires exactly 3 argument(s)");
}

TEST_CASE("checkpoint and restore share the options for CRIU and have their own") {
  const auto dump = call({"checkpoint", "--image-path", "/i", "--tcp-established", "--pre-dump", "--status-fd", "7",
                          "--empty-ns", "network", "id"});
  CHECK(dump.criu.image_path == "/i");
  CHECK(dump.criu.tcp_established);
  CHECK(dump.checkpoint.pre_dump);
  CHECK(dump.checkpoint.status_fd == 7);
  CHECK(dump.criu.empty_namespaces == std::vector<std::string>{"network"});
  CHECK_FALSE(call({"checkpoint", "--status-fd", "-1", "id"}).checkpoint.status_fd);
  const auto restored = call({"restore", "--detach", "-no-subreaper", "--parent-path", "../p", "--lsm-profile",
                              "apparmor:x", "--tcp-close", "--bundle", "/b", "id"});
  CHECK(restored.run.attachment == Attachment::detached);
  CHECK(restored.run.no_subreaper);
  CHECK(restored.run.bundle == "/b");
  CHECK(restored.criu.parent_path == "../p");
  CHECK(restored.restore.lsm_profile == "apparmor:x");
  CHECK(restored.restore.tcp_close);
  CHECK(refused({"restore", "--lsm-mount-context"}).message == "flag needs an argument: --lsm-mount-context");
  CHECK(refused({"checkpoint", "--status-fd", "x", "id"}).status == 1);
}

TEST_CASE("a wrong number of arguments is counted") {
  CHECK(refused({"state"}).message == "\"state\" requires exactly 1 argument(s)");
  CHECK(refused({"state", "a", "b"}).message == "\"state\" requires exactly 1 argument(s)");
  CHECK(refused({"list", "a"}).message == "\"list\" requires exactly 0 argument(s)");
  CHECK(refused({"kill"}).message == "\"kill\" requires a minimum of 1 argument(s)");
  CHECK(refused({"kill", "a", "9", "b"}).message == "\"kill\" requires a maximum of 2 argument(s)");
  CHECK(refused({"exec", "a"}).message == "\"exec\" requires a minimum of 2 argument(s)");
  CHECK(refused({"state"}).status == 1);
  CHECK(call({"exec", "-p", "process.json", "a"}).arguments == Words{"a"});
}

TEST_CASE("help is asked for in every way, and needs no arguments") {
  for (const auto* word : {"-h", "--help", "-help", "-?"}) {
    CHECK(call({word}).help);
    const auto line = call({"exec", word});
    CHECK(line.help);
    CHECK(line.command->verb == Verb::exec);
  }
  CHECK(call({"help", "run"}).command->verb == Verb::help);
  CHECK(call({"h"}).command->verb == Verb::help);
  CHECK_FALSE(call({"exec", "id", "ls", "-h"}).help);
  CHECK(call({}).command == nullptr);
}

TEST_CASE("the version is asked for in every way") {
  for (const auto* word : {"-v", "-V", "--version", "-version"}) CHECK(call({word}).version);
}

TEST_CASE("names of files are meant below the caller's working directory") {
  const auto line = call({"run", "--pid-file", "p", "--bundle", "b/../c", "-f", "x.json", "--console-socket=s",
                          "--pidfd-socket", "q", "id"});
  CHECK(line.run.pid_file == here() + "/p");
  CHECK(line.run.bundle == here() + "/c");
  CHECK(line.run.config_file == here() + "/x.json");
  CHECK(line.run.console_socket == here() + "/s");
  CHECK(line.run.pidfd_socket == here() + "/q");
  CHECK(call({"exec", "-p", "/dev/fd/63", "id"}).exec.process_file == "/dev/fd/63");
  CHECK(call({"exec", "--pid-file", "p", "id", "sh"}).exec.pid_file == here() + "/p");
  CHECK(call({"exec", "--cwd", "p", "id", "sh"}).exec.cwd == "p");
  CHECK(call({"--root", "r/", "list"}).globals.root == here() + "/r");
  CHECK(call({"run", "--pid-file", "", "id"}).run.pid_file.empty());
}

TEST_CASE("the root of the host is no directory for containers") {
  CHECK_THAT(refused({"--root", "/", "list"}).message, Contains("Option --root argument should not be set to /"));
  CHECK_THAT(refused({"--root=/x/..", "list"}).message, Contains("should not be set to /"));
}

TEST_CASE("a user is given by numbers") {
  CHECK(call({"exec", "-u", "1000:50", "id", "sh"}).exec.user->gid == 50);
  CHECK_FALSE(call({"exec", "-u", "1000", "id", "sh"}).exec.user->gid);
  CHECK_THAT(refused({"exec", "-u", "root", "id", "sh"}).message, Contains("bad uid: "));
  CHECK_THAT(refused({"exec", "-u", "0:x", "id", "sh"}).message, Contains("bad gid: "));
  CHECK_THAT(refused({"exec", "-u", "4294967296", "id", "sh"}).message, Contains("bad uid: "));
}

TEST_CASE("a number is neither negative, nor too large, nor followed by something") {
  CHECK(call({"run", "--preserve-fds", "3", "id"}).run.preserve_fds == 3);
  for (const auto* word : {"-1", "4294967296", "3x", "", "x"})
    CHECK_THAT(refused({"run", "--preserve-fds", word, "id"}).message,
               Contains("for --preserve-fds: expected a number"));
}

TEST_CASE("options without effect still check their words") {
  for (const auto* word : {"auto", "true", "0"}) CHECK(call({"--rootless", word, "list"}).command->verb == Verb::list);
  CHECK_THAT(refused({"--rootless=perhaps", "list"}).message, Contains("for --rootless"));
  call({"--criu", "/usr/bin/criu", "list"});
  call({"create", "--no-subreaper", "id"});
  CHECK_THAT(refused({"create", "--no-subreaper=x", "id"}).message, Contains("for --no-subreaper"));
}

TEST_CASE("what was read before a mistake is kept, so that the log file hears of it") {
  const auto line = parsed({"--log", "file", "run", "--bogus"});
  CHECK(line.mistake.has_value());
  CHECK(line.globals.log == "file");
  CHECK(line.command->verb == Verb::run);
}

TEST_CASE("run and exec stay in the foreground unless they are told to detach") {
  CHECK(call({"run", "id"}).run.attachment == Attachment::foreground);
  CHECK(call({"exec", "id", "sh"}).exec.attachment == Attachment::foreground);
  CHECK(call({"run", "-d=false", "id"}).run.attachment == Attachment::foreground);
}

TEST_CASE("only a failing exec ends with status 255") {
  for (const auto& command : commands()) CHECK(command.failure_status == (command.verb == Verb::exec ? 255 : 1));
}

TEST_CASE("no two options of a command have the same name or letter") {
  for (const auto& command : commands()) {
    CAPTURE(command.name);
    std::set<std::string_view> names;
    std::set<char> letters;
    for (const auto table : {command.options, command.more_options})
      for (const auto& option : table) {
        CAPTURE(option.name);
        CHECK(names.insert(option.name).second);
        for (const char letter : option.letters) CHECK(letters.insert(letter).second);
        for (const auto& global : global_options())
          for (const char letter : option.letters) CHECK(global.letters.find(letter) == global.letters.npos);
      }
  }
}

TEST_CASE("the help of a command begins as engines expect and lists each of its options") {
  for (const auto& command : commands()) {
    CAPTURE(command.name);
    const auto text = help_text(&command);
    const auto start = "NAME:\n   " + std::string(program()) + " " + std::string(command.name) + " - ";
    CHECK(text.substr(0, start.size()) == start);
    for (const auto table : {command.options, command.more_options})
      for (const auto& option : table) CHECK_THAT(text, Contains("   --" + std::string(option.name)));
  }
}

TEST_CASE("the help of the program lists each command and global option, and no other") {
  const auto text = help_text(nullptr);
  CHECK(text.starts_with("NAME:\n   " + std::string(program()) + " - Open Container Initiative runtime\n"));
  for (const auto& command : commands()) CHECK_THAT(text, Contains("\n   " + std::string(command.name) + " "));
  for (const auto& option : global_options()) CHECK_THAT(text, Contains("\n   --" + std::string(option.name)));
  CHECK_THAT(text, !Contains("\n   init "));
}

TEST_CASE("the version stands in the first line, and its word in no other") {
  const auto text = version_text("2.5.4");
  CHECK(text.starts_with(std::string(program()) + " version " RUNTIME_VERSION "\ncommit: "));
  CHECK(text.find("version") == text.rfind("version"));
  CHECK_THAT(text, Contains("\nspec: 1.3.0\nlibseccomp: 2.5.4\n"));
}

TEST_CASE("an id has only characters that are safe in names of directories and cgroups") {
  for (const auto* id : {"a", "A-b_c.d+e", "0", "...", ".hidden", "-x"}) CHECK_NOTHROW(check_id(id));
  for (const auto* id : {".", "..", "a/b", "../x", "a b", "a\nb", "\xC3\xA4", "a:b", "a%"})
    CHECK_THROWS_WITH(check_id(id), Contains("invalid container ID format"));
  CHECK_THROWS_WITH(check_id(""), "container id cannot be empty");
  CHECK_NOTHROW(check_id(std::string(255, 'a')));
  CHECK_THROWS_WITH(check_id(std::string(256, 'a')), Contains("invalid container ID format"));
}

TEST_CASE("only what cannot be an id is taken for a bundle") {
  for (const auto* word : {".", "..", "./x", "bundle/", "/b"}) CHECK(is_bundle(word));
  for (const auto* word : {"bundle", "...", ".x", ""}) CHECK_FALSE(is_bundle(word));
}

TEST_CASE("an id that is made up is valid, readable and new each time") {
  const std::string longest = "/" + std::string(300, 'x');
  for (const std::string& bundle :
       {std::string("/tmp/my bundle"), std::string("/"), std::string("/x/\xC3\xA4"), std::string("/..a"), longest}) {
    const auto id = make_id(bundle);
    CHECK_NOTHROW(check_id(id));
    CHECK(id != make_id(bundle));
  }
  CHECK(make_id("/tmp/my bundle").substr(0, 9) == "mybundle-");
  CHECK(make_id("/").substr(0, 7) == "bundle-");
}
