// Runs all passes of a conv, local or fc product on canonical tensors.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

#include "kernels/product.h"
#include "tests/support/tensors.h"

namespace convoy {

struct ProductRun {
  reference::Tensor y;
  reference::ProductGradients gradients;
};

template <typename T>
ProductRun run_product(cpu::Product& product, const reference::Tensor& x, const reference::Values& weights,
                       const reference::Values& bias, const reference::Tensor& dy, bool input_gradient) {
  std::vector<float> master(product.master_elements());
  std::vector<std::byte> forward(product.forward_bytes());
  std::vector<std::byte> backward(product.backward_bytes());
  std::vector<std::byte> scratch(product.scratch_bytes() + 64);
  const std::vector<float> canonical_bias = floats(bias);
  std::vector<float> biases(product.bias_elements());
  product.pack_bias(canonical_bias, biases.data());
  const std::vector<float> canonical = floats(weights);
  product.pack(canonical, master.data());
  std::vector<float> back(canonical.size());
  product.unpack(master.data(), back);
  EXPECT_EQ(canonical, back) << "unpack(pack(weights)) is not weights";
  cpu::ProductWeights w{master.data(), forward.empty() ? static_cast<void*>(master.data()) : forward.data(),
                        nullptr, biases.data()};
  w.backward = backward.empty() ? w.forward : backward.data();
  product.refresh(w);

  const std::vector<T> src = packed<T>(x, product.src());
  std::vector<T> dst(static_cast<std::size_t>(product.dst().elements()));
  product.forward(src.data(), w, dst.data(), scratch.data());
  EXPECT_TRUE(padding_is_zero(dst, product.dst()));

  ProductRun run{unpacked(dst, product.dst()), {}};
  const std::vector<T> diff_dst = packed<T>(dy, product.dst());
  std::vector<float> diff_weights(master.size());
  std::vector<float> diff_bias(product.bias_elements());
  product.backward_weights(src.data(), diff_dst.data(), diff_weights.data(), diff_bias.data(),
                           scratch.data());
  product.unpack(diff_weights.data(), back);
  run.gradients.weights.assign(back.begin(), back.end());
  std::vector<float> back_bias(bias.size());
  product.unpack_bias(diff_bias.data(), back_bias);
  run.gradients.bias.assign(back_bias.begin(), back_bias.end());
  // Padding weights would grow if their gradient were not zero.
  std::vector<float> again(master.size());
  product.pack(back, again.data());
  EXPECT_EQ(diff_weights, again) << "the gradient of padding weights is not zero";
  std::vector<float> again_bias(diff_bias.size());
  product.pack_bias(back_bias, again_bias.data());
  EXPECT_EQ(diff_bias, again_bias) << "the gradient of padding biases is not zero";
  if (input_gradient) {
    std::vector<T> diff_src(src.size());
    product.backward_data(diff_dst.data(), w, nullptr, diff_src.data(), scratch.data());
    EXPECT_TRUE(padding_is_zero(diff_src, product.src()));
    run.gradients.x = unpacked(diff_src, product.src());
    std::vector<T> masked(src.size());
    product.backward_data(diff_dst.data(), w, src.data(), masked.data(), scratch.data());
    reference::Tensor kept = run.gradients.x;
    for (std::size_t i = 0; i < kept.v.size(); ++i) kept.v[i] = x.v[i] > 0.0 ? kept.v[i] : 0.0;
    EXPECT_EQ(unpacked(masked, product.src()).v, kept.v) << "the gradient of the ReLU before";
  }
  return run;
}

}  // namespace convoy
