// A layer of a net compiled for the CPU.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "formats/net.h"
#include "kernels/bf16.h"
#include "kernels/product.h"
#include "kernels/tensor_shape.h"
#include "lib/nn/compiled_net.h"
#include "lib/nn/cpu_buffer.h"
#include "lib/nn/layer_plan.h"

namespace convoy {

// What a pass over the net is for.
struct CpuPass {
  const BatchView& batch;
  bool training = false;  // dropout on, and what backward needs is kept
  void* scratch = nullptr;
};

// The weights and bias of a conv or fc layer, each with momentum and gradient, and the product that uses
// them.
struct CpuParameters {
  std::unique_ptr<cpu::Product> product;
  CpuBuffer master, momentum, gradient;  // in the product's layout
  CpuBuffer bias, bias_momentum, bias_gradient;
  CpuBuffer forward_copy, backward_copy;  // empty where the product reads the master
  [[nodiscard]] cpu::ProductWeights weights() const;
};

// One step of the plan: a layer, perhaps with a ReLU that follows it. x and y are its input and output, dx
// and dy the gradients of the loss; the plan owns them.
//
// A ReLU has no backward pass of its own: dy is the gradient of the sum before the ReLU, and the layer that
// reads a ReLU's output sets dx to zero where x is not positive (relu_input).
class CpuLayer {
 public:
  CpuLayer() = default;
  CpuLayer(const CpuLayer&) = delete;
  CpuLayer& operator=(const CpuLayer&) = delete;
  CpuLayer(CpuLayer&&) = delete;
  CpuLayer& operator=(CpuLayer&&) = delete;
  virtual ~CpuLayer() = default;

  [[nodiscard]] virtual TensorShape in() const = 0;
  [[nodiscard]] virtual TensorShape out() const = 0;
  [[nodiscard]] virtual bool f32_output() const { return false; }
  // Whether y may be x (and whether the layer then still finds what its own backward pass reads).
  [[nodiscard]] virtual bool in_place() const { return false; }
  // Whether dx may be dy.
  [[nodiscard]] virtual bool gradient_in_place() const { return in_place(); }
  [[nodiscard]] virtual bool backward_reads_input() const = 0;
  [[nodiscard]] virtual bool backward_reads_output() const { return false; }
  [[nodiscard]] virtual std::size_t scratch_bytes() const { return 0; }
  [[nodiscard]] virtual CpuParameters* parameters() { return nullptr; }
  [[nodiscard]] virtual std::vector<std::string> describe() const = 0;

  virtual void forward(const CpuPass& pass, const void* x, void* y) = 0;
  // dx is nullptr where no layer before has parameters.
  virtual void backward(const CpuPass& pass, const void* x, const void* y, const void* dy, void* dx) = 0;
};

// `first` and `second` as one layer, where they are lrn and maxpool and the CPU has one pass for them; else
// nullptr.
[[nodiscard]] std::unique_ptr<CpuLayer> make_cpu_lrn_pool(const LayerSpec& first, const LayerSpec& second,
                                                          const LayerOptions& options);
// The layer; kind is not softmax.
[[nodiscard]] std::unique_ptr<CpuLayer> make_cpu_layer(const LayerSpec& spec, const LayerOptions& options);

}  // namespace convoy
