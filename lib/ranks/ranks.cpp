#include "lib/ranks/ranks.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace convoy {
namespace {

// Bytes that are summed up at a time: few enough for the second-level cache, enough to hide the time that a
// message takes to begin.
constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

// blocks: `count` blocks of `length` values, one after another. The first becomes the sum of all, by pairs of
// neighbours, then of pairs of pairs.
template <typename T>
void add_up(std::size_t count, std::size_t length, T* blocks) {
  for (std::size_t step = 1; step < count; step *= 2) {
    for (std::size_t first = 0; first + step < count; first += 2 * step) {
      T* const sum = blocks + first * length;
      const T* const other = blocks + (first + step) * length;
#pragma omp simd
      for (std::size_t i = 0; i < length; ++i) sum[i] += other[i];
    }
  }
}

class Alone final : public Ranks {
 public:
  Alone() : Ranks(0, 1) {}

 private:
  void end_others(int /*status*/) override {}
  void gather(std::span<const std::byte> mine, std::span<std::byte> all) override {
    std::ranges::copy(mine, all.begin());
  }
  void trade(std::span<const std::byte> to_ranks, std::span<std::byte> from_ranks) override {
    std::ranges::copy(to_ranks, from_ranks.begin());
  }
};

}  // namespace

template <typename T>
void Ranks::sum_values(std::span<T> values) {
  if (size_ == 1) return;
  const auto ranks = static_cast<std::size_t>(size_);
  const std::size_t most = std::max<std::size_t>(kPieceBytes / sizeof(T) / ranks, 1);  // of a rank's share
  for (std::size_t first = 0; first < values.size();) {
    const std::span<T> piece = values.subspan(first, std::min(values.size() - first, most * ranks));
    const std::size_t share = (piece.size() + ranks - 1) / ranks;
    sent_.assign(share * ranks * sizeof(T), std::byte{});
    received_.resize(sent_.size());
    std::memcpy(sent_.data(), piece.data(), piece.size_bytes());
    trade(sent_, received_);
    add_up(ranks, share, reinterpret_cast<T*>(received_.data()));
    gather(std::span(received_).first(share * sizeof(T)), sent_);
    std::memcpy(piece.data(), sent_.data(), piece.size_bytes());
    first += piece.size();
  }
}
template void Ranks::sum_values<float>(std::span<float>);
template void Ranks::sum_values<double>(std::span<double>);

void Ranks::largest(std::span<std::int64_t> values) {
  std::vector<std::int64_t> all(values.size() * static_cast<std::size_t>(size_));
  gather(std::as_bytes(values), std::as_writable_bytes(std::span(all)));
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::int64_t& value = values[i % values.size()];
    value = std::max(value, all[i]);
  }
}

std::vector<std::string> Ranks::gather_texts(const std::string& mine) {
  std::vector<std::int64_t> longest = {std::ssize(mine)};
  largest(longest);
  // Its length goes with each, as blocks have the size of the longest.
  const std::uint64_t length = mine.size();
  std::vector<std::byte> own(sizeof length + static_cast<std::size_t>(longest[0]));
  std::memcpy(own.data(), &length, sizeof length);
  std::memcpy(own.data() + sizeof length, mine.data(), mine.size());
  std::vector<std::byte> all(own.size() * static_cast<std::size_t>(size_));
  gather(own, all);
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < all.size(); at += own.size()) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, all.data() + at, sizeof bytes);
    texts.emplace_back(reinterpret_cast<const char*>(all.data() + at + sizeof bytes), bytes);
  }
  return texts;
}

void Ranks::end_all(int status) {
  end_others(status);
  std::_Exit(status);
}

void Ranks::meet() {
  std::vector<std::int64_t> nothing(1);
  largest(nothing);
}

std::unique_ptr<Ranks> alone() { return std::make_unique<Alone>(); }

}  // namespace convoy
