// SPDX-License-Identifier: Apache-2.0
#include "kernel/systemd_properties.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <type_traits>

#include "oci/error.hpp"

namespace oci {
namespace {

constexpr std::array signatures{"b", "i", "u", "x", "t", "d", "s", "as", "ay", "a(ss)", "a(st)"};
static_assert(signatures.size() == std::variant_size_v<PropertyValue>);

constexpr std::array verbs{"start", "stop", "set"};

template <class T>
struct IsPair : std::false_type {};
template <class A, class B>
struct IsPair<std::pair<A, B>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

/// A tab in front of each field.
template <class T>
void write(std::string& out, const T& value) {
  if constexpr (IsVector<T>::value) {
    for (const auto& element : value) write(out, element);
  } else if constexpr (IsPair<T>::value) {
    write(out, value.first);
    write(out, value.second);
  } else if constexpr (std::is_same_v<T, std::string>) {
    out.append("\t").append(escape_field(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    out.append(value ? "\t1" : "\t0");
  } else {
    std::array<char, 64> digits{};
    out.append("\t").append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  }
}

[[noreturn]] void refuse(const std::string& what) {
  throw Error("malformed request: " + what, EPROTO);
}

/// The fields of one line, one after the other.
class Fields {
 public:
  explicit Fields(std::string_view line) : rest_(line) {}

  bool empty() const noexcept { return done_; }
  std::string_view next() {
    if (done_) refuse("a line with too few fields");
    const auto end = rest_.find('\t');
    const auto field = rest_.substr(0, end);
    done_ = end == std::string_view::npos;
    rest_.remove_prefix(done_ ? rest_.size() : end + 1);
    return field;
  }

 private:
  std::string_view rest_;
  bool done_ = false;
};

template <class T>
T read(Fields& fields) {
  if constexpr (IsVector<T>::value) {
    T elements;
    while (!fields.empty()) elements.push_back(read<typename T::value_type>(fields));
    return elements;
  } else if constexpr (IsPair<T>::value) {
    auto first = read<typename T::first_type>(fields);
    return {std::move(first), read<typename T::second_type>(fields)};
  } else if constexpr (std::is_same_v<T, std::string>) {
    return unescape_field(fields.next());
  } else if constexpr (std::is_same_v<T, bool>) {
    return fields.next() == "1";
  } else {
    const auto text = fields.next();
    T value{};
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc{} || end != text.data() + text.size()) refuse("\"" + std::string(text) + "\" is no number");
    return value;
  }
}

template <std::size_t Index = 0>
PropertyValue read_value(std::string_view signature, Fields& fields) {
  if constexpr (Index < signatures.size()) {
    if (signature == signatures[Index]) return read<std::variant_alternative_t<Index, PropertyValue>>(fields);
    return read_value<Index + 1>(signature, fields);
  }
  refuse("the signature " + std::string(signature));
}

SystemdVerb verb_of(std::string_view name) {
  const auto* const found = std::find(verbs.begin(), verbs.end(), name);
  if (found == verbs.end()) refuse("the verb " + std::string(name));
  return static_cast<SystemdVerb>(found - verbs.begin());
}

}  // namespace

const char* signature_of(const PropertyValue& value) noexcept {
  return signatures[value.index()];
}

std::string escape_field(std::string_view text) {
  std::string field;
  field.reserve(text.size());
  for (const char c : text) {
    if (c == '\t')
      field += "\\t";
    else if (c == '\n')
      field += "\\n";
    else if (c == '\\')
      field += "\\\\";
    else
      field += c;
  }
  return field;
}

std::string unescape_field(std::string_view field) {
  std::string text;
  text.reserve(field.size());
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\' || i + 1 == field.size()) {
      text += field[i];
      continue;
    }
    const char c = field[++i];
    text += c == 't' ? '\t' : c == 'n' ? '\n' : c;
  }
  return text;
}

std::string encode(const SystemdRequest& request) {
  std::string out = verbs[static_cast<std::size_t>(request.verb)];
  write(out, request.patience_s);
  write(out, request.unit);
  write(out, request.bus);
  out += '\n';
  for (const auto& [name, value, may_be_unknown] : request.properties) {
    out.append(name).append(may_be_unknown ? "\t?" : "\t!").append("\t").append(signature_of(value));
    std::visit([&](const auto& content) { write(out, content); }, value);
    out += '\n';
  }
  return out + "end\n";
}

SystemdRequest decode_request(std::string_view text) {
  const auto next_line = [&] {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) refuse("it is cut short");
    const auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    return line;
  };
  Fields head(next_line());
  SystemdRequest request;
  request.verb = verb_of(head.next());
  request.patience_s = read<std::int64_t>(head);
  request.unit = read<std::string>(head);
  request.bus = read<std::string>(head);
  for (auto line = next_line(); line != "end"; line = next_line()) {
    Fields fields(line);
    SystemdProperty property;
    property.name = fields.next();
    property.may_be_unknown = fields.next() == "?";
    const auto signature = fields.next();
    property.value = read_value(signature, fields);
    request.properties.push_back(std::move(property));
  }
  return request;
}

}  // namespace oci
