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

/// The same in parts: fsopen(2); everything up to the file system's being there; fsmount(2). What belongs to a
/// namespace belongs to that of whoever did the first.
Fd open_filesystem(const MountFilesystem& step);
void create_filesystem(const MountFilesystem& step, FdRef context, Parameters parameters);
MountFd mount_filesystem(const MountFilesystem& step, FdRef context);

/// Fills the directory `to` with copies of what `from` holds: files, links, modes, owners, extended attributes.
void copy_directory(FdRef from, FdRef to);

}  // namespace oci::init
