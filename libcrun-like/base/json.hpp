// SPDX-License-Identifier: Apache-2.0
// JSON (RFC 8259): a document that points into the text it was parsed from, and a writer.
#pragma once
#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace oci::json {

/// One value of a Document, linked to its siblings. Lives as long as the Document and its text.
struct Value {
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
  Kind kind = Kind::null;
  std::string_view text;  ///< digits of a number, characters of a string, "true" or "false"
  std::string_view key;   ///< its name in the object that holds it
  const Value* first = nullptr;
  const Value* next = nullptr;

  /// The member of this object, by its exact name; nullptr when there is none.
  const Value* find(std::string_view name) const noexcept;
  /// How many elements or members this array or object has: counted.
  std::size_t size() const noexcept;
};

/// A parsed text. Strict: UTF-8, no comments, at most 256 levels deep. What stands behind the first value is not read.
class Document {
 public:
  /// Values point into `text`, which must live as long. @throws Error "line L, column C: …"
  static Document parse(std::string_view text);
  template <std::same_as<std::string> Temporary>
  static Document parse(Temporary&& text) = delete;

  const Value& root() const noexcept { return *root_; }

  Document(Document&& other) noexcept;
  Document& operator=(Document&& other) noexcept;
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;
  ~Document();

 private:
  friend struct Builder;
  Document();
  std::vector<std::unique_ptr<char[]>> blocks_;  ///< where values and unescaped strings live
  const Value* root_ = nullptr;
};

/// Builds a JSON text from the front. Calls must nest properly; commas and indentation are its own business.
class Writer {
 public:
  /// `indent`: what one level is indented by; empty for one compact line.
  explicit Writer(std::string_view indent = {}) : indent_(indent) {}

  Writer& open_object() { return open('{'); }
  Writer& close_object() { return close('}'); }
  Writer& open_array() { return open('['); }
  Writer& close_array() { return close(']'); }
  Writer& key(std::string_view name);
  Writer& string(std::string_view text);
  Writer& number(std::int64_t value) { return literal(std::to_string(value)); }
  Writer& unsigned_number(std::uint64_t value) { return literal(std::to_string(value)); }
  Writer& real(double value);  ///< the shortest text that stands for it, without an exponent; must be finite
  Writer& boolean(bool value) { return literal(value ? "true" : "false"); }
  Writer& null() { return literal("null"); }

  /// A member in one call.
  Writer& member(std::string_view name, std::string_view text) { return key(name).string(text); }
  Writer& member(std::string_view name, const std::vector<std::string>& texts);

  const std::string& text() const noexcept { return text_; }

 private:
  Writer& open(char bracket);
  Writer& close(char bracket);
  Writer& literal(std::string_view text);
  void separate();
  void break_line();
  void quote(std::string_view text);

  std::string text_;
  std::string_view indent_;
  unsigned depth_ = 0;
  bool empty_ = true;       ///< nothing yet in the innermost array or object
  bool after_key_ = false;  ///< the next value belongs to the key just written
};

}  // namespace oci::json
