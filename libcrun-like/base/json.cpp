// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"

#include <yajl/yajl_parse.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>

#include "base/decode.hpp"

namespace oci::json {

const Value* Value::find(std::string_view name) const noexcept {
  for (const auto* member = first; member; member = member->next)
    if (member->key == name) return member;
  return nullptr;
}

std::size_t Value::size() const noexcept {
  std::size_t count = 0;
  for (const auto* element = first; element; element = element->next) ++count;
  return count;
}

Document::Document() = default;
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

namespace {

/// yajl has no limit of its own, and what walks the tree recurses.
constexpr std::size_t deepest = 256;

}  // namespace

/// Receives yajl's events and hangs each value below the one that is open.
struct Builder {
  struct Level {
    Value* container;
    Value* last;
  };

  std::string_view source;
  Document document;
  std::vector<Level> open;
  std::string_view key;
  char* free = nullptr;
  std::size_t left = 0;

  void* allocate(std::size_t size) {
    // One block for most texts: what is freed in one piece can be used again for what is decoded, and for the plan.
    static constexpr std::size_t smallest = std::size_t{64} * 1024;
    static constexpr std::size_t value_bytes_per_text_byte = 5;
    static constexpr std::size_t alignment = alignof(Value);
    size = (size + alignment - 1) / alignment * alignment;
    if (size > left) {
      left = std::max({size, smallest, value_bytes_per_text_byte * source.size()});
      free = document.blocks_.emplace_back(std::make_unique_for_overwrite<char[]>(left)).get();
    }
    left -= size;
    return std::exchange(free, free + size);
  }

  /// yajl hands out a pointer into our text, unless the string had escapes.
  std::string_view keep(const char* text, std::size_t size) {
    if (text >= source.data() && text < source.data() + source.size()) return {text, size};
    return {static_cast<char*>(std::memcpy(allocate(size), text, size)), size};
  }

  Value* add(Value::Kind kind, std::string_view text = {}) {
    auto* value = new (allocate(sizeof(Value))) Value{kind, text, std::exchange(key, {}), nullptr, nullptr};
    if (open.empty()) {
      document.root_ = value;
    } else {
      auto& [container, last] = open.back();
      (last ? last->next : container->first) = value;
      last = value;
    }
    return value;
  }

  static Builder& of(void* context) { return *static_cast<Builder*>(context); }
  static std::string_view characters(void* context, const unsigned char* text, std::size_t size) {
    return of(context).keep(reinterpret_cast<const char*>(text), size);
  }
  static int enter(void* context, Value::Kind kind) {
    auto& builder = of(context);
    builder.open.push_back({builder.add(kind), nullptr});
    return builder.open.size() <= deepest ? 1 : 0;
  }
  static int leave(void* context) {
    of(context).open.pop_back();
    return 1;
  }

