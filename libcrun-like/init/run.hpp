// SPDX-License-Identifier: Apache-2.0
// The container's side. Everything in this directory runs in the process that becomes the container, and nothing else
// does.
#pragma once
#include <cstdint>

#include "base/handle.hpp"
#include "init/scene.hpp"
#include "plan/plan.hpp"

namespace oci::init {

/// Performs the plan's steps; ends in execve, or in a failure told to the runtime and exit status 255.
///
/// Rules of this side, because it was born by a raw clone3(2) in a copy of the runtime's memory:
///
///  1. It never returns and nothing unwinds out of it: the runtime's destructors must not run a second time (they
///     would kill the child and remove the state). Hence noexcept, and _exit instead of exit.
///  2. Output is one write(2) a line; nothing is buffered that a second process could flush again.
///  3. glibc's fork handlers did not run: its cached thread id is the parent's, so raise(3), abort(3) and recursive
///     mutexes are not used.
///  4. After the root has changed no host file is opened by name: no NSS, no iconv, no locale, no dlopen; symbols are
///     bound already (-z now).
///  5. Connections of the runtime, sd-bus above all, are not touched: this layer cannot include what makes them.
///  6. Every descriptor is close-on-exec from birth, and SealDescriptors closes what is left.
///
/// `ignored_signals`: the runtime's (kernel/ignored_signals.hpp). What is in its environment is not for this side: see
/// withhold_environment().
[[noreturn]] void run(const InitPlan& plan, Arguments arguments, Fd parent, Progress& progress,
                      std::uint64_t ignored_signals) noexcept;

/// What `plan` will execute. The runtime lays it out: here each page that is written to has to be copied, and behind a
/// filter, which may know no brk(2), no memory is asked for.
Arguments arguments_of(const InitPlan& plan);

}  // namespace oci::init
