// SPDX-License-Identifier: Apache-2.0
#include "support/tree.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "base/json.hpp"

namespace test {

struct TreeBuilder {
  static Tree build(const oci::json::Value& value) {
    using Kind = oci::json::Value::Kind;
    Tree tree;
    tree.text_ = value.kind == Kind::null ? "null" : std::string(value.text);
    if (value.kind == Kind::string) tree.kind_ = Tree::Kind::string;
    if (value.kind == Kind::array) tree.kind_ = Tree::Kind::array;
    if (value.kind == Kind::object) tree.kind_ = Tree::Kind::object;
    for (const auto* member = value.first; member != nullptr; member = member->next)
      tree.members_.emplace_back(std::string(member->key), build(*member));
    return tree;
  }
};

namespace {

/// Cuts the first segment off: a name, or an index in brackets.
std::string_view next_segment(std::string_view& path) {
  if (path.front() == '.') path.remove_prefix(1);
  const auto end = path.front() == '[' ? path.find(']') + 1 : std::min(path.find_first_of(".["), path.size());
  const auto segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

std::size_t index_of(std::string_view segment) {
  std::size_t index = 0;
  std::from_chars(segment.data() + 1, segment.data() + segment.size() - 1, index);
  return index;
}

}  // namespace

Tree Tree::parse(const std::string& text) {
  return TreeBuilder::build(oci::json::Document::parse(text).root());
}

Tree& Tree::step(std::string_view segment) {
  const bool index = segment.front() == '[';
  if (kind_ == Kind::literal) kind_ = index ? Kind::array : Kind::object;
  if (segment == "[]") return members_.emplace_back().second;
  if (index) return members_.at(index_of(segment)).second;
  const auto known = std::find_if(members_.begin(), members_.end(), [&](auto& m) { return m.first == segment; });
  return known != members_.end() ? known->second : members_.emplace_back(std::string(segment), Tree()).second;
}

const Tree* Tree::find(std::string_view segment) const {
  if (segment.front() == '[')
    return index_of(segment) < members_.size() ? &members_[index_of(segment)].second : nullptr;
  const auto known = std::find_if(members_.begin(), members_.end(), [&](auto& m) { return m.first == segment; });
  return known != members_.end() ? &known->second : nullptr;
}

void Tree::set(std::string_view path, const std::string& json) {
  Tree* place = this;
  while (!path.empty()) place = &place->step(next_segment(path));
  *place = parse(json);
}

void Tree::remove(std::string_view path) {
  Tree* place = this;
  std::string_view segment = next_segment(path);
  for (; !path.empty() && place != nullptr; segment = next_segment(path))
    place = const_cast<Tree*>(place->find(segment));
  if (place == nullptr) return;
  if (segment.front() == '[') {
    place->members_.erase(place->members_.begin() + static_cast<std::ptrdiff_t>(index_of(segment)));
  } else {
    std::erase_if(place->members_, [&](auto& member) { return member.first == segment; });
  }
}

std::string Tree::at(std::string_view path) const {
  const Tree* place = this;
  while (!path.empty() && place != nullptr) place = place->find(next_segment(path));
  if (place == nullptr) return {};
  return place->kind_ == Kind::string ? place->text_ : place->text();
}

std::string Tree::text() const {
  std::string out;
  write(out);
  return out;
}

void Tree::write(std::string& out) const {
  if (kind_ == Kind::literal) out += text_;
  if (kind_ == Kind::string) out += quoted(text_);
  if (kind_ == Kind::literal || kind_ == Kind::string) return;
  out += kind_ == Kind::array ? '[' : '{';
  for (const auto& [name, value] : members_) {
    if (&value != &members_.front().second) out += ',';
    if (kind_ == Kind::object) out += quoted(name) + ':';
    value.write(out);
  }
  out += kind_ == Kind::array ? ']' : '}';
}

std::string quoted(std::string_view text) {
  return oci::json::Writer().string(text).text();
}

std::string quoted(const std::vector<std::string>& texts) {
  oci::json::Writer writer;
  writer.open_array();
  for (const auto& text : texts) writer.string(text);
  return writer.close_array().text();
}

}  // namespace test
