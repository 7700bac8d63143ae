// SPDX-License-Identifier: Apache-2.0
// Declarative decoding: one table of named members per struct, and the reader follows from the member's type.
#pragma once
#include <array>
#include <charconv>
#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "oci/error.hpp"

namespace oci::json {

/// A row of a table: the JSON name and how the member it stands for is filled.
template <class T>
struct Field {
  std::string_view name;
  void (*read)(const Value&, T&) = nullptr;
  bool required = false;
};

/// The table of T; specialised next to each struct with an array of Field<T>.
template <class T>
inline constexpr int fields = 0;

/// Fills `out` from `value`. null means absent, unknown members are skipped (config.md, "Extensibility"), a wrong type
/// or a number out of range is an Error that starts with the JSON path.
template <class T>
void decode(const Value& value, T& out);

template <class>
struct member_of;
template <class C, class M>
struct member_of<M C::*> {
  using Class = C;
};

enum Presence : bool { optional = false, required = true };

template <auto Member>
constexpr auto field(std::string_view name, Presence presence = optional) {
  using T = typename member_of<decltype(Member)>::Class;
  return Field<T>{name, [](const Value& value, T& object) { decode(value, object.*Member); }, presence == required};
}

/// @throws Error "expected WHAT, found the string "x""
[[noreturn]] void expected(std::string_view what, const Value& got);

/// Go, which engines are written in, matches names without regard to case; runc's users depend on it.
inline bool same_name(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

template <class T>
void decode_number(const Value& value, T& out) {
  if (value.kind != Value::Kind::number) expected("an integer", value);
  const auto* end = value.text.data() + value.text.size();
  const auto [stopped, code] = std::from_chars(value.text.data(), end, out);
  if (code == std::errc{} && stopped == end) return;
  expected("an integer in " + std::to_string(std::numeric_limits<T>::min()) + ".." +
               std::to_string(std::numeric_limits<T>::max()),
           value);
}

inline void decode_boolean(const Value& value, bool& out) {
  if (value.kind != Value::Kind::boolean) expected("a boolean", value);
  out = value.text == "true";
}

inline void decode_string(const Value& value, std::string& out) {
  if (value.kind != Value::Kind::string) expected("a string", value);
  if (value.text.find('\0') != value.text.npos) throw Error("contains a NUL character");
  out = value.text;
}

template <class Map>
void decode_map(const Value& value, Map& out) {
  if (value.kind != Value::Kind::object) expected("an object", value);
  for (const auto* member = value.first; member; member = member->next)
    at_path([&] { return std::string(member->key); }, [&] { decode(*member, out[std::string(member->key)]); });
}

template <class List>
void decode_list(const Value& value, List& out) {
  if (value.kind != Value::Kind::array) expected("an array", value);
  out.clear();
  out.reserve(value.size());
  std::size_t index = 0;
  for (const auto* element = value.first; element; element = element->next, ++index)
    at_path([&] { return "[" + std::to_string(index) + "]"; }, [&] { decode(*element, out.emplace_back()); });
}

/// The member of `object` that `row` stands for, in whatever spellings there are.
template <class T>
void decode_member(const Field<T>& row, const Value& object, T& out) {
  const Value* exact = nullptr;
  bool seen = false;
  for (const auto* member = object.first; member; member = member->next) {
    if (member->kind == Value::Kind::null || !same_name(member->key, row.name)) continue;
    if (member->key == row.name && std::exchange(exact, member)) throw Error(std::string(row.name) + ": given twice");
    at_path([&] { return std::string(row.name); }, [&] { row.read(*member, out); });
    seen = true;
  }
  if (row.required && !seen) throw Error(std::string(row.name) + ": missing");
}

template <class T>
void decode(const Value& value, T& out) {
  if constexpr (std::same_as<T, bool>) {
    decode_boolean(value, out);
  } else if constexpr (std::integral<T>) {
    decode_number(value, out);
  } else if constexpr (std::same_as<T, std::string>) {
    decode_string(value, out);
  } else if constexpr (requires { typename T::mapped_type; }) {
    decode_map(value, out);
  } else if constexpr (requires { out.emplace_back(); }) {
    decode_list(value, out);
  } else if constexpr (requires {
                         out.emplace();
                         *out;
                       }) {
    decode(value, out ? *out : out.emplace());  // a second spelling of the name adds to the first
  } else {
    if (value.kind != Value::Kind::object) expected("an object", value);
    for (const auto& row : fields<T>) decode_member(row, value, out);
  }
}

}  // namespace oci::json
