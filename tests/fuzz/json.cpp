// JSON: what is read and written again is the same, and nothing is taken that the library alone would refuse.
#include "lib/base/json.h"

#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {
namespace {

constexpr int kDeepest = 64;  // of lib/base/json.h

int depth_of(const nlohmann::json& value) {
  if (!value.is_structured()) return 0;
  int deepest = 0;
  for (const auto& element : value) deepest = std::max(deepest, depth_of(element));
  return deepest + 1;
}

void fuzz(Input input) {
  const std::string_view text = text_of(input);
  const auto read = outcome([&] { return parse_json(text, "x"); });
  if (!read.value) {
    require(read.refusal.starts_with("x: "), "a refusal names the place");
    return;
  }
  require(nlohmann::json::accept(text), "what the library refuses has been taken");
  require(depth_of(*read.value) <= kDeepest + 1, "nested more deeply than is allowed");
  const std::string written = read.value->dump();
  require(parse_json(written, "x") == *read.value, "parse(dump(x)) differs from x");
  require(parse_json(written, "x").dump() == written, "dump(parse(dump(x))) differs from dump(x)");
  require(parse_json(" " + std::string(text) + "\n", "x") == *read.value, "blanks around x change it");
}

std::vector<Bytes> seeds() {
  std::string deep(70, '[');
  deep.append(70, ']');
  return {bytes_of(R"({"a":[1,2.5,-3e8,true,false,null],"b":{"c":"d\u00e9\n\"\\"},"e":""})"),
          bytes_of(R"({"a":1,"a":2})"),
          bytes_of("18446744073709551615"),
          bytes_of("-9223372036854775809"),
          bytes_of("[1e308,1e999,0.1e-400]"),
          bytes_of("\"\\ud83d\\ude00\\ud800\""),
          bytes_of(deep)};
}

const AddReader kReader({.name = "json", .fuzz = fuzz, .seeds = seeds, .longest = 1024});

}  // namespace
}  // namespace convoy::fuzz