  static Document build(std::string_view text);
  [[noreturn]] void fail(yajl_handle parser) const;
};

void Builder::fail(yajl_handle parser) const {
  const auto consumed = std::min(yajl_get_bytes_consumed(parser), source.size());
  const std::string_view before(source.data(), consumed);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto column = consumed - (before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1);
  std::string reason = "nested more than " + std::to_string(deepest) + " levels deep";
  if (open.size() <= deepest) {
    auto* text = yajl_get_error(parser, 0, nullptr, 0);
    reason = reinterpret_cast<char*>(text);
    yajl_free_error(parser, text);
    while (!reason.empty() && reason.back() == '\n') reason.pop_back();
  }
  throw Error("line " + std::to_string(line) + ", column " + std::to_string(std::max<std::size_t>(column, 1)) + ": " +
              reason);
}

Document Document::parse(std::string_view text) {
  return Builder::build(text);
}

Document Builder::build(std::string_view text) {
  static constexpr yajl_callbacks callbacks = {
      .yajl_null = [](void* c) { return of(c).add(Value::Kind::null), 1; },
      .yajl_boolean = [](void* c, int on) { return of(c).add(Value::Kind::boolean, on != 0 ? "true" : "false"), 1; },
      .yajl_integer = nullptr,
      .yajl_double = nullptr,
      .yajl_number = [](void* c, const char* p,
                        size_t n) { return of(c).add(Value::Kind::number, of(c).keep(p, n)), 1; },
      .yajl_string = [](void* c, const unsigned char* p,
                        size_t n) { return of(c).add(Value::Kind::string, characters(c, p, n)), 1; },
      .yajl_start_map = [](void* c) { return enter(c, Value::Kind::object); },
      .yajl_map_key = [](void* c, const unsigned char* p, size_t n) { return of(c).key = characters(c, p, n), 1; },
      .yajl_end_map = leave,
      .yajl_start_array = [](void* c) { return enter(c, Value::Kind::array); },
      .yajl_end_array = leave,
  };
  Builder builder{.source = text, .document = {}, .open = {}, .key = {}};
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  const std::unique_ptr<yajl_handle_t, decltype(&yajl_free)> parser(yajl_alloc(&callbacks, nullptr, &builder),
                                                                    yajl_free);
  // Engines' JSON is read by Go elsewhere, which stops behind the first value, too.
  ::yajl_config(parser.get(), yajl_allow_trailing_garbage, 1);
  if (yajl_parse(parser.get(), bytes, text.size()) != yajl_status_ok ||
      yajl_complete_parse(parser.get()) != yajl_status_ok)
    builder.fail(parser.get());
  return std::move(builder.document);
}

void expected(std::string_view what, const Value& got) {
  static constexpr std::array<std::string_view, 6> names{"null",        "the boolean ", "the number ",
                                                         "the string ", "an array",     "an object"};
  static constexpr std::size_t shown = 40;
  std::string found(names.at(static_cast<std::size_t>(got.kind)));
  if (got.kind == Value::Kind::string)
    found.append("\"").append(got.text.substr(0, shown)).append("\"");
  else if (!got.text.empty())
    found.append(got.text.substr(0, shown));
  throw Error("expected " + std::string(what) + ", found " + found);
}

Writer& Writer::open(char bracket) {
  separate();
  text_ += bracket;
  ++depth_;
  empty_ = true;
  return *this;
}

Writer& Writer::close(char bracket) {
  --depth_;
  if (!empty_) break_line();
  text_ += bracket;
  empty_ = false;
  return *this;
}

Writer& Writer::key(std::string_view name) {
  separate();
  quote(name);
  text_ += indent_.empty() ? ":" : ": ";
  after_key_ = true;
  return *this;
}

Writer& Writer::string(std::string_view text) {
  separate();
  quote(text);
  return *this;
}

Writer& Writer::member(std::string_view name, const std::vector<std::string>& texts) {
  key(name).open_array();
  for (const auto& text : texts) string(text);
  return close_array();
}

Writer& Writer::real(double value) {
  std::array<char, 512> digits{};  // 309 before the point, or as many behind it
  const auto [end, code] = std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed);
  return literal({digits.data(), end});
}

Writer& Writer::literal(std::string_view text) {
  separate();
  text_ += text;
  return *this;
}

void Writer::separate() {
  if (std::exchange(after_key_, false)) return;
  if (depth_ == 0) return;
  if (!empty_) text_ += ',';
  break_line();
  empty_ = false;
}

void Writer::break_line() {
  if (indent_.empty()) return;
  text_ += '\n';
  for (unsigned level = 0; level < depth_; ++level) text_ += indent_;
}

void Writer::quote(std::string_view text) {
  static constexpr std::string_view digits = "0123456789abcdef";
  static constexpr unsigned char first_printable = 0x20;
  text_ += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (text_ += '\\') += c;
    else if (c == '\n')
      text_ += "\\n";
    else if (c == '\t')
      text_ += "\\t";
    else if (c == '\r')
      text_ += "\\r";
    else if (byte < first_printable)
      ((text_ += "\\u00") += digits[byte >> 4U]) += digits[byte & 0xFU];
    else
      text_ += c;
  }
  text_ += '"';
}

}  // namespace oci::json
