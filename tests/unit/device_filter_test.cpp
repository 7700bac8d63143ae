// SPDX-License-Identifier: Apache-2.0
#include "kernel/device_filter.hpp"

#include <array>
#include <random>

#include "oci/error.hpp"
#include "support/catch.hpp"

using namespace oci;

namespace {

struct Request {
  std::uint32_t type, major, minor, access;
};

/// The instructions that a device program may use, after Documentation/bpf/standardization/instruction-set.rst. Throws
/// for any other, for a jump out of the program, and for a register that was never set, as the kernel's verifier would.
class Machine {
 public:
  Machine(const std::vector<bpf_insn>& code, const Request& request)
      : code_(code), words_{request.type | request.access << 16U, request.major, request.minor} {
    set_ |= 1U << BPF_REG_1;
  }

  bool run() {
    for (std::size_t at = 0; at < code_.size(); ++at) {
      const auto& instruction = code_.at(at);
      if (instruction.code == (BPF_JMP | BPF_EXIT)) return value(BPF_REG_0) != 0;
      const int kind = BPF_CLASS(instruction.code);
      if (kind == BPF_LDX)
        load(instruction);
      else if (kind == BPF_ALU || kind == BPF_ALU64)
        compute(instruction);
      else if (jumps(instruction))
        at += static_cast<std::size_t>(instruction.off);  // backwards: out of range at once
    }
    throw Error("ran past the end");
  }

 private:
  std::uint32_t value(unsigned reg) const {
    if ((set_ & 1U << reg) == 0) throw Error("r" + std::to_string(reg) + " was never set");
    return registers_.at(reg);
  }
  void set(unsigned reg, std::uint32_t value) {
    registers_.at(reg) = value;
    set_ |= 1U << reg;
  }
  void load(const bpf_insn& in) {
    if (in.code != (BPF_LDX | BPF_MEM | BPF_W) || in.src_reg != BPF_REG_1) throw Error("no load of the request");
    set(in.dst_reg, words_.at(static_cast<std::size_t>(in.off) / 4));
  }
  void compute(const bpf_insn& in) {
    const auto operand = BPF_SRC(in.code) == BPF_X ? value(in.src_reg) : static_cast<std::uint32_t>(in.imm);
    switch (BPF_OP(in.code)) {
      case BPF_MOV:
        return set(in.dst_reg, operand);
      case BPF_AND:
        return set(in.dst_reg, value(in.dst_reg) & operand);
      case BPF_RSH:
        return set(in.dst_reg, value(in.dst_reg) >> operand);
      default:
        throw Error("unknown operation");
    }
  }
  bool jumps(const bpf_insn& in) const {
    if (in.code == (BPF_JMP | BPF_JA)) return true;
    if (BPF_CLASS(in.code) != BPF_JMP32 || BPF_SRC(in.code) != BPF_K) throw Error("unknown jump");
    const auto left = value(in.dst_reg);
    const auto right = static_cast<std::uint32_t>(in.imm);
    switch (BPF_OP(in.code)) {
      case BPF_JEQ:
        return left == right;
      case BPF_JNE:
        return left != right;
      case BPF_JSET:
        return (left & right) != 0;
      default:
        throw Error("unknown comparison");
    }
  }

