// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"

#include "oci/error.hpp"
#include "support/catch.hpp"

using namespace oci;
using Catch::Matchers::Contains;

namespace {

std::string refusal(const std::string& text) {
  try {
    json::Document::parse(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a document gives names, values and their order") {
  const auto document = json::Document::parse(R"({"a": [1, "two", true, null, {"b": -3.5}], "c": "\u00e9\n"})");
  const auto& root = document.root();
  REQUIRE(root.kind == json::Value::Kind::object);
  const auto* list = root.find("a");
  REQUIRE(list);
  CHECK(list->first->text == "1");
  CHECK(list->first->next->text == "two");
  CHECK(list->first->next->next->text == "true");
  CHECK(list->first->next->next->next->kind == json::Value::Kind::null);
  CHECK(root.find("c")->text == "\u00e9\n");
  CHECK(root.find("nothing") == nullptr);
}

TEST_CASE("what is no JSON is refused with its place") {
  CHECK_THAT(refusal("{\n  \"a\": 01\n}"), Contains("line 2, column"));
  CHECK_THAT(refusal(""), Contains("line 1, column 1: "));
  CHECK_THAT(refusal("  \n "), Contains("line"));
  for (const auto* text : {"{'a': 1}", "{\"a\": 1,}", "[1 2]", "// c\n{}", "{\"a\": \"\t\"}", "{\"a\"",
                           "\xEF\xBB\xBF{}", "{\"a\": \"\xFF\"}", "nul", "{\"a\": +1}"}) {
    INFO(text);
    CHECK_THAT(refusal(text), Contains("line "));
  }
}

TEST_CASE("what stands behind the first value is not read") {  // as Go does
  for (const auto* text : {"{\"a\": 1} x", "{\"a\": 1}}", "{\"a\": 1} {\"a\": 2}", "{\"a\": 1}\n\n", "{\"a\": 1}\xFF",
                           "{\"a\": 1} // said", "{\"a\": 1},"}) {
    INFO(text);
    CHECK(json::Document::parse(text).root().find("a")->text == "1");
  }
  const std::string with_nul("{\"a\": 1}\0\0", 10);
  CHECK(json::Document::parse(with_nul).root().find("a")->text == "1");
}

TEST_CASE("a document nested too deep is refused, not followed") {
  CHECK(refusal(std::string(256, '[') + std::string(256, ']')) == "accepted");
  CHECK_THAT(refusal(std::string(257, '[') + std::string(257, ']')), Contains("nested more than 256 levels deep"));
  CHECK_THAT(refusal(std::string(1'000'000, '[')), Contains("nested more than 256 levels deep"));
}

TEST_CASE("a writer escapes what JSON wants escaped, and reads back the same") {
  const std::string odd = "a\"b\\c\nd\te\x01/\u00e9";
  json::Writer out;
  out.open_object().member("k", odd).close_object();
  CHECK(out.text() == "{\"k\":\"a\\\"b\\\\c\\nd\\te\\u0001/\u00e9\"}");
  CHECK(json::Document::parse(out.text()).root().find("k")->text == odd);
}

TEST_CASE("a writer indents by what it was told, and leaves empty containers on one line") {
  json::Writer out("  ");
  out.open_object()
      .key("n")
      .number(-1)
      .key("e")
      .open_array()
      .close_array()
      .member("l", std::vector<std::string>{"x", "y"})
      .close_object();
  CHECK(out.text() == "{\n  \"n\": -1,\n  \"e\": [],\n  \"l\": [\n    \"x\",\n    \"y\"\n  ]\n}");
}
