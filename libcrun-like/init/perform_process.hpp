// SPDX-License-Identifier: Apache-2.0
// One function per step that makes the process what config.json asks for. Each throws Error.
#pragma once
#include "init/scene.hpp"
#include "plan/plan.hpp"

namespace oci::init {

// namespaces.cpp
void perform(const JoinNamespaces& join, Scene& scene);
void perform(const JoinProcess& join, Scene& scene);
void perform(const EnterRoot& enter, Scene& scene);
void perform(const Unshare& unshare, Scene& scene);
void perform(const SetTimeOffsets& offsets, Scene& scene);
void perform(const BecomeRoot& root, Scene& scene);
void perform(const Fork& fork, Scene& scene);

// meet.cpp
void perform(const Meet& meet, Scene& scene);
void perform(const AwaitStart& await, Scene& scene);

// machine.cpp
void perform(const SetHostname& hostname, Scene& scene);
void perform(const SetDomainname& domainname, Scene& scene);
void perform(const SetSysctl& sysctl, Scene& scene);
void perform(const RunHook& hook, Scene& scene);

// resctrl.cpp
void perform(const JoinResctrl& join, Scene& scene);

// limits.cpp
void perform(const SetLimit& limit, Scene& scene);
void perform(const SetOomScore& score, Scene& scene);
void perform(const SetScheduler& scheduler, Scene& scene);
void perform(const SetIoPriority& priority, Scene& scene);
void perform(const SetAffinity& affinity, Scene& scene);
void perform(const SetMemoryPolicy& policy, Scene& scene);
void perform(const SetPersonality& personality, Scene& scene);

// privileges.cpp
void perform(const UseHostProc& use, Scene& scene);
void perform(const ForgetHostProc& forget, Scene& scene);
void perform(const JoinKeyring& keyring, Scene& scene);
void perform(const SetLabel& label, Scene& scene);
void perform(const DropBoundingSet& set, Scene& scene);
void perform(const SetUser& user, Scene& scene);
void perform(const SetCapabilities& capabilities, Scene& scene);
void perform(const NoNewPrivileges& none, Scene& scene);
void perform(const LoadSeccomp& seccomp, Scene& scene);

// program.cpp
void perform(const FindHome& home, Scene& scene);
void perform(const ChangeDirectory& change, Scene& scene);
void perform(const FindProgram& find, Scene& scene);
void perform(const SealDescriptors& seal, Scene& scene);
void perform(const Execute& execute, Scene& scene);

}  // namespace oci::init
