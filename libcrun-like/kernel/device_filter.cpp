// SPDX-License-Identifier: Apache-2.0
#include "kernel/device_filter.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <tuple>

#include "oci/error.hpp"

namespace oci {
namespace {

constexpr std::uint32_t all_access = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;

/// Jumps reach 32767 instructions, and a rule takes at most six.
constexpr std::size_t most_rules = 5000;

/// A rule in the program's numbers. Nothing stands for any.
struct Rule {
  bool allow = false;
  std::optional<std::uint32_t> type;  ///< BPF_DEVCG_DEV_BLOCK or _CHAR
  std::optional<std::uint32_t> major;
  std::optional<std::uint32_t> minor;
  std::uint32_t access = 0;

  bool is_for_everything() const noexcept { return !type && !major && !minor && access == all_access; }
};

bool covers(const std::optional<std::uint32_t>& a, const std::optional<std::uint32_t>& b) noexcept {
  return !a || a == b;
}
bool meets(const std::optional<std::uint32_t>& a, const std::optional<std::uint32_t>& b) noexcept {
  return !a || !b || a == b;
}
bool covers(const Rule& a, const Rule& b) noexcept {
  return covers(a.type, b.type) && covers(a.major, b.major) && covers(a.minor, b.minor);
}
bool meets(const Rule& a, const Rule& b) noexcept {
  return meets(a.type, b.type) && meets(a.major, b.major) && meets(a.minor, b.minor) && (a.access & b.access) != 0;
}

std::optional<std::uint32_t> number(const std::optional<std::int64_t>& value, std::string_view name) {
  if (!value || *value == -1) return std::nullopt;
  if (*value >= 0 && *value <= std::numeric_limits<std::uint32_t>::max()) return static_cast<std::uint32_t>(*value);
  throw Error::in_field(name, std::to_string(*value) + " is no device number", EINVAL);
}

std::optional<std::uint32_t> device_type(const std::string& type) {
  if (type.empty() || type == "a") return std::nullopt;
  if (type == "b") return BPF_DEVCG_DEV_BLOCK;
  if (type == "c") return BPF_DEVCG_DEV_CHAR;
  throw Error::in_field("type", "\"" + type + "\" is none of a, b, and c", EINVAL);
}

/// The specification has r, w, and m. The letter a means all in cgroup v1's lists, and runc takes it: to be denied all
/// is the strictest reading, so that it can be taken there; what is allowed has to be in the specification's letters.
std::uint32_t access_bits(const std::string& access, bool allow) {
  std::uint32_t bits = access.empty() ? all_access : 0;
  for (const char letter : access) {
    if (letter == 'r')
      bits |= BPF_DEVCG_ACC_READ;
    else if (letter == 'w')
      bits |= BPF_DEVCG_ACC_WRITE;
    else if (letter == 'm')
      bits |= BPF_DEVCG_ACC_MKNOD;
    else if (letter == 'a' && !allow)
      bits = all_access;
    else if (letter == 'a')
      throw Error::in_field("access", "\"a\" is taken only in rules that deny; one that allows names r, w, and m",
                            EINVAL);
    else
      throw Error::in_field("access", "\"" + access + "\" has letters other than r, w, and m", EINVAL);
  }
  return bits;
}

Rule parse(const DeviceRule& rule) {
  return {.allow = rule.allow,
          .type = device_type(rule.type),
          .major = number(rule.major, "major"),
          .minor = number(rule.minor, "minor"),
          .access = access_bits(rule.access, rule.allow)};
}

std::vector<Rule> parse(const std::vector<DeviceRule>& rules) {
  if (rules.size() > most_rules)
    throw Error("devices: " + std::to_string(rules.size()) + " rules are more than a device program can hold", E2BIG);
  std::vector<Rule> parsed;
  parsed.reserve(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i)
    parsed.push_back(at_path([&] { return "devices[" + std::to_string(i) + "]"; }, [&] { return parse(rules[i]); }));
  return parsed;
}

const char* type_letter(const std::optional<std::uint32_t>& type) noexcept {
  if (!type) return "a";
  return *type == BPF_DEVCG_DEV_BLOCK ? "b" : "c";
}

std::string access_letters(std::uint32_t access) {
  std::string letters;
  if ((access & BPF_DEVCG_ACC_READ) != 0) letters += 'r';
  if ((access & BPF_DEVCG_ACC_WRITE) != 0) letters += 'w';
  if ((access & BPF_DEVCG_ACC_MKNOD) != 0) letters += 'm';
  return letters;
}

/// Rules in the order in which the program asks them, and its answer when none of them has decided.
struct Decisions {
  std::vector<Rule> rules;
  bool otherwise = false;
};

/// Rules that come to the same answer commute, so each run of them can be sorted: what shares a type and a major number
/// then shares the comparisons, and what shares the minor number too is one rule. Wildcards go last.
void sort_runs(std::vector<Rule>& rules) {
  const auto key = [](const Rule& rule) {
    return std::tuple(!rule.type, rule.type, !rule.major, rule.major, !rule.minor, rule.minor);
  };
  std::vector<Rule> sorted;
  for (auto run = rules.begin(); run != rules.end();) {
    const auto end = std::find_if(run, rules.end(), [&](const Rule& rule) { return rule.allow != run->allow; });
    std::sort(run, end, [&](const Rule& a, const Rule& b) { return key(a) < key(b); });
    for (; run != end; ++run) {
      const bool same = !sorted.empty() && sorted.back().allow == run->allow && key(sorted.back()) == key(*run);
      if (same)
        sorted.back().access |= run->access;
      else
        sorted.push_back(*run);
    }
  }
  rules = std::move(sorted);
}

/// A rule that says what would be said without it, with no rule in between that says otherwise, says nothing.
void drop_redundant(Decisions& decisions) {
  auto& rules = decisions.rules;
  for (auto i = static_cast<std::ptrdiff_t>(rules.size()); i-- > 0;) {
    const Rule& rule = rules[static_cast<std::size_t>(i)];
    const auto contradicts = [&](const Rule& other) { return other.allow != rule.allow && meets(other, rule); };
    if (rule.allow == decisions.otherwise && std::none_of(rules.begin() + i + 1, rules.end(), contradicts))
      rules.erase(rules.begin() + i);
  }
}

/// Asks the last rule first: what it leaves undecided is all that earlier ones are needed for.
Decisions fold(const std::vector<Rule>& listed) {
  Decisions result;
  auto& kept = result.rules;
  for (auto rule = listed.rbegin(); rule != listed.rend(); ++rule) {
    Rule rest = *rule;
    for (const auto& later : kept)
      if (covers(later, rest)) rest.access &= ~later.access;
    if (rest.access != 0) kept.push_back(rest);
  }
  sort_runs(kept);
  // Behind a rule for everything there is nothing left to decide, so it is the last one if it is there.
  if (!kept.empty() && kept.back().is_for_everything()) {
    result.otherwise = kept.back().allow;
    kept.pop_back();
  }
  drop_redundant(result);
  sort_runs(kept);
  return result;
}

/// Writes the program. Registers: r2 type, r3 the accesses still to be allowed, r4 major, r5 minor.
class Assembler {
 public:
  std::vector<bpf_insn> assemble(const Decisions& decisions) {
    if (!decisions.rules.empty()) load_request();
    for (auto group = decisions.rules.begin(); group != decisions.rules.end();)
      group = add_type_group(group, decisions.rules.end());
    finish(decisions.otherwise);
    return std::move(code_);
  }

