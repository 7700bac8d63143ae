// SPDX-License-Identifier: Apache-2.0
#include "container/filter.hpp"

#include <cstdlib>

#include "base/json.hpp"
#include "kernel/seccomp.hpp"
#include "kernel/terminal.hpp"
#include "oci/error.hpp"

namespace oci {
namespace {

/// Annotations make the state long. Agents that read 4096 bytes at once see the beginning.
constexpr std::size_t longest_state = std::size_t{64} << 10U;

/// As in crun: config.json, else the annotation, else the environment.
std::string receiver_of(const std::map<std::string, std::string>& annotations) {
  const auto annotation = annotations.find("run.oci.seccomp.receiver");
  const char* const variable = std::getenv("RUN_OCI_SECCOMP_RECEIVER");
  std::string path = annotation != annotations.end() ? annotation->second : variable ? variable : "";
  if (!path.empty() && path.front() != '/')
    throw Error("the seccomp receiver \"" + path + "\" is not an absolute path");
  return path;
}

}  // namespace

std::optional<ContainerFilter> container_filter(const Linux& linux,
                                                const std::map<std::string, std::string>& annotations,
                                                const std::string& cache_dir) {
  // A filter that somebody counts on must not be missing without a word.
  if (annotations.contains("run.oci.seccomp_bpf_data"))
    throw Error("annotation run.oci.seccomp_bpf_data: not supported by this runtime; use linux.seccomp");
  if (!linux.seccomp) return std::nullopt;
  auto profile = *linux.seccomp;
  if (profile.listener_path.empty()) profile.listener_path = receiver_of(annotations);
  const auto unknown =
      annotations.contains("run.oci.seccomp_fail_unknown_syscall") ? UnknownCalls::refused : UnknownCalls::left_out;
  auto program = seccomp_program(profile, cache_dir, unknown);
  ContainerFilter filter{{std::move(program.filter), program.flags, program.notifies}, {}};
  if (program.notifies) filter.agent = {std::move(profile.listener_path), std::move(profile.listener_metadata)};
  return filter;
}

void send_listener(const SeccompAgent& agent, FdRef listener, const StateTemplate& state, pid_t process,
                   pid_t first_process) {
  json::Writer out;
  out.open_object().member("ociVersion", "1.3.0").member("fds", std::vector<std::string>{"seccompFd"});
  out.key("pid").number(process);
  if (!agent.metadata.empty()) out.member("metadata", agent.metadata);
  const auto text = out.text() + ",\"state\":" + state_json(state, first_process != 0 ? first_process : process) + "}";
  const auto socket =
      in_context([] { return std::string("failed to connect with seccomp agent specified in the seccomp profile"); },
                 [&] { return connect_socket(agent.path); });
  in_context([&] { return "send the seccomp listener to " + agent.path; },
             [&] { send_descriptor(socket, listener, text, longest_state); });
}

}  // namespace oci
