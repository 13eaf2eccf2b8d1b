// oneDNN behind one interface for versions 2 (operation descriptors) and 3 (without them): all that differs
// between the two is in onednn.cpp.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>
#include <string>

#include "kernels/element.h"
#include "kernels/tensor_shape.h"

namespace convoy::cpu {

// Strides and padding of a convolution.
struct OnednnWindow {
  dnnl::memory::dims strides;
  dnnl::memory::dims pad_begin;
  dnnl::memory::dims pad_end;
};

// Layouts of the operands of one pass: src, weights, bias and dst, or their gradients.
struct OnednnOperands {
  dnnl::memory::desc src;
  dnnl::memory::desc weights;
  dnnl::memory::desc bias;
  dnnl::memory::desc dst;
};

// A compiled pass.
struct OnednnPass {
  dnnl::primitive primitive;
  OnednnOperands layout;  // as chosen if it was left to oneDNN
  dnnl::memory::desc scratchpad;
  std::string implementation;  // "jit:avx512_core"
};

// Compiles a pass of a convolution, or of an inner product if window is nullptr; the caller provides the
// scratchpad. `hint`: operands of a forward pass of the same shape. Throws dnnl::error if oneDNN has no
// implementation for these layouts.
[[nodiscard]] OnednnPass onednn_forward(const dnnl::engine& engine, const OnednnWindow* window,
                                        const OnednnOperands& operands, bool train, bool relu);
[[nodiscard]] OnednnPass onednn_backward_weights(const dnnl::engine& engine, const OnednnWindow* window,
                                                 const OnednnOperands& operands, const OnednnOperands& hint);
[[nodiscard]] OnednnPass onednn_backward_data(const dnnl::engine& engine, const OnednnWindow* window,
                                              const OnednnOperands& operands, const OnednnOperands& hint);

// Compiles products of matrices c = a b, or c += a b; all are [batch][rows][columns]. In the pass's layout a,
// b and c are src, weights and dst.
[[nodiscard]] OnednnPass onednn_matmul(const dnnl::engine& engine, const dnnl::memory::desc& a,
                                       const dnnl::memory::desc& b, const dnnl::memory::desc& c,
                                       bool accumulate);

// Whether oneDNN computes in bf16 on this processor, forward and backward: it needs AVX-512.
[[nodiscard]] bool onednn_has_bf16();
// Whether the processor has instructions for products of bf16 tiles (AMX), which are many times faster than
// those for vectors.
[[nodiscard]] bool onednn_multiplies_bf16_tiles();

[[nodiscard]] dnnl::memory::data_type onednn_type(Element element);
// The layout of activations.
[[nodiscard]] dnnl::memory::desc onednn_layout(const TensorShape& shape, dnnl::memory::data_type type);
// The same shape and type, with the layout left to oneDNN.
[[nodiscard]] dnnl::memory::desc onednn_any(const dnnl::memory::desc& layout);

}  // namespace convoy::cpu