 private:
  using Iterator = std::vector<Rule>::const_iterator;
  static constexpr std::uint8_t answer = BPF_REG_0, request = BPF_REG_1, type = BPF_REG_2, access = BPF_REG_3,
                                major = BPF_REG_4, minor = BPF_REG_5;

  std::size_t emit(int code, std::uint8_t target, std::uint8_t source, std::size_t offset, std::uint32_t value) {
    bpf_insn instruction{};
    instruction.code = static_cast<std::uint8_t>(code);
    instruction.dst_reg = target & 0xfU;
    instruction.src_reg = source & 0xfU;
    instruction.off = static_cast<std::int16_t>(offset);
    instruction.imm = static_cast<std::int32_t>(value);
    code_.push_back(instruction);
    return code_.size() - 1;
  }

  /// struct bpf_cgroup_dev_ctx: the lower half of access_type is the type, the upper one the accesses.
  void load_request() {
    emit(BPF_LDX | BPF_MEM | BPF_W, type, request, offsetof(bpf_cgroup_dev_ctx, access_type), 0);
    emit(BPF_ALU | BPF_MOV | BPF_X, access, type, 0, 0);
    emit(BPF_ALU | BPF_AND | BPF_K, type, 0, 0, 0xffff);
    emit(BPF_ALU | BPF_RSH | BPF_K, access, 0, 0, 16);
    emit(BPF_LDX | BPF_MEM | BPF_W, major, request, offsetof(bpf_cgroup_dev_ctx, major), 0);
    emit(BPF_LDX | BPF_MEM | BPF_W, minor, request, offsetof(bpf_cgroup_dev_ctx, minor), 0);
  }

  /// BPF_JMP32 compares 32 bits, so that numbers from 2^31 on need no care for their sign.
  std::optional<std::size_t> jump_unless(std::uint8_t reg, const std::optional<std::uint32_t>& value) {
    if (!value) return std::nullopt;
    return emit(BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, 0, *value);
  }
  void land_here(const std::optional<std::size_t>& jump) {
    if (jump) code_[*jump].off = static_cast<std::int16_t>(code_.size() - *jump - 1);
  }