  const std::vector<bpf_insn>& code_;
  std::array<std::uint32_t, 3> words_;
  std::array<std::uint32_t, 11> registers_{};
  unsigned set_ = 0;
};

constexpr std::uint32_t mknod_access = BPF_DEVCG_ACC_MKNOD, read_access = BPF_DEVCG_ACC_READ,
                        write_access = BPF_DEVCG_ACC_WRITE;

bool matches(const DeviceRule& rule, const Request& request, char access) {
  const auto fits = [](const std::optional<std::int64_t>& wanted, std::uint32_t number) {
    return !wanted || *wanted == -1 || *wanted == number;
  };
  const char type = request.type == BPF_DEVCG_DEV_BLOCK ? 'b' : 'c';
  return (rule.type.empty() || rule.type == "a" || rule.type[0] == type) && fits(rule.major, request.major) &&
         fits(rule.minor, request.minor) && (rule.access.empty() || rule.access.find(access) != std::string::npos);
}

/// The definition: for each access asked for, the last rule that has it decides; none denies.
bool judged(const std::vector<DeviceRule>& rules, const Request& request) {
  struct Access {
    std::uint32_t bit;
    char letter;
  };
  for (const auto& [bit, letter] : {Access{mknod_access, 'm'}, Access{read_access, 'r'}, Access{write_access, 'w'}}) {
    if ((request.access & bit) == 0) continue;
    bool allowed = false;
    for (const auto& rule : rules)
      if (matches(rule, request, letter)) allowed = rule.allow;
    if (!allowed) return false;
  }
  return true;
}

bool allows(const DeviceProgram& program, const Request& request) {
  return Machine(program.instructions, request).run();
}

/// Every combination of the numbers that appear in tests, and some that do not.
template <class Check>
void for_each_request(Check check) {
  for (const std::uint32_t type : {BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR})
    for (const std::uint32_t major : {0U, 1U, 5U, 8U, 10U, 136U, 0x80000000U, 0xffffffffU})
      for (const std::uint32_t minor : {0U, 1U, 2U, 3U, 5U, 7U, 8U, 9U, 200U, 0xfffffffeU})
        for (std::uint32_t access = 1; access < 8; ++access) check(Request{type, major, minor, access});
}

void check_against_definition(const std::vector<DeviceRule>& rules) {
  const auto program = device_program(rules);
  std::size_t wrong = 0;
  for_each_request([&](const Request& request) { wrong += allows(program, request) != judged(rules, request); });
  CHECK(wrong == 0);
}

const DeviceRule deny_all{false, "a", {}, {}, "rwm"};
const DeviceRule allow_all{true, "a", {}, {}, "rwm"};

constexpr std::uint32_t block = BPF_DEVCG_DEV_BLOCK, character = BPF_DEVCG_DEV_CHAR;

}  // namespace

TEST_CASE("without rules no device is allowed") {
  const auto program = device_program({});
  CHECK(program.instructions.size() == 2);
  CHECK_FALSE(program.allows_everything);
  for_each_request([&](const Request& request) { CHECK_FALSE(allows(program, request)); });
}

TEST_CASE("a container without device rules gets the default devices and no disk") {
  for (const auto& rules : {std::vector<DeviceRule>{}, {deny_all}, {DeviceRule{true, "c", 1, 3, "r"}}}) {
    const auto all = effective_device_rules(rules, {});
    const auto program = device_program(all);
    CHECK_FALSE(allows(program, {block, 8, 0, read_access}));
    CHECK_FALSE(allows(program, {character, 1, 1, read_access}));
    CHECK(allows(program, {block, 8, 0, mknod_access}));
    CHECK(allows(program, {character, 1, 3, read_access | write_access}));
    CHECK(allows(program, {character, 136, 77, read_access | write_access}));
    CHECK(allows(program, {character, 10, 200, read_access | write_access}));
    CHECK_FALSE(allows(program, {character, 5, 1, read_access}));
    check_against_definition(all);
  }
}

TEST_CASE("default devices cannot be denied, unless the config lists them itself") {
  const std::vector<DeviceRule> rules{deny_all, {false, "c", 1, 3, "rwm"}};
  const Request null{character, 1, 3, write_access};
  CHECK(allows(device_program(effective_device_rules(rules, {})), null));
  std::vector<Device> listed(1);
  listed[0].path = "/dev/null";
  CHECK_FALSE(allows(device_program(effective_device_rules(rules, listed)), null));
}

TEST_CASE("the default program is small") {
  const auto program = device_program(effective_device_rules({deny_all}, {}));
  CHECK(program.instructions.size() <= 40);
}

TEST_CASE("a program that allows everything says so") {
  CHECK(device_program({allow_all}).allows_everything);
  CHECK(device_program(effective_device_rules({deny_all, allow_all}, {})).allows_everything);
  CHECK(device_program({{false, "c", 1, 3, "r"}, allow_all}).allows_everything);
  CHECK(device_program({{true, "", -1, -1, ""}}).allows_everything);
  CHECK(device_program({{true, "a", {}, {}, "w"}, {true, "a", {}, {}, "rm"}}).allows_everything);
  CHECK_FALSE(device_program({allow_all, {false, "c", 1, 3, "r"}}).allows_everything);
  CHECK_FALSE(device_program({{true, "a", {}, {}, "rw"}}).allows_everything);
}

TEST_CASE("the access a is all in a rule that denies, and refused in one that allows") {
  CHECK_NOTHROW(device_program({{false, "a", {}, {}, "a"}}));
  CHECK_THROWS_WITH(device_program({{true, "c", 1, 3, "a"}}),
                    "devices[0].access: \"a\" is taken only in rules that deny; one that allows names r, w, and m");
}

