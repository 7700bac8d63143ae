// SPDX-License-Identifier: Apache-2.0
// A JSON text that tests may change in places.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

/// A JSON value with its members. Paths are written as "process.args", "mounts[0].options"; a segment "[]" stands for a
/// new element at an array's end. What a path names is made when it is not there.
class Tree {
 public:
  static Tree parse(const std::string& text);

  void set(std::string_view path, const std::string& json);
  /// Does nothing when there is no such member.
  void remove(std::string_view path);
  /// The text of a string or number, the JSON text of anything else; empty when there is no such member.
  std::string at(std::string_view path) const;
  std::string text() const;

 private:
  enum class Kind : unsigned char { literal, string, array, object };
  friend struct TreeBuilder;

  Tree& step(std::string_view segment);
  const Tree* find(std::string_view segment) const;
  void write(std::string& out) const;

  Kind kind_ = Kind::literal;
  std::string text_ = "null";                          ///< of a string or literal
  std::vector<std::pair<std::string, Tree>> members_;  ///< of an array, with empty names, or of an object
};

/// `text` as a JSON string, in quotes.
std::string quoted(std::string_view text);
/// A JSON array of strings.
std::string quoted(const std::vector<std::string>& texts);

}  // namespace test
