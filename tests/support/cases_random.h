// Random cases for the tests of the GPU's kernels.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "kernels/conv.h"
#include "tests/support/cases_lrn_map.h"
#include "tests/support/cases_lrn_pool.h"
#include "tests/support/cases_pool.h"

namespace convoy {

// Draws cases of all kinds that the kernels tell apart. The seed is CONVOY_TEST_SEED, or 1; it is printed.
class RandomCases {
 public:
  RandomCases() {
    std::printf("random cases of CONVOY_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed()));
  }
  [[nodiscard]] std::string trace(int number) const {
    return "case " + std::to_string(number) + " of CONVOY_TEST_SEED=" + std::to_string(seed());
  }
  [[nodiscard]] int below(int bound) { return random_.below(bound); }
  [[nodiscard]] bool flip() { return below(2) == 0; }

  // aligned: groups of whole multiples of 8 channels and filters.
  [[nodiscard]] ConvShape conv(bool aligned) {
    ConvShape s;
    s.groups = 1 + below(4);
    s.channels = s.groups * (aligned ? 8 * (1 + below(6)) : 1 + below(40));
    s.filters = s.groups * (aligned ? 8 * (1 + below(18)) : 1 + below(40));
    s.images = 1 + below(3);
    s.stride = 1 + below(4);
    s.pad_top = below(5);
    s.pad_left = below(5);
    s.pad_bottom = below(5);
    s.pad_right = below(5);
    s.height = 1 + below(14);
    s.width = 1 + below(14);
    s.kernel_height = 1 + below(std::min(5, s.height + s.pad_top + s.pad_bottom));
    s.kernel_width = 1 + below(std::min(5, s.width + s.pad_left + s.pad_right));
    return s;
  }
  // One in ten has few pixels of many channels.
  [[nodiscard]] LrnPoolCase lrn_pool() {
    const bool many_channels = below(10) == 0;
    LrnPoolCase k{};
    k.name = "random";
    k.images = 1 + below(3);
    k.channels = 1 + below(many_channels ? 4000 : 100);
    k.height = 1 + below(many_channels ? 4 : 14);
    k.width = 1 + below(many_channels ? 4 : 14);
    constexpr double kBetas[] = {0.75, 0.75, 0.5, 0.6};
    k.lrn = {1 + below(8), 1.0 + below(2), 0.1 + 0.1 * below(8), kBetas[below(4)], flip(), 1};
    if (below(3) == 0) {  // groups, of whole vectors or not
      k.lrn.groups = 1 + below(4);
      const int each = 1 + below(24);
      k.channels = k.lrn.groups * (flip() ? 8 * (1 + each / 8) : each);
    }
    PoolSpec& pool = k.pool;
    pool.kind = PoolSpec::Kind::max;
    pool.stride = 1 + below(4);
    pool.kernel_height = 1 + below(5);
    pool.kernel_width = 1 + below(5);
    pool.pad = {below(pool.kernel_height), below(pool.kernel_width), below(pool.kernel_height),
                below(pool.kernel_width)};
    k.out_height = outputs(k.height, pool.pad.top, pool.pad.bottom, pool.kernel_height, pool.stride);
    k.out_width = outputs(k.width, pool.pad.left, pool.pad.right, pool.kernel_width, pool.stride);
    return k;
  }
  [[nodiscard]] LrnCase lrn() {
    const LrnPoolCase k = lrn_pool();
    return {k.name, k.images, k.channels, k.height, k.width, k.lrn};
  }
  [[nodiscard]] LrnMapCase lrn_map() {
    const LrnPoolCase k = lrn_pool();
    const int size = below(8) == 0 ? 7 + 2 * below(12) : 1 + 2 * below(3);
    return {k.name,   k.images, k.channels,
            k.height, k.width,  {size, k.lrn.k, k.lrn.alpha, k.lrn.beta, k.lrn.mean}};
  }
  [[nodiscard]] PoolCase pool() {
    const LrnPoolCase k = lrn_pool();
    return {k.name,
            k.images,
            k.channels,
            k.height,
            k.width,
            k.pool.kernel_height,
            k.pool.kernel_width,
            k.pool.stride,
            k.pool.pad,
            k.out_height,
            k.out_width};
  }

 private:
  [[nodiscard]] static std::uint64_t seed() {
    const char* const wanted = std::getenv("CONVOY_TEST_SEED");
    return wanted == nullptr ? 1 : std::strtoull(wanted, nullptr, 10);
  }
  // Sometimes with a last window that reaches beyond the padding, or sees nothing.
  [[nodiscard]] int outputs(int size, int before, int after, int kernel, int stride) {
    const int whole = std::max(0, size + before + after - kernel) / stride + 1;
    return whole + below(2);
  }
  TestRandom random_{seed()};
};

}  // namespace convoy
