// SPDX-License-Identifier: Apache-2.0
#include "support/traced.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <set>

#include "oci/error.hpp"

namespace test {
namespace {

using oci::Error;
using CallInfo = __ptrace_syscall_info;

constexpr int syscall_stop = SIGTRAP | 0x80;  // PTRACE_O_TRACESYSGOOD
constexpr unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                                  PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL;

/// In the child. The descriptors of the tests are all close-on-exec.
[[noreturn]] void become(const Command& command) noexcept {
  const auto pointers = [](const std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
    all.push_back(nullptr);
    return all;
  };
  const auto words = pointers(command.words);
  const auto environment = pointers(command.environment.value_or(std::vector<std::string>{}));
  const int null = ::open("/dev/null", O_RDWR);
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) ::dup2(null, stream);
  if (null > STDERR_FILENO) ::close(null);
  ::ptrace(PTRACE_TRACEME, 0, 0, 0);
  ::execve(words[0], words.data(), command.environment ? environment.data() : ::environ);
  ::_exit(127);
}

/// The number behind `name` in /proc/PID/status.
unsigned long status_number(pid_t process, const std::string& name) {
  const auto text = slurp("/proc/" + std::to_string(process) + "/status");
  const auto found = text.find("\n" + name + ":");
  return found == std::string::npos ? 0 : std::strtoul(text.c_str() + found + name.size() + 2, nullptr, 10);
}

/// minflt of proc_pid_stat(5), the tenth field: the seventh behind the name, which may hold anything.
unsigned long minor_faults(pid_t process) {
  const auto text = slurp("/proc/" + std::to_string(process) + "/stat");
  auto at = text.rfind(')') + 1;
  for (int field = 0; field < 7; ++field) at = text.find(' ', at + 1);
  return std::strtoul(text.c_str() + at, nullptr, 10);
}

class Tracer {
 public:
  explicit Tracer(pid_t program) : program_(program) {}

  Cost follow();

 private:
  void serve_stop(pid_t process, int status);
  void count(pid_t process);
  void count_growth(const CallInfo& info);
  void settle();
  static void go_on(pid_t process, int signal = 0) { ::ptrace(PTRACE_SYSCALL, process, 0, signal); }
  static void leave(pid_t process);

  pid_t program_;
  std::set<pid_t> others_;
  Cost cost_;
  unsigned long faults_before_ = 0;
  CallInfo entered_{};  ///< the program's call that has not returned
  std::uint64_t break_ = 0;
};

Cost Tracer::follow() {
  int status = 0;
  if (::waitpid(program_, &status, 0) != program_ || !WIFSTOPPED(status)) throw Error("a command does not execute");
  if (::ptrace(PTRACE_SETOPTIONS, program_, 0, options) < 0) throw Error::system("trace a command");
  faults_before_ = minor_faults(program_);
  go_on(program_);
  for (pid_t process = 0; (process = ::waitpid(-1, &status, __WALL)) > 0;) {
    if (WIFSTOPPED(status)) {
      serve_stop(process, status);
    } else if (process == program_) {
      cost_.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      break;
    } else {
      others_.erase(process);
    }
  }
  settle();
  return cost_;
}

void Tracer::serve_stop(pid_t process, int status) {
  const int event = status >> 16;
  if (process != program_) others_.insert(process);
  if (event == PTRACE_EVENT_EXEC && process != program_) {
    others_.erase(process);
    ::ptrace(PTRACE_DETACH, process, 0, 0);
    return;
  }
  if (event == PTRACE_EVENT_EXIT && process == program_) {
    cost_.faults = minor_faults(process) - faults_before_;
    cost_.peak_kib = status_number(process, "VmHWM");
  }
  if (WSTOPSIG(status) == syscall_stop) count(process);
  const int signal = WSTOPSIG(status);
  // Who is traced from birth begins with a SIGSTOP of the kernel's.
  go_on(process, event != 0 || signal == syscall_stop || signal == SIGTRAP || signal == SIGSTOP ? 0 : signal);
}

void Tracer::count(pid_t process) {
  CallInfo info{};
  if (::ptrace(PTRACE_GET_SYSCALL_INFO, process, sizeof info, &info) < 0) throw Error::system("see a system call");
  const bool enters = info.op == PTRACE_SYSCALL_INFO_ENTRY;
  if (process == program_) {
    if (enters)
      entered_ = info;
    else
      count_growth(info);
  }
  if (enters) ++(process == program_ ? cost_.calls : cost_.process_calls);
}

void Tracer::count_growth(const CallInfo& info) {
  if (info.exit.is_error != 0) return;
  const auto& call = entered_.entry;
  const auto result = static_cast<std::uint64_t>(info.exit.rval);
  if (call.nr == SYS_brk) {
    if (break_ != 0 && result > break_) cost_.grown_kib += (result - break_) / 1024;
    break_ = result;
  }
  const auto anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
  const bool writes = (call.args[2] & PROT_WRITE) != 0;
  if (call.nr == SYS_mmap && writes && (call.args[3] & anonymous) == anonymous) cost_.grown_kib += call.args[1] / 1024;
}

/// What waits for another command does so from a moment on that comes a little later than the program's end.
void Tracer::settle() {
  static constexpr int quiet_rounds = 40;
  for (int round = 0; round < quiet_rounds && !others_.empty(); ++round) {
    int status = 0;
    const pid_t process = ::waitpid(-1, &status, __WALL | WNOHANG);
    if (process > 0) round = 0;
    if (process > 0 && WIFSTOPPED(status))
      serve_stop(process, status);
    else if (process > 0)
      others_.erase(process);
    else
      ::usleep(5'000);
  }
  for (const pid_t process : others_) leave(process);
}

/// In a stop for a signal of ours, which it then never gets; its call is restarted.
void Tracer::leave(pid_t process) {
  ::kill(process, SIGSTOP);
  for (int status = 0; ::waitpid(process, &status, __WALL) == process && WIFSTOPPED(status); go_on(process)) {
    if (status >> 16 != 0 || WSTOPSIG(status) != SIGSTOP) continue;
    ::ptrace(PTRACE_DETACH, process, 0, 0);
    return;
  }
}

}  // namespace

Cost trace(const Command& command) {
  const pid_t program = ::fork();
  if (program < 0) throw Error::system("fork");
  if (program == 0) become(command);
  return Tracer(program).follow();
}

}  // namespace test
