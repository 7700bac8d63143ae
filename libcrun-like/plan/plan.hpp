// SPDX-License-Identifier: Apache-2.0
// What the container's process does, decided in full before it exists: a flat list of steps, each plain values and
// descriptors.
#pragma once
#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/channel.hpp"
#include "base/handle.hpp"
#include "plan/mount_steps.hpp"

namespace oci {

// Namespaces
// ----------------------------------------------------------------------------------------------------------------

/// A namespace to enter, by a descriptor that was opened before anything changed.
struct OpenNamespace {
  Fd fd;
  int type = 0;  ///< CLONE_NEW…
  std::string path;
};

struct JoinNamespaces {
  std::vector<OpenNamespace> namespaces;
  bool sets_time_offsets = false;  ///< a SetTimeOffsets follows
};

/// Every namespace in which `process` lives and which `types` names, in one setns(2).
struct JoinProcess {
  FdRef process;  ///< the plan's maker keeps the pidfd
  int types = 0;  ///< CLONE_NEW… ORed
};

/// The root of a container that has no mount namespace of its own.
struct EnterRoot {
  Fd root;
};

struct Unshare {
  int types = 0;
};

/// "monotonic 1 0\n…" for /proc/self/timens_offsets (time_namespaces(7)): before the first process is born there.
struct SetTimeOffsets {
  std::string text;
};

/// In a user namespace whose maps are written: uid, gid 0, so that what is made belongs to the container's root.
struct BecomeRoot {
  bool keeps_groups = false;  ///< annotation run.oci.keep_original_groups
};

/// Clones a sibling that carries on with the list, and ends: the only way into a pid or time namespace for a process
/// that lives (setns(2), pid_namespaces(7)).
struct Fork {};

// Meetings
// ------------------------------------------------------------------------------------------------------------------

/// Says a word to the runtime, and waits for its answer where the word has one.
struct Meet {
  Word word{};
};

/// Waits for a byte in the fifo that `start` writes it to.
struct AwaitStart {
  Fd fifo;
};

// The machine as the container sees it
// --------------------------------------------------------------------------------------

struct RaiseLoopback {
  bool left_to_runtime = false;  ///< which does it meanwhile, if it can (plan/network_work.hpp)
};

struct SetHostname {
  std::string name;
};

struct SetDomainname {
  std::string name;
};

/// `file` below /proc/sys.
struct SetSysctl {
  std::string file;
  std::string value;
};

/// A terminal from the container's own devpts; its master goes to the runtime, its slave becomes stdin, stdout, stderr.
struct OpenTerminal {
  std::string devpts = "/dev/pts";
  std::uint16_t rows = 0;  ///< 0: leave the size alone
  std::uint16_t columns = 0;
  uid_t owner = 0;
  bool bind_console = false;  ///< also seen as /dev/console
};

/// Makes the caller's pipes and files on 0, 1 and 2 the container user's, so that /dev/stdout can be opened again.
struct OwnStandardStreams {
  uid_t uid = 0;
};

// The process
// ---------------------------------------------------------------------------------------------------------------

struct RunHook {
  std::string path;
  std::vector<std::string> args;
  std::vector<std::string> env;
  bool inherits_env = false;     ///< env is the process's, and HOME belongs to it
  std::string cwd;               ///< empty: where the process is
  std::string state_before_pid;  ///< what it reads on its standard input, in two halves: only the process knows its pid
  std::string state_after_pid;
  FdRef output{-1};  ///< none: kept for the message of a failure
  FdRef errors{-1};
  std::int64_t timeout_s = 0;  ///< 0: none
  std::string kind;
  std::size_t index = 0;
};

struct SetLimit {
  int resource = 0;
  rlimit limit{};
  std::string name;
};

/// Its own class of cache and memory bandwidth (resctrl): a "0" in each file stands for whoever writes it.
struct JoinResctrl {
  std::vector<Fd> tasks;
};

struct SetOomScore {
  int adjustment = 0;
  bool may_be_refused = false;  ///< the caller has no privileges, and nothing depends on it
};

/// sched_setattr(2). What is denied to the process, because it is in a user namespace or has lost its privileges, the
/// runtime does for it (Word::schedule).
struct SetScheduler {
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0, deadline = 0, period = 0;
  bool in_cpuset = false;  ///< resources.cpu.cpus is set, which SCHED_DEADLINE does not go with
};

/// ioprio_set(2); denied, as SetScheduler.
struct SetIoPriority {
  int priority = 0;
};

/// All CPUs when `mask` is empty, which the kernel cuts down to the cgroup's cpuset.
struct SetAffinity {
  std::vector<std::uint64_t> mask;
};

/// set_mempolicy(2): `mode` with flags; no nodes where the mode has none.
struct SetMemoryPolicy {
  int mode = 0;
  std::vector<std::uint64_t> nodes;
  std::string name;  ///< of the mode, for people
};

struct SetPersonality {
  unsigned long persona = 0;
};

/// A session keyring of its own. Without a name it only leaves the caller's: before a user namespace is entered, whose
/// root may have used up his quota of keys.
struct JoinKeyring {
  std::string name{};
};

/// An LSM label for the program to come: `text` to /proc/thread-self/attr/`file`.
struct SetLabel {
  std::string file;
  std::string fallback_file;  ///< of kernels without the first; may be empty
  std::string text;
};

struct SetUser {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  bool sets_groups = true;  ///< false where the kernel forbids it (setgroups deny, user_namespaces(7))
  mode_t umask = 0;
};

/// Bit n stands for capability n.
struct CapabilitySets {
  std::uint64_t bounding = 0, effective = 0, permitted = 0, inheritable = 0, ambient = 0;
};

/// The bounding set goes before the user changes, because that needs CAP_SETPCAP.
struct DropBoundingSet {
  std::uint64_t keep = 0;
};

struct SetCapabilities {
  CapabilitySets sets;
};

struct NoNewPrivileges {};

struct LoadSeccomp {
  std::vector<sock_filter> filter;
  unsigned flags = 0;
  bool notifies = false;  ///< seccomp(2) returns a listener, whose number the runtime is told (Word::listener)
};

/// Comes twice: before the user changes, because only root may reach the directory, or make it; and after, because only
/// the user may (an NFS home). One success is enough.
struct ChangeDirectory {
  std::string path;
  bool last_chance = false;
  bool made = true;  ///< when it is missing and root may
};

/// HOME where the environment has none, from the container's /etc/passwd.
struct FindHome {
  uid_t uid = 0;
};

/// Finds the program while errors can still be told to whoever created the container.
struct FindProgram {
  std::string name;
  std::string search_path;
};

/// Closes every descriptor from `first` on, but for the channel to the runtime and the fifo that AwaitStart reads.
/// Really: being close-on-exec is too late for a script whose interpreter is /proc/self/fd/N (CVE-2024-21626).
struct SealDescriptors {
  unsigned first = 3;
  FdRef fifo{-1};
};

/// A session without a terminal, or with the one that was opened.
struct NewSession {};

/// The host's /proc for labels, in a process that cannot use the container's: before it enters anything.
struct UseHostProc {};
/// Behind the labels: nothing of the host's is needed among the container's processes.
struct ForgetHostProc {};

struct Execute {
  std::vector<std::string> args;
  std::vector<std::string> env;
};

using AnyAction =
    std::variant<JoinNamespaces, JoinProcess, EnterRoot, Unshare, SetTimeOffsets, BecomeRoot, Fork, Meet, AwaitStart,
                 SetPropagation, BindRoot, MountFilesystem, BindMount, PrepareMountChanges, OpenSource, MakeFilesystem,
                 UseNamespaceRoot, RemoveMount, ChangeMount, MakeDevices, MaskPath, ReadonlyPath, RemountRootReadonly,
                 PivotRoot, MoveRoot, ChangeRoot, SetRootPropagation, RaiseLoopback, SetHostname, SetDomainname,
                 SetSysctl, OpenTerminal, OwnStandardStreams, RunHook, SetLimit, JoinResctrl, SetOomScore, SetScheduler,
                 SetIoPriority, SetAffinity, SetMemoryPolicy, SetPersonality, JoinKeyring, SetLabel, SetUser,
                 DropBoundingSet, SetCapabilities, NoNewPrivileges, LoadSeccomp, ChangeDirectory, FindHome, FindProgram,
                 SealDescriptors, NewSession, UseHostProc, ForgetHostProc, Execute>;

/// One of them. What a variant of so many needs to be moved and destroyed is made once, in plan.cpp: in every file that
/// adds a step it would cost the compiler seconds.
struct Action : AnyAction {
  template <class T>
  Action(std::in_place_type_t<T> type, T action) : AnyAction(type, std::move(action)) {}
  Action(Action&& other) noexcept;
  Action& operator=(Action&& other) noexcept;
  Action(const Action&) = delete;
  Action& operator=(const Action&) = delete;
  ~Action();
};

struct Step {
  Action action;
  std::string field;  ///< where in config.json it comes from: "mounts[0]"; empty for what every container gets
};

/// Room for the steps of a usual plan, which then need not move each time that the list grows.
inline constexpr std::size_t usual_steps = 64;

/// The whole of it. Movable only: steps own descriptors.
struct InitPlan {
  int clone_flags = 0;  ///< CLONE_NEW… for the process to be born with
  std::vector<Step> steps;

  InitPlan();
  InitPlan(InitPlan&& other) noexcept;
  InitPlan& operator=(InitPlan&& other) noexcept;
  InitPlan(const InitPlan&) = delete;
  InitPlan& operator=(const InitPlan&) = delete;
  ~InitPlan();

  template <class T>
  T& add(T action, std::string field = {}) {
    return *std::get_if<T>(&push({Action(std::in_place_type<T>, std::move(action)), std::move(field)}));
  }

 private:
  Action& push(Step step);
};

/// One line: "mount proc at /proc (nosuid,nodev,noexec)". Golden tests, --debug and error messages show it.
std::string describe(const Action& action);

}  // namespace oci
