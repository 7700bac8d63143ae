// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string>

#include "base/handle.hpp"
#include "plan/mount_steps.hpp"

namespace oci::init {

/// "key=value" or "key", as fsconfig(2) takes them.
using Parameters = std::span<const std::string>;

/// A new file system that hangs nowhere yet: fsopen, fsconfig, fsmount. `parameters` instead of the step's own.
/// @throws Error with what the file system says about it ("tmpfs: Unknown parameter 'x'")
MountFd make_filesystem(const MountFilesystem& step, Parameters parameters);

/// The same from an fsopen(2) that somebody else has done, without the step's pid namespace: that is in it already.
MountFd finish_filesystem(const MountFilesystem& step, FdRef made, Parameters parameters);

/// Fills the directory `to` with copies of what `from` holds: files, links, modes, owners, extended attributes.
void copy_directory(FdRef from, FdRef to);

}  // namespace oci::init
