// SPDX-License-Identifier: Apache-2.0
// Which instructions of a static program are executed, by it and by the processes it brings forth until they execute
// something else: ptrace(2), one step after the other. For tools/link_order.
//
// usage: stepper FILE PROGRAM [ARGUMENT…]
//
// It adds to FILE a line "OFFSET GENERATION" for each instruction, in the order of first execution: hexadecimal; 0 if
// only the program executed it, 1 if a process did that it brought forth, 2 if one did that such a process brought
// forth.
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <unordered_map>
#include <vector>

namespace {

/// Where the program's file was mapped first: what offsets count from. Its own cloning in place keeps the addresses.
unsigned long base_of(pid_t process, const char* program) {
  char path[PATH_MAX];
  std::snprintf(path, sizeof path, "/proc/%d/maps", process);
  std::FILE* maps = std::fopen(path, "re");
  if (!maps || !::realpath(program, path)) return 0;
  char line[PATH_MAX];
  unsigned long base = 0;
  while (base == 0 && std::fgets(line, sizeof line, maps))
    if (std::strstr(line, path)) base = std::strtoul(line, nullptr, 16);
  std::fclose(maps);
  return base;
}

bool has_executed(int status) {
  return status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8);
}

/// What to pass on to the process: a signal of its own, none of ours.
int signal_to_pass(int status) {
  const int signal = WSTOPSIG(status);
  return signal == SIGTRAP || signal == SIGSTOP ? 0 : signal;
}

/// Left alone while it is being stepped, it would die of the next SIGTRAP.
void leave(pid_t process) {
  int status = 0;
  ::kill(process, SIGSTOP);
  if (::waitpid(process, &status, __WALL) == process && WIFSTOPPED(status)) ::ptrace(PTRACE_DETACH, process, 0, 0);
}

/// Until the program itself has ended: what it leaves behind may wait for others.
struct Executed {
  std::vector<unsigned long> order;
  std::unordered_map<unsigned long, int> youngest;
};

/// Who was brought forth by whom, of those that are followed.
class Generations {
 public:
  explicit Generations(pid_t program) : of_{{program, 0}} {}

  int of(pid_t process) const {
    const auto known = of_.find(process);
    return known == of_.end() ? 1 : known->second;  // its first stop may come before its parent's
  }
  void note(pid_t process, int status) {
    unsigned long child = 0;
    const int event = status >> 16;
    if (event != PTRACE_EVENT_CLONE && event != PTRACE_EVENT_FORK && event != PTRACE_EVENT_VFORK) return;
    if (::ptrace(PTRACE_GETEVENTMSG, process, 0, &child) == 0) of_[static_cast<pid_t>(child)] = of(process) + 1;
  }

 private:
  std::unordered_map<pid_t, int> of_;
};

Executed follow(pid_t program, unsigned long base) {
  Executed executed;
  std::set<pid_t> others;
  Generations generations(program);
  int status = 0;
  for (pid_t process = 0; (process = ::waitpid(-1, &status, __WALL)) > 0;) {
    if (!WIFSTOPPED(status) && process == program) break;
    if (!WIFSTOPPED(status) || has_executed(status)) {
      others.erase(process);
      if (WIFSTOPPED(status)) ::ptrace(PTRACE_DETACH, process, 0, 0);
      continue;
    }
    if (process != program) others.insert(process);
    generations.note(process, status);
    user_regs_struct registers{};
    if (::ptrace(PTRACE_GETREGS, process, 0, &registers) == 0) {
      const auto [place, is_first] = executed.youngest.try_emplace(registers.rip - base, 0);
      if (is_first) executed.order.push_back(place->first);
      place->second = std::max(place->second, generations.of(process));
    }
    ::ptrace(PTRACE_SINGLESTEP, process, 0, signal_to_pass(status));
  }
  for (const pid_t process : others) leave(process);
  return executed;
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) return std::fputs("usage: stepper FILE PROGRAM [ARGUMENT...]\n", stderr), 2;
  const pid_t process = ::fork();
  if (process == 0) {
    ::ptrace(PTRACE_TRACEME, 0, 0, 0);
    ::execv(words[2], words + 2);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(process, &status, 0);
  const auto base = base_of(process, words[2]);
  if (base == 0) return std::fputs("stepper: no program to follow\n", stderr), 1;
  ::ptrace(PTRACE_SETOPTIONS, process, 0,
           PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC);
  ::ptrace(PTRACE_SINGLESTEP, process, 0, 0);
  const auto executed = follow(process, base);
  std::FILE* file = std::fopen(words[1], "ae");
  if (!file) return std::perror(words[1]), 1;
  for (const auto offset : executed.order)
    if (offset < 1UL << 30) std::fprintf(file, "%lx %d\n", offset, executed.youngest.at(offset));
  return std::fclose(file) == 0 ? 0 : 1;
}
