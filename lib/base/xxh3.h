// XXH3-64 with seed 0: the checksum in the project's own formats. It shows accidents, not intent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace convoy {

// The hash of the bytes.
[[nodiscard]] std::uint64_t xxh3(std::span<const std::byte> bytes);

// The same of bytes that come in parts.
class Xxh3 {
 public:
  Xxh3();
  void add(std::span<const std::byte> bytes);
  // Of all bytes so far.
  [[nodiscard]] std::uint64_t value() const;

 private:
  struct State;
  struct Release {
    void operator()(State* state) const;
  };
  std::unique_ptr<State, Release> state_;
};

}  // namespace convoy
