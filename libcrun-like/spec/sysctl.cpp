// SPDX-License-Identifier: Apache-2.0
#include "spec/sysctl.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "oci/error.hpp"

namespace oci {

std::string sysctl_file(const std::string& name) {
  std::string file = name;
  const auto first = file.find_first_of("./");
  if (first != file.npos && file[first] == '.')
    for (char& c : file) c = c == '.' ? '/' : c == '/' ? '.' : c;
  std::string_view rest = file;
  for (bool more = true; more;) {
    const auto component = rest.substr(0, rest.find('/'));
    if (component.empty() || component == "." || component == "..") throw Error("not the name of a setting");
    more = component.size() < rest.size();
    rest.remove_prefix(component.size() + (more ? 1 : 0));
  }
  return file;
}

NamespaceType sysctl_namespace(const std::string& file) {
  static constexpr std::array<std::string_view, 8> of_ipc{"kernel/msgmax", "kernel/msgmnb",         "kernel/msgmni",
                                                          "kernel/sem",    "kernel/shmall",         "kernel/shmmax",
                                                          "kernel/shmmni", "kernel/shm_rmid_forced"};
  if (std::find(of_ipc.begin(), of_ipc.end(), file) != of_ipc.end() || file.starts_with("fs/mqueue/"))
    return NamespaceType::ipc;
  if (file.starts_with("net/")) return NamespaceType::network;
  if (file.starts_with("user/")) return NamespaceType::user;
  if (file == "kernel/domainname") return NamespaceType::uts;
  if (file == "kernel/hostname") throw Error("set by the field hostname");
  throw Error("not kept apart by any namespace, so it would change the host");
}

}  // namespace oci
