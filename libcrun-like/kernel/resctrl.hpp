// SPDX-License-Identifier: Apache-2.0
// Intel RDT and its kin: cache and memory bandwidth, by groups of resctrl (Documentation/filesystems/resctrl.rst;
// config-linux.md, "IntelRdt").
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.hpp"
#include "oci/spec.hpp"

namespace oci {

/// A container's place in resctrl: what state.json remembers of it.
struct ResctrlGroup {
  std::string path;              ///< the class of service, an absolute directory; resctrl's root is the default one
  std::string monitoring_path;   ///< the monitoring group below it; empty: none
  bool made = false;             ///< `path` goes with the container
  bool made_monitoring = false;  ///< so does `monitoring_path`
};

/// What the kernel does when a group comes and goes, in the way of mkdir(2) and rmdir(2). Tests have their own: in no
/// other file system does a new directory have files in it.
struct ResctrlKernel {
  int (*make)(const char* path);
  int (*remove)(const char* path);
};
extern const ResctrlKernel resctrl_kernel;

/// Where resctrl is mounted, out of /proc/self/mountinfo. @throws Error that says what to do when it is nowhere
std::string find_resctrl();

/// The place that `rdt` asks for below `root`. Nothing is made yet; `made` and `made_monitoring` say what
/// ResctrlMaking will make and remove_resctrl_group remove.
/// @throws Error "linux.intelRdt.closID: …", also when it has to exist and does not
ResctrlGroup plan_resctrl_group(const std::string& root, const IntelRdt& rdt, const std::string& id);

/// Makes what is missing and writes the schemata, or compares them with those of a class that exists. What it has made
/// before it fails it takes back. @throws Error "linux.intelRdt…"
class ResctrlMaking {
 public:
  ResctrlMaking(const ResctrlGroup& group, const IntelRdt& rdt, const ResctrlKernel& kernel = resctrl_kernel);
  ResctrlMaking(const ResctrlMaking&) = delete;
  ResctrlMaking& operator=(const ResctrlMaking&) = delete;
  /// Takes back what was made, a class that others could share in only while nobody does, unless kept.
  ~ResctrlMaking();
  void keep() noexcept;

 private:
  void make(const ResctrlGroup& group, const IntelRdt& rdt);
  void take_back() noexcept;

  const ResctrlKernel& kernel_;
  std::string made_class_;
  std::string made_monitoring_;
};

/// The files that a process writes itself to, in this order, to join the group. Empty when the group is gone: then its
/// processes are in the default one.
std::vector<Fd> open_resctrl_tasks(const ResctrlGroup& group);

/// Only what was made for the container; what is gone is no error.
void remove_resctrl_group(const ResctrlGroup& group, const ResctrlKernel& kernel = resctrl_kernel);

/// `update`: new schemata for the class; an empty one stays as it is. Answers with those before. @throws Error
std::string update_resctrl(const ResctrlGroup& group, const std::string& l3_cache_schema,
                           const std::string& mem_bw_schema);

/// Gives the class the schemata back that it had before; a failure is a warning.
void restore_resctrl(const ResctrlGroup& group, const std::string& before) noexcept;

/// What is written to `schemata`, in one write(2): l3CacheSchema, memBwSchema, schemata, a line each. Where both of the
/// first two are there, "MB:" lines of l3CacheSchema give way.
std::string resctrl_schemata(const IntelRdt& rdt);

/// Whether every value that `wanted` names is the one in `current`, the text of a `schemata` file: lines like
/// "L3:0=ff;1=ff", in any order, with leading blanks and zeros.
bool schemata_agree(std::string_view current, std::string_view wanted);

}  // namespace oci
