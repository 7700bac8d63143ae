// SPDX-License-Identifier: Apache-2.0
#include "fields/rows.hpp"

namespace test {
namespace {

#define CAPABILITY_ROW(SET)                                                                                \
  FieldRow {                                                                                               \
    "process.capabilities." SET, R"("capabilities": {")" SET R"(": @})", R"(["CAP_KILL"])", R"(["a", 7])", \
        "process.capabilities." SET "[1]: expected a string, found the number 7"                           \
  }

constexpr std::array rows{
    FieldRow{"process", R"("process": @)", R"({"args": ["sh"], "cwd": "/"})", "{}", "process: args must not be empty"},
    FieldRow{"process.terminal", R"("terminal": @)", "true", "", ""},
    FieldRow{"process.consoleSize", R"("consoleSize": @)", R"({"height": 1, "width": 2})", R"({"height": 1})",
             "process.consoleSize: width: missing"},
    FieldRow{"process.consoleSize.height", R"("consoleSize": {"height": @, "width": 80})", "65535", "65536",
             "process.consoleSize: height: 65536 is more than 65535, a terminal's most"},
    FieldRow{"process.consoleSize.width", R"("consoleSize": {"height": 24, "width": @})", "65535", "65536",
             "process.consoleSize: width: 65536 is more than 65535, a terminal's most"},
    FieldRow{"process.user", R"("user": @)", "{}", R"({"uid": 4294967295})",
             "process.user: uid: 4294967295 is not a user id"},
    FieldRow{"process.user.uid", R"("user": {"uid": @})", "4294967294", "-1",
             "process.user.uid: expected an integer in 0..4294967295"},
    FieldRow{"process.user.gid", R"("user": {"gid": @})", "4294967294", "4294967295",
             "process.user: gid: 4294967295 is not a group id"},
    FieldRow{"process.user.umask", R"("user": {"umask": @})", "511", "512",
             "process.user: umask: not in 0..511 (octal 0777)"},
    FieldRow{"process.user.additionalGids", R"("user": {"additionalGids": @})", "[0, 7]", "[0, 4294967295]",
             "process.user.additionalGids[1]: 4294967295 is not a group id"},
    FieldRow{"process.args", R"("args": @, "cwd": "/")", R"(["sh"])", "[]", "process: args must not be empty"},
    FieldRow{"process.env", R"("env": @)", R"(["A=b=c", "B="])", R"(["A=b", "=c"])",
             "process.env[1]: \"=c\" has no name before \"=\""},
    FieldRow{"process.cwd", R"("args": ["sh"], "cwd": @)", R"("/a")", R"("a")",
             "process: Cwd must be an absolute path"},
    FieldRow{"process.capabilities", R"("capabilities": @)", "{}", R"({"bounding": {}})",
             "process.capabilities.bounding: expected an array"},
    CAPABILITY_ROW("bounding"),
    CAPABILITY_ROW("effective"),
    CAPABILITY_ROW("inheritable"),
    CAPABILITY_ROW("permitted"),
    CAPABILITY_ROW("ambient"),
    FieldRow{"process.rlimits", R"("rlimits": @)", R"([{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}])",
             R"([{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}, {"type": "RLIMIT_CPU", "soft": 1, "hard": 1}])",
             "process.rlimits[1]: type: RLIMIT_CPU is given twice"},
    FieldRow{"process.rlimits[].type", R"("rlimits": [{"type": @, "soft": 1, "hard": 1}])", R"("RLIMIT_CPU")",
             R"("RLIMIT_X")", "process.rlimits[0]: type: unknown rlimit \"RLIMIT_X\""},
    FieldRow{"process.rlimits[].soft",
             R"("rlimits": [{"type": "RLIMIT_CPU", "soft": @, "hard": 18446744073709551615}])", "18446744073709551615",
             "-2", "process.rlimits[0].soft: expected an integer in 0..18446744073709551615"},
    FieldRow{"process.rlimits[].hard", R"("rlimits": [{"type": "RLIMIT_CPU", "soft": 2, "hard": @}])", "-1", "1",
             "process.rlimits[0]: soft: 2 is above hard"},
    FieldRow{"process.noNewPrivileges", R"("noNewPrivileges": @)", "true", "", ""},
    FieldRow{"process.apparmorProfile", R"("apparmorProfile": @)", R"("runtime-default")", R"("a\nb")",
             "process.apparmorProfile: \"a\nb\" is not one line"},
    FieldRow{"process.selinuxLabel", R"("selinuxLabel": @)", R"("system_u:system_r:container_t:s0")", R"("a\nb")",
             "process.selinuxLabel: \"a\nb\" is not one line"},
    FieldRow{"process.oomScoreAdj", R"("oomScoreAdj": @)", "-1000", "1001",
             "process: oomScoreAdj: 1001 is not in -1000..1000"},

    FieldRow{"process.scheduler", R"("scheduler": @)", R"({"policy": "SCHED_IDLE"})", "{}",
             "process.scheduler: policy: missing"},
    FieldRow{"process.scheduler.policy", R"("scheduler": {"policy": @})", R"("SCHED_OTHER")", R"("SCHED_X")",
             "process.scheduler: policy: unknown scheduling policy \"SCHED_X\""},
    FieldRow{"process.scheduler.nice", R"("scheduler": {"policy": "SCHED_BATCH", "nice": @})", "-20", "20",
             "process.scheduler: nice: not in -20..19"},
    FieldRow{"process.scheduler.priority", R"("scheduler": {"policy": "SCHED_FIFO", "priority": @})", "99", "100",
             "process.scheduler: priority: not in 1..99"},
    FieldRow{"process.scheduler.flags", R"("scheduler": {"policy": "SCHED_RR", "priority": 1, "flags": @})",
             R"(["SCHED_FLAG_RESET_ON_FORK"])", R"(["SCHED_FLAG_X"])",
             "process.scheduler.flags[0]: unknown flag \"SCHED_FLAG_X\""},
    FieldRow{"process.scheduler.runtime",
             R"("scheduler": {"policy": "SCHED_DEADLINE", "deadline": 20000, "period": 20000, "runtime": @})", "10000",
             "-1", "process.scheduler.runtime: expected an integer in 0..18446744073709551615"},
    FieldRow{"process.scheduler.deadline",
             R"("scheduler": {"policy": "SCHED_DEADLINE", "runtime": 10000, "period": 20000, "deadline": @})", "20000",
             "-1", "process.scheduler.deadline: expected an integer in 0..18446744073709551615"},
    FieldRow{"process.scheduler.period", R"("scheduler": {"policy": "SCHED_OTHER", "period": @})", "0", "1",
             "process.scheduler: runtime, deadline, period: only SCHED_DEADLINE has them"},
    FieldRow{"process.ioPriority", R"("ioPriority": @)", R"({"class": "IOPRIO_CLASS_IDLE"})", "{}",
             "process.ioPriority: class: missing"},
    FieldRow{"process.ioPriority.class", R"("ioPriority": {"class": @})", R"("IOPRIO_CLASS_RT")", R"("X")",
             "process.ioPriority: class: unknown I/O class \"X\""},
    FieldRow{"process.ioPriority.priority", R"("ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": @})", "7", "8",
             "process.ioPriority: priority: not in 0..7"},
    FieldRow{"process.execCPUAffinity", R"("execCPUAffinity": @)", "{}", R"({"initial": "x"})",
             "process.execCPUAffinity.initial: \"x\" is not a list of numbers"},
    FieldRow{"process.execCPUAffinity.initial", R"("execCPUAffinity": {"initial": @})", R"("0-3,7")", R"("3-1")",
             "process.execCPUAffinity.initial: \"3-1\" is not a list of numbers"},
    FieldRow{"process.execCPUAffinity.final", R"("execCPUAffinity": {"final": @})", R"("65535")", R"("65536")",
             "process.execCPUAffinity.final: \"65536\""},
};

}  // namespace

std::span<const FieldRow> process_rows() {
  return rows;
}

}  // namespace test