  Iterator add_type_group(Iterator first, Iterator end) {
    const auto last = std::find_if(
        first, end, [&](const Rule& rule) { return rule.type != first->type || rule.allow != first->allow; });
    const auto skip = jump_unless(type, first->type);
    while (first != last) first = add_major_group(first, last);
    land_here(skip);
    return last;
  }

  Iterator add_major_group(Iterator first, Iterator end) {
    const auto last = std::find_if(first, end, [&](const Rule& rule) { return rule.major != first->major; });
    const auto skip = jump_unless(major, first->major);
    for (; first != last; ++first) add_rule(*first);
    land_here(skip);
    return last;
  }

  void add_rule(const Rule& rule) {
    auto& ends = rule.allow ? allow_ : deny_;
    if (rule.access == all_access && rule.minor) {
      ends.push_back(emit(BPF_JMP32 | BPF_JEQ | BPF_K, minor, 0, 0, *rule.minor));
      return;
    }
    const auto skip = jump_unless(minor, rule.minor);
    if (rule.access == all_access) {
      ends.push_back(emit(BPF_JMP | BPF_JA, 0, 0, 0, 0));
    } else if (rule.allow) {
      emit(BPF_ALU | BPF_AND | BPF_K, access, 0, 0, ~rule.access);
      ends.push_back(emit(BPF_JMP32 | BPF_JEQ | BPF_K, access, 0, 0, 0));
    } else {
      ends.push_back(emit(BPF_JMP32 | BPF_JSET | BPF_K, access, 0, 0, rule.access));
    }
    land_here(skip);
  }

  void answer_with(bool allow) {
    for (const auto jump : allow ? allow_ : deny_) land_here(jump);
    emit(BPF_ALU64 | BPF_MOV | BPF_K, answer, 0, 0, allow ? 1 : 0);
    emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  }

  /// The other answer only where a rule leads to it: the kernel refuses instructions that nothing reaches.
  void finish(bool otherwise) {
    answer_with(otherwise);
    if (!(otherwise ? deny_ : allow_).empty()) answer_with(!otherwise);
  }

  std::vector<bpf_insn> code_;
  std::vector<std::size_t> allow_;  ///< jumps to an answer
  std::vector<std::size_t> deny_;
};

}  // namespace

std::vector<DeviceRule> effective_device_rules(const std::vector<DeviceRule>& rules,
                                               const std::vector<Device>& devices) {
  struct Default {
    std::string_view path;  ///< empty: no node of its own
    const char* type;
    std::optional<std::int64_t> major, minor;
    const char* access;
  };
  // config-linux.md, "Default Devices"; mknod of anything is harmless as long as it cannot be opened, and package
  // managers do it; 136 are the terminals of a devpts, 5:2 their ptmx; 10:200 is tun, which opens nothing without
  // CAP_NET_ADMIN.
  static constexpr std::array defaults{
      Default{"", "c", {}, {}, "m"},          Default{"", "b", {}, {}, "m"},
      Default{"/dev/null", "c", 1, 3, "rwm"}, Default{"/dev/random", "c", 1, 8, "rwm"},
      Default{"/dev/full", "c", 1, 7, "rwm"}, Default{"/dev/tty", "c", 5, 0, "rwm"},
      Default{"/dev/zero", "c", 1, 5, "rwm"}, Default{"/dev/urandom", "c", 1, 9, "rwm"},
      Default{"", "c", 136, {}, "rwm"},       Default{"", "c", 5, 2, "rwm"},
      Default{"", "c", 10, 200, "rwm"}};
  std::vector<DeviceRule> all = rules;
  for (const auto& entry : defaults) {
    const bool listed = !entry.path.empty() && std::any_of(devices.begin(), devices.end(), [&](const Device& device) {
      return device.path == entry.path;
    });
    if (!listed) all.push_back({true, entry.type, entry.major, entry.minor, entry.access});
  }
  return all;
}

DeviceDecisions device_decisions(const std::vector<DeviceRule>& rules) {
  const Decisions decisions = fold(parse(rules));
  DeviceDecisions result;
  result.otherwise = decisions.otherwise;
  for (const auto& rule : decisions.rules)
    result.rules.push_back({rule.allow, type_letter(rule.type), rule.major, rule.minor, access_letters(rule.access)});
  return result;
}

DeviceProgram device_program(const std::vector<DeviceRule>& rules) {
  const Decisions decisions = fold(parse(rules));
  return {Assembler().assemble(decisions), decisions.otherwise && decisions.rules.empty()};
}

}  // namespace oci