TEST_CASE("an access that is asked for together with another needs both") {
  const auto program = device_program({{true, "c", {}, {}, "r"}, {true, "c", 1, 3, "w"}});
  CHECK(allows(program, {character, 1, 3, read_access | write_access}));
  CHECK_FALSE(allows(program, {character, 1, 5, read_access | write_access}));
  CHECK_FALSE(allows(program, {character, 1, 3, read_access | mknod_access}));
}

TEST_CASE("the last rule wins, in both directions and through wildcards") {
  check_against_definition({allow_all, {false, "b", 8, {}, "rw"}, {true, "b", 8, 1, "r"}});
  check_against_definition({deny_all, {true, "c", 5, {}, "rwm"}, {false, "c", 5, 1, "w"}, {true, "c", {}, 1, "w"}});
  check_against_definition({{true, "a", {}, {}, "r"}, {true, "a", {}, {}, "wm"}});
  check_against_definition({{true, "a", 5, {}, "rwm"}, {false, "a", {}, 1, "rwm"}, {true, "c", 5, 1, "m"}});
  check_against_definition({allow_all, {false, "c", 0x80000000, 0xfffffffe, "rwm"}});
}

TEST_CASE("the access a denies all, and allows nothing") {
  const auto program = device_program({allow_all, {false, "c", 1, 11, "rwa"}});
  for (const auto access : {read_access, write_access, mknod_access})
    CHECK_FALSE(allows(program, {character, 1, 11, access}));
  CHECK(allows(program, {character, 1, 12, mknod_access}));
  CHECK_THROWS_AS(device_program({{true, "c", 1, 11, "rwa"}}), Error);
}

TEST_CASE("rules that another one overrides cost nothing") {
  const auto size = [](const std::vector<DeviceRule>& rules) { return device_program(rules).instructions.size(); };
  const DeviceRule null{true, "c", 1, 3, "rwm"};
  CHECK(size({{true, "c", 7, 7, "r"}, deny_all, null}) == size({null}));
  CHECK(size({null, {true, "c", 1, 3, "r"}, {false, "b", 8, 0, "r"}}) == size({null}));
  CHECK(size({null, {true, "c", 1, {}, "rwm"}}) == size({{true, "c", 1, {}, "rwm"}}));
}

TEST_CASE("random rules mean in the program what they mean in words") {
  std::mt19937 random(20'240'229);  // NOLINT(cert-msc51-cpp): the same lists in every run
  const auto one_of = [&](auto list) { return list[random() % list.size()]; };
  using Numbers = std::vector<std::optional<std::int64_t>>;
  for (int i = 0; i < 3000; ++i) {
    std::vector<DeviceRule> rules(random() % 12);
    for (auto& rule : rules)
      rule = {random() % 2 == 0, one_of(std::vector<std::string>{"a", "b", "c", "c", ""}),
              one_of(Numbers{{}, -1, 1, 5, 8, 0x80000000}), one_of(Numbers{{}, {}, 1, 2, 3, 0xfffffffe}),
              one_of(std::vector<std::string>{"r", "w", "m", "rw", "rm", "wm", "rwm", ""})};
    INFO("list " << i);
    check_against_definition(rules);
  }
}

TEST_CASE("a rule that makes no sense is named with its field") {
  const auto refusal = [](const DeviceRule& rule) -> std::string {
    try {
      device_program({deny_all, rule});
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  };
  CHECK_THAT(refusal({true, "c", 1, 3, "xyz"}), Catch::Matchers::StartsWith("devices[1].access: \"xyz\""));
  CHECK_THAT(refusal({true, "p", 1, 3, "r"}), Catch::Matchers::StartsWith("devices[1].type: \"p\""));
  CHECK_THAT(refusal({true, "c", -2, 3, "r"}), Catch::Matchers::StartsWith("devices[1].major: -2"));
  CHECK_THAT(refusal({true, "c", 1, 0x100000000, "r"}), Catch::Matchers::StartsWith("devices[1].minor: 4294967296"));
}

TEST_CASE("more rules than a program can hold are refused, and as many as it can are not") {
  std::vector<DeviceRule> rules;
  for (std::int64_t i = 0; i < 5000; ++i) rules.push_back({i % 2 == 0, "c", i, i, "rw"});
  rules.insert(rules.begin(), allow_all);
  CHECK_THROWS_AS(device_program(rules), Error);
  rules.pop_back();
  const auto program = device_program(rules);
  CHECK_FALSE(allows(program, {character, 4997, 4997, read_access}));
  CHECK(allows(program, {character, 4998, 4997, read_access}));
  for (const auto& instruction : program.instructions) CHECK(instruction.off >= 0);
}
