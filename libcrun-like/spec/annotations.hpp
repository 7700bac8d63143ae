// SPDX-License-Identifier: Apache-2.0
// What annotations of config.json ask of the runtime: crun's names, because engines and users have them already. Those
// about seccomp are read where filters are made (container/filter.hpp).
#pragma once
#include <map>
#include <string>

namespace oci {

using Annotations = std::map<std::string, std::string>;

struct Extensions {
  std::string hooks_stdout;                ///< run.oci.hooks.stdout: an absolute path; empty: not given
  std::string hooks_stderr;                ///< run.oci.hooks.stderr
  std::string pidfd_receiver;              ///< run.oci.pidfd_receiver: an absolute path
  std::string context_option = "context";  ///< run.oci.mount_context_type: the mount option that takes the label
  std::string delegated_cgroup;            ///< run.oci.delegate-cgroup: "/a/b" below the container's; empty: not given
  bool keeps_groups = false;               ///< run.oci.keep_original_groups, with any value: setgroups(2) is not called
};

/// @throws Error "annotation NAME: …" for a value that cannot be obeyed, and for annotations that ask for what this
/// runtime is not, or has not: another kind of program (run.oci.handler), mounts of cgroup v1, plugins.
Extensions extensions(const Annotations& annotations);

}  // namespace oci
