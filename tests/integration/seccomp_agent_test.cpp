// SPDX-License-Identifier: Apache-2.0
// SCMP_ACT_NOTIFY: config-linux.md, "Seccomp" and "ContainerProcessState"; seccomp_unotify(2).
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "support/bundle.hpp"
#include "support/catch.hpp"

using test::Bundle;
using test::quoted;
using namespace Catch::Matchers;

namespace {

/// Answers every call with "continue", but for getpgrp(2), which fails with EXDEV.
class Agent {
 public:
  explicit Agent(const std::string& path) : receiver_(path), acceptor_([this] { accept(); }) {}
  ~Agent() { leave(); }

  /// Closes its listeners.
  void leave() {
    stop_ = true;
    if (acceptor_.joinable()) acceptor_.join();
    for (auto& server : servers_) server.join();
    servers_.clear();
  }
  std::vector<test::Tree> states() const {
    const std::lock_guard lock(mutex_);
    std::vector<test::Tree> states;
    for (const auto& payload : payloads_) states.push_back(test::Tree::parse(payload));
    return states;
  }
  bool was_asked_for(long number) const {
    const std::lock_guard lock(mutex_);
    return numbers_.count(number) != 0;
  }

 private:
  void accept() {
    while (!stop_) {
      auto listener = receiver_.receive(test::Seconds(1));
      if (!listener) continue;
      const std::lock_guard lock(mutex_);
      payloads_.push_back(receiver_.payload());
      servers_.emplace_back([this, listener = std::move(listener)] { serve(listener); });
    }
  }
  void serve(const oci::Fd& listener) {
    static constexpr int while_ms = 50;
    while (!stop_) {
      pollfd ready{listener.get(), POLLIN, 0};
      if (::poll(&ready, 1, while_ms) <= 0) continue;
      if ((ready.revents & POLLIN) == 0) return;
      seccomp_notif call{};
      if (::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) continue;
      seccomp_notif_resp answer{call.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE};
      if (call.data.nr == SYS_getpgrp) answer = {call.id, 0, -EXDEV, 0};
      const std::lock_guard lock(mutex_);
      numbers_.insert(call.data.nr);
      ::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
  }

  test::Receiver receiver_;
  mutable std::mutex mutex_;
  std::vector<std::string> payloads_;
  std::set<long> numbers_;
  std::vector<std::thread> servers_;
  std::atomic<bool> stop_{false};
  std::thread acceptor_;
};

/// Allows everything but what is to be asked for.
void notify_of(Bundle& b, const test::Words& names, const std::string& listener_path) {
  b.set("linux.seccomp", R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                             {"action": "SCMP_ACT_NOTIFY", "names": )" +
                             quoted(names) + "}]}");
  if (!listener_path.empty()) b.set("linux.seccomp.listenerPath", quoted(listener_path));
}

std::string nr(long number) {
  return std::to_string(number);
}

/// What the runtime's own process calls under its filter, and whoever starts a program.
const test::Words used_by_all{"execve",  "openat", "open",      "read",   "close",  "fcntl",  "sendmsg",
                              "recvmsg", "prctl",  "setresuid", "capset", "setsid", "getcwd", "clone"};

}  // namespace

TEST_CASE("notifications of the calls that the runtime itself needs do not keep a container from starting") {
  const auto* privileges = GENERATE("true", "false");
  Bundle b;
  Agent agent(b.path("agent.sock"));
  auto names = used_by_all;
  names.emplace_back("getpgrp");
  notify_of(b, names, b.path("agent.sock"));
  b.set("process.noNewPrivileges", privileges).set("process.user", R"({"uid": 1000, "gid": 1000})");
  b.args({"do", "syscall", nr(SYS_getpgrp), "--", "pause"}).launch();
  CHECK(b.outputs("EXDEV\n"));
  CHECK(agent.was_asked_for(SYS_execve));
  // Calls from before the program is waited for are the runtime's own and none of the agent's business.
  CHECK_FALSE(agent.was_asked_for(SYS_setresuid));
  CHECK_FALSE(agent.was_asked_for(SYS_capset));
  REQUIRE(agent.states().size() == 1);
  CHECK(agent.states()[0].at("pid") == nr(b.pid()));

  CHECK(b.exec({"syscall", nr(SYS_getpgrp)}).out == "EXDEV\n");
  const auto states = agent.states();
  REQUIRE(states.size() == 2);
  CHECK(states[1].at("state.status") == "running");
  CHECK(states[1].at("state.pid") == nr(b.pid()));
  CHECK(states[1].at("pid") != nr(b.pid()));
}

TEST_CASE("run hands the listener over before its program starts") {
  const auto* privileges = GENERATE("true", "false");
  Bundle b;
  Agent agent(b.path("agent.sock"));
  notify_of(b, {"getpgrp", "read", "execve"}, b.path("agent.sock"));
  b.set("process.noNewPrivileges", privileges);
  CHECK(b.args({"syscall", nr(SYS_getpgrp)}).run().out == "EXDEV\n");
}

TEST_CASE("the agent is told the container's state when create gives it the listener") {
  Bundle b;
  test::Receiver receiver(b.path("agent.sock"));
  notify_of(b, {"getpgrp"}, b.path("agent.sock"));
  b.set("linux.seccomp.listenerMetadata", R"("for me")").set("annotations.colour", quoted("green"));
  REQUIRE(b.args({"pause"}).create().status == 0);
  REQUIRE(receiver.receive());
  const auto state = test::Tree::parse(receiver.payload());
  CHECK(state.at("ociVersion") == "1.3.0");
  CHECK(state.at("fds") == R"(["seccompFd"])");
  CHECK(state.at("metadata") == "for me");
  CHECK(state.at("pid") == nr(b.pid()));
  CHECK(state.at("state.id") == b.id());
  CHECK(state.at("state.status") == "creating");
  CHECK(state.at("state.pid") == nr(b.pid()));
  CHECK(state.at("state.annotations.colour") == "green");
}

TEST_CASE("once the agent has gone, notified calls fail with ENOSYS: nobody else holds the listener") {
  const auto* privileges = GENERATE("true", "false");
  Bundle b;
  Agent agent(b.path("agent.sock"));
  notify_of(b, {"getpgrp"}, b.path("agent.sock"));
  b.set("process.noNewPrivileges", privileges).args({"syscall", nr(SYS_getpgrp)});
  REQUIRE(b.create().status == 0);
  agent.leave();
  REQUIRE(b.start().status == 0);
  CHECK(b.becomes("stopped"));
  CHECK(b.output() == "ENOSYS\n");
}

TEST_CASE("without an agent neither create nor exec succeeds") {
  Bundle b;
  notify_of(b, {"getpgrp"}, b.path("agent.sock"));
  b.args({"pause"});
  const auto created = b.create();
  CHECK(created.status == 1);
  CHECK_THAT(created.err, Contains("failed to connect with seccomp agent specified in the seccomp profile: "));
  CHECK(b.leftovers().empty());

  {
    Agent agent(b.path("agent.sock"));
    b.launch();
  }
  const auto executed = b.exec({"exit", "0"});
  CHECK(executed.status == 255);
  CHECK_THAT(executed.err, Contains("failed to connect with seccomp agent specified in the seccomp profile: "));
  CHECK(b.status() == "running");
}

TEST_CASE("what could not be notified of is refused before anything is made") {
  Bundle b;
  notify_of(b, {"getpgrp"}, "");
  CHECK_THAT(b.create().err, Contains("linux.seccomp.listenerPath: missing, but an action is SCMP_ACT_NOTIFY"));
  notify_of(b, {"getpgrp", "write"}, b.path("agent.sock"));
  CHECK_THAT(b.create().err, Contains("SCMP_ACT_NOTIFY cannot be used for the write syscall"));
  b.set("linux.seccomp", R"({"defaultAction": "SCMP_ACT_NOTIFY"})");
  CHECK_THAT(b.create().err, Contains("SCMP_ACT_NOTIFY cannot be used as default action"));
  CHECK(b.leftovers().empty());
}

TEST_CASE("a listenerPath without a notification is not connected to") {
  Bundle b;
  b.set("linux.seccomp", R"({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/nobody.sock"})");
  CHECK(b.args({"exit", "3"}).run().status == 3);
}

