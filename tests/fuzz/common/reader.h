// What a harness of tests/fuzz is made of. Each tests/fuzz/NAME.cpp adds one reader, called NAME, whose
// function gets bytes that may be anything. It does one thing in two ways, and the results must be the same.
// The same function runs in two programs: a fuzzer, compiled by clang (fuzzer_main.cpp), and a test that
// replays the inputs that are kept, compiled as all tests are (replay_test.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/error.h"

namespace convoy::fuzz {

using Input = std::span<const std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;

struct Reader {
  std::string name;
  // Returns if all is well. Throws Difference if two ways differ; every other exception is a finding too.
  void (*fuzz)(Input);
  // Inputs to begin with: what the format's own writer makes.
  std::vector<Bytes> (*seeds)();
  // Makes the checksums and lengths in mutated bytes right, so that the fuzzer gets behind them; nullptr:
  // there are none.
  void (*repair)(Bytes&) = nullptr;
  std::size_t longest = 4096;  // bytes of an input
};

// All readers of this program: each harness adds its own before main() runs.
[[nodiscard]] std::vector<Reader>& readers();
struct AddReader {
  explicit AddReader(Reader reader);
};

// Two ways of doing the same thing that differ.
class Difference : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// Throws Difference(what) unless it holds.
void require(bool holds, std::string_view what);

// What an action returned, or the message of the Error or UsageError that it threw.
template <typename Value>
struct Outcome {
  std::optional<Value> value = {};
  std::string refusal = {};
  bool operator==(const Outcome&) const = default;
};
template <typename Action>
[[nodiscard]] auto outcome(Action&& action) -> Outcome<decltype(action())> {
  try {
    return {.value = action()};
  } catch (const Error& error) {
    return {.refusal = error.what()};
  } catch (const UsageError& error) {
    return {.refusal = error.what()};
  }
}

// The bytes as text.
[[nodiscard]] std::string_view text_of(Input input);
[[nodiscard]] Bytes bytes_of(std::string_view text);
[[nodiscard]] Bytes bytes_of(Input input);
// Small numbers that a harness takes from its input: hashes of all of it, so that they cost no byte. The n-th
// is below `below`.
[[nodiscard]] std::size_t pick(Input input, std::uint64_t n, std::size_t below);
// The parts of an input between lines that hold "%%" alone.
[[nodiscard]] std::vector<std::string_view> parts_of(std::string_view text);

// A path in a folder of this process, which is removed when it ends, for what a writer writes.
[[nodiscard]] std::string scratch(std::string_view name);
// A file in memory whose content is `bytes`, by a path that is valid until the next call.
[[nodiscard]] std::string file_with(Input bytes);

// Numbers of so many bytes, which must be there.
[[nodiscard]] std::uint64_t little_endian(Input bytes, std::size_t at, std::size_t count);
void put_little_endian(Bytes& bytes, std::size_t at, std::size_t count, std::uint64_t value);
[[nodiscard]] std::uint32_t big_endian(Input bytes, std::size_t at);
void put_big_endian(Bytes& bytes, std::size_t at, std::uint32_t value);

}  // namespace convoy::fuzz
