// Tensors for the tests of kernels: random ones, and conversions to and from the layouts of the kernels.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/tensor_shape.h"
#include "lib/base/bf16.h"
#include "lib/base/philox.h"
#include "tests/support/reference.h"

namespace convoy {

// Half the distance between 1 and the next number of the type: the largest relative error of one rounding.
template <typename T>
inline constexpr double kRounding = sizeof(T) == 4 ? 0x1p-24 : 0x1p-8;

// A stream of random numbers that depends on `seed` alone.
class TestRandom {
 public:
  explicit TestRandom(std::uint64_t seed) : stream_{.seed = seed, .purpose = Purpose::test} {}
  // Uniform in [-1, 1), a multiple of 1/128: exact in bf16, so that only arithmetic rounds.
  double next() { return (static_cast<double>(stream_.word(index_++) >> 24) - 128.0) / 128.0; }
  int below(int bound) {
    return static_cast<int>(uniform_below(stream_.word64(index_++), static_cast<std::uint64_t>(bound)));
  }
  reference::Values values(std::size_t count) {
    reference::Values result(count);
    for (double& value : result) value = next();
    return result;
  }
  reference::Tensor tensor(int n, int c, int h, int w) {
    reference::Tensor result(n, c, h, w);
    result.v = values(result.v.size());
    return result;
  }

 private:
  PhiloxStream stream_;
  std::uint32_t index_ = 0;
};

[[nodiscard]] inline TensorShape shape_of(const reference::Tensor& t, int block) {
  return {t.n, t.c, t.h, t.w, block};
}

// The tensor in a layout; padding channels are zero.
template <typename T>
std::vector<T> packed(const reference::Tensor& t, const TensorShape& shape) {
  std::vector<T> result(static_cast<std::size_t>(shape.elements()));
  for (int n = 0; n < t.n; ++n) {
    for (int c = 0; c < t.c; ++c) {
      for (int h = 0; h < t.h; ++h) {
        for (int w = 0; w < t.w; ++w) {
          result[static_cast<std::size_t>(shape.offset(n, c, h, w))] =
              from_float<T>(static_cast<float>(t.at(n, c, h, w)));
        }
      }
    }
  }
  return result;
}

template <typename T>
reference::Tensor unpacked(const std::vector<T>& data, const TensorShape& shape) {
  reference::Tensor t(shape.images, shape.channels, shape.height, shape.width);
  for (int n = 0; n < t.n; ++n) {
    for (int c = 0; c < t.c; ++c) {
      for (int h = 0; h < t.h; ++h) {
        for (int w = 0; w < t.w; ++w) {
          t.at(n, c, h, w) = to_float(data[static_cast<std::size_t>(shape.offset(n, c, h, w))]);
        }
      }
    }
  }
  return t;
}

// Whether the padding channels are zero.
template <typename T>
bool padding_is_zero(const std::vector<T>& data, const TensorShape& shape) {
  reference::Tensor ones(shape.images, shape.channels, shape.height, shape.width);
  for (double& value : ones.v) value = 1.0;
  const std::vector<float> inside = packed<float>(ones, shape);
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (inside[i] == 0.0F && to_float(data[i]) != 0.0F) return false;
  }
  return true;
}

// The values, each rounded to T.
template <typename T, typename Value>
std::vector<T> rounded_to(const std::vector<Value>& values) {
  std::vector<T> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) result[i] = from_float<T>(static_cast<float>(values[i]));
  return result;
}
inline std::vector<float> floats(const reference::Values& values) { return {values.begin(), values.end()}; }

// Expects |got[i] - want[i]| <= factor * magnitude[i], where magnitude[i] is the sum of the absolute values
// of the terms of want[i].
inline void expect_near(const reference::Values& got, const reference::Values& want,
                        const reference::Values& magnitude, double factor, const char* what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_LE(std::abs(got[i] - want[i]), factor * magnitude[i] + 1e-30)
        << what << " [" << i << "]: got " << got[i] << ", want " << want[i];
  }
}

}  // namespace convoy
