// A layer of a net compiled for the CPU.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "formats/net.h"
#include "kernels/product.h"
#include "lib/net/compiled_net.h"
#include "lib/net/cpu/buffer.h"
#include "lib/net/layer.h"

namespace convoy {

// What a pass over the net is for.
struct CpuPass {
  const BatchView& batch;
  bool training = false;  // dropout is on, and what the backward pass needs is kept
  void* scratch = nullptr;
  bool learns = true;  // the layer's parameters learn: the backward pass computes their gradients
};

// A layer's weights and bias, each with momentum and gradient, and the product that uses them.
struct CpuParameters {
  std::unique_ptr<cpu::Product> product;
  CpuBuffer master, momentum, gradient;  // in the product's layout
  CpuBuffer bias, bias_momentum, bias_gradient;
  std::vector<CpuBuffer> sums, bias_sums;  // of the gradients of a batch's earlier parts
  CpuBuffer forward_copy, backward_copy;   // empty if the product reads the master
  [[nodiscard]] cpu::ProductWeights weights() const;
};

class CpuLayer : public Layer {
 public:
  using Layer::Layer;
  // A line for each pass, for layers without a product; the others override this.
  [[nodiscard]] std::vector<std::string> describe() const override;
  [[nodiscard]] virtual CpuParameters* parameters() { return nullptr; }
  // Takes the memory that the layer keeps. Called twice (see CpuArena), the second time before the first
  // pass.
  virtual void place(CpuArena& /*arena*/) {}

  virtual void forward(const CpuPass& pass, const void* x, void* y) = 0;
  // dx is nullptr if no earlier layer learns.
  virtual void backward(const CpuPass& pass, const void* x, const void* y, const void* dy, void* dx) = 0;

 protected:
  [[nodiscard]] std::string describe_pass(const std::string& pass) const;
};

// lrn and maxpool as one layer; nullptr if the layers are not these two, or if the CPU has no pass for both.
[[nodiscard]] std::unique_ptr<CpuLayer> make_cpu_lrn_pool(const LayerSpec& first, const LayerSpec& second,
                                                          const LayerOptions& options);
// The layer; nullptr for softmax.
[[nodiscard]] std::unique_ptr<CpuLayer> make_cpu_layer(const LayerSpec& spec, const LayerOptions& options);

}  // namespace convoy