TEST_CASE("without a listenerPath crun's annotation names the agent, else the environment does") {
  Bundle b;
  notify_of(b, {"getpgrp"}, "");
  b.args({"syscall", nr(SYS_getpgrp)});
  b.environment = {"RUN_OCI_SECCOMP_RECEIVER=" + b.path("agent.sock")};
  {
    Agent agent(b.path("agent.sock"));
    CHECK(b.run().out == "EXDEV\n");
  }
  b.set("annotations", R"({"run.oci.seccomp.receiver": )" + quoted(b.path("other.sock")) + "}");
  {
    Agent agent(b.path("other.sock"));
    CHECK(b.run().out == "EXDEV\n");
  }
  b.set("annotations", R"({"run.oci.seccomp.receiver": "agent.sock"})");
  CHECK_THAT(test::unquoted(b.run().err), Contains("the seccomp receiver \"agent.sock\" is not an absolute path"));
}

TEST_CASE("crun's annotations about filters are honoured or refused") {
  Bundle b;
  b.set("linux.seccomp", R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                             {"action": "SCMP_ACT_ERRNO", "names": ["getpgrp", "not_a_call"]}]})");
  b.args({"exit", "3"});
  CHECK(b.run().status == 3);
  b.set("annotations", R"({"run.oci.seccomp_fail_unknown_syscall": "1"})");
  CHECK_THAT(test::unquoted(b.run().err),
             Contains("linux.seccomp.syscalls[0].names[1]: the system call \"not_a_call\" is not known here"));
  b.set("annotations", R"({"run.oci.seccomp_bpf_data": "BgAAAAAA/38="})");
  CHECK_THAT(b.run().err, Contains("annotation run.oci.seccomp_bpf_data: not supported"));
}

