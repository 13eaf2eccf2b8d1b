// The same bytes in pieces, as they come through a pipe.
#pragma once

#include <algorithm>
#include <cstring>

#include "formats/byte_source.h"
#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {

// Gives the bytes, which must outlive it, in pieces whose lengths depend on them alone: many of one byte,
// some of thousands.
class Pieces : public ByteSource {
 public:
  explicit Pieces(Input bytes) : all_(bytes), rest_(bytes) {}

 protected:
  std::size_t fill(std::span<std::byte> into) override {
    const std::size_t most = std::size_t{1} << pick(all_, number_, 13);
    const std::size_t length = std::min({rest_.size(), into.size(), pick(all_, ++number_, most) + 1});
    if (length == 0) return 0;
    std::memcpy(into.data(), rest_.data(), length);
    rest_ = rest_.subspan(length);
    return length;
  }

 private:
  Input all_;
  Input rest_;
  std::uint64_t number_ = 0;
};

// Gives the bytes, which must outlive it, in pieces of one length.
class EqualPieces : public ByteSource {
 public:
  EqualPieces(Input bytes, std::size_t length) : rest_(bytes), length_(length) {}

 protected:
  std::size_t fill(std::span<std::byte> into) override {
    const std::size_t length = std::min({rest_.size(), into.size(), length_});
    if (length == 0) return 0;
    std::memcpy(into.data(), rest_.data(), length);
    rest_ = rest_.subspan(length);
    return length;
  }

 private:
  Input rest_;
  std::size_t length_;
};

}  // namespace convoy::fuzz
