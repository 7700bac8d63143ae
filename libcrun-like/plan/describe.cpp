// SPDX-License-Identifier: Apache-2.0
// One line for each step, for people: --debug, golden plans, and the place where a process died.
#include <sched.h>
#include <sys/personality.h>

#include "plan/describe_mounts.hpp"
#include "plan/plan.hpp"
#include "spec/number_list.hpp"

namespace oci {
namespace {

struct ChannelWord {
  Word word;
  const char* name;
};

std::string namespaces_in_words(int types) {
  struct Name {
    int type;
    const char* name;
  };
  static constexpr std::array names{Name{CLONE_NEWUSER, "user"},   Name{CLONE_NEWPID, "pid"},
                                    Name{CLONE_NEWNET, "network"}, Name{CLONE_NEWNS, "mount"},
                                    Name{CLONE_NEWIPC, "ipc"},     Name{CLONE_NEWUTS, "uts"},
                                    Name{CLONE_NEWTIME, "time"},   Name{CLONE_NEWCGROUP, "cgroup"}};
  std::string words;
  for (const auto& [type, name] : names)
    if ((types & type) != 0) words.append(words.empty() ? "" : ",").append(name);
  return words;
}

std::string hexadecimal(std::uint64_t value) {
  std::array<char, 24> text{};
  const int size = std::snprintf(text.data(), text.size(), "0x%llx", static_cast<unsigned long long>(value));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

std::string limit_value(rlim_t value) {
  return value == RLIM_INFINITY ? "unlimited" : std::to_string(value);
}

std::string line(const JoinNamespaces& step) {
  std::string text = "join namespaces";
  for (const auto& entry : step.namespaces) text.append(" ").append(entry.path);
  return text;
}
std::string line(const JoinProcess& step) {
  return "join the container's namespaces " + namespaces_in_words(step.types);
}
std::string line(const EnterRoot& /*step*/) {
  return "enter the container's root";
}
std::string line(const Unshare& step) {
  return "unshare namespaces " + namespaces_in_words(step.types);
}
std::string line(const SetTimeOffsets& /*step*/) {
  return "set the clocks' offsets";
}
std::string line(const BecomeRoot& /*step*/) {
  return "become root of the user namespace";
}
std::string line(const Fork& /*step*/) {
  return "be born again in the pid and time namespaces";
}
std::string line(const Meet& step) {
  static constexpr std::array words{ChannelWord{Word::adopt, "until adopted"},
                                    ChannelWord{Word::network, "to move network devices"},
                                    ChannelWord{Word::hooks, "for the host's hooks"},
                                    ChannelWord{Word::listener, "until the seccomp agent has the listener"},
                                    ChannelWord{Word::ready, "no more: ready"},
                                    ChannelWord{Word::start, "for start"}};
  for (const auto& [word, name] : words)
    if (word == step.word) return std::string("wait for the runtime ") + name;
  return "meet the runtime";
}
std::string line(const AwaitStart& /*step*/) {
  return "wait for start";
}
std::string line(const RaiseLoopback& step) {
  return step.left_to_runtime ? "leave the loopback interface to the runtime" : "raise the loopback interface";
}
std::string line(const SetHostname& step) {
  return "set the hostname " + step.name;
}
std::string line(const SetDomainname& step) {
  return "set the domainname " + step.name;
}
std::string line(const SetSysctl& step) {
  return "set /proc/sys/" + step.file + " to " + step.value;
}
std::string line(const OpenTerminal& step) {
  return "open a terminal of " + step.devpts + " for uid " + std::to_string(step.owner) +
         (step.rows != 0 && step.columns != 0 ? ", " + std::to_string(step.columns) + "x" + std::to_string(step.rows)
                                              : "") +
         (step.bind_console ? ", seen as /dev/console" : "");
}
std::string line(const OwnStandardStreams& step) {
  return "give stdin, stdout and stderr to uid " + std::to_string(step.uid);
}
std::string line(const RunHook& step) {
  return "run " + step.kind + " hook #" + std::to_string(step.index) + " " + step.path;
}
std::string line(const SetLimit& step) {
  return "limit " + step.name + " to " + limit_value(step.limit.rlim_cur) + ":" + limit_value(step.limit.rlim_max);
}
std::string line(const JoinResctrl& /*step*/) {
  return "join the container's resctrl group";
}
std::string line(const SetOomScore& step) {
  return "set oom_score_adj to " + std::to_string(step.adjustment);
}
std::string line(const SetScheduler& step) {
  return "set scheduling policy " + std::to_string(step.policy);
}
std::string line(const SetIoPriority& step) {
  return "set I/O priority " + hexadecimal(static_cast<std::uint64_t>(step.priority));
}
std::string line(const SetAffinity& step) {
  return step.mask.empty() ? "run on every CPU" : "run on CPUs " + number_list(step.mask);
}
std::string line(const SetMemoryPolicy& step) {
  return "take memory by " + step.name + (step.nodes.empty() ? "" : " of nodes " + number_list(step.nodes));
}
std::string line(const SetPersonality& step) {
  return step.persona == PER_LINUX32 ? "be a LINUX32 process" : "be a LINUX process";
}
std::string line(const UseHostProc& /*step*/) {
  return "use the host's /proc";
}
std::string line(const ForgetHostProc& /*step*/) {
  return "close the host's /proc";
}
std::string line(const JoinKeyring& step) {
  return step.name.empty() ? "leave the session keyring" : "join session keyring " + step.name;
}
std::string line(const SetLabel& step) {
  return "label the program " + step.text + " (" + step.file + ")";
}
std::string line(const SetUser& step) {
  std::string text = "become " + std::to_string(step.uid) + ":" + std::to_string(step.gid);
  for (const auto group : step.groups) text += "," + std::to_string(group);
  return text;
}
std::string line(const DropBoundingSet& step) {
  return "bound capabilities to " + hexadecimal(step.keep);
}
std::string line(const SetCapabilities& step) {
  const auto& sets = step.sets;
  return "set capabilities: effective " + hexadecimal(sets.effective) + ", permitted " + hexadecimal(sets.permitted) +
         ", inheritable " + hexadecimal(sets.inheritable) + ", ambient " + hexadecimal(sets.ambient);
}
std::string line(const NoNewPrivileges& /*step*/) {
  return "give up new privileges";
}
std::string line(const LoadSeccomp& step) {
  return "load a seccomp filter of " + std::to_string(step.filter.size()) + " instructions" +
         (step.notifies ? ", and have its listener taken" : "");
}
std::string line(const ChangeDirectory& step) {
  return (step.last_chance ? "enter directory if not yet in it " : "enter directory ") + step.path +
         (step.made || step.last_chance ? "" : ", which has to exist");
}
std::string line(const FindHome& step) {
  return "find the home of uid " + std::to_string(step.uid);
}
std::string line(const FindProgram& step) {
  return "find program " + step.name;
}
std::string line(const SealDescriptors& step) {
  return "close descriptors from " + std::to_string(step.first);
}
std::string line(const NewSession& /*step*/) {
  return "start a session";
}
std::string line(const Execute& step) {
  return "execute " + joined(step.args);
}

template <class MountStep>
std::string line(const MountStep& step) {
  return describe_mount_step(step);
}

}  // namespace

std::string describe(const Action& action) {
  return std::visit([](const auto& step) { return line(step); }, action);
}

}  // namespace oci