TEST_CASE("a profile that hides the newer mount calls and close_range lets the container start") {
  const auto* privileges = GENERATE("true", "false");
  Bundle b;
  b.set("linux.seccomp", R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
      {"action": "SCMP_ACT_ERRNO", "errnoRet": 38, "names": ["close_range", "fsopen", "fsconfig", "fspick", "openat2",
       "open_tree", "move_mount", "mount_setattr"]}]})");
  b.set("process.noNewPrivileges", privileges).args({"do", "syscall", nr(SYS_openat2), "--", "pause"}).launch();
  CHECK(b.outputs("ENOSYS\n"));
  CHECK(b.exec({"syscall", nr(SYS_fsopen)}).out == "ENOSYS\n");
}

TEST_CASE("the flags are logged as the kernel gets them, with the listener's") {
  Bundle b;
  b.global_options = {"--debug"};
  const auto flags = [&](const std::string& json) {
    notify_of(b, {"getpgrp"}, b.path("nobody.sock"));
    b.set("linux.seccomp.flags", json);
    return b.args({"exit", "0"}).run().err;
  };
  CHECK_THAT(flags("[]"), Contains("\"seccomp filter flags: 8\""));
  CHECK_THAT(flags(R"(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"])"), Contains("\"seccomp filter flags: 40\""));
  CHECK_THAT(flags(R"(["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG"])"),
             Contains("\"seccomp filter flags: 10\""));
}

TEST_CASE("features name notifications and the annotations that matter") {
  Bundle b;
  const auto features = test::Tree::parse(b.runtime({"features"}).out);
  CHECK_THAT(features.at("linux.seccomp.actions"), Contains("\"SCMP_ACT_NOTIFY\""));
  CHECK_THAT(features.at("linux.seccomp.supportedFlags"), Contains("\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\""));
  CHECK_THAT(features.at("potentiallyUnsafeConfigAnnotations"), Contains("\"run.oci.\""));
}
