#include "kernels/onednn.h"

#include <oneapi/dnnl/dnnl_version.h>

#include <tuple>

namespace convoy::cpu {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;

// Makes the primitive descriptor of a Primitive. The arguments of the operation go into the operation's
// descriptor in version 2, and into the primitive descriptor itself in version 3. `hint` is an empty tuple,
// or one with the forward pass's primitive descriptor.
#if DNNL_VERSION_MAJOR >= 3
template <typename Primitive, typename... Hint, typename... Args>
typename Primitive::primitive_desc make_pd(const dnnl::engine& engine, const dnnl::primitive_attr& attributes,
                                           const std::tuple<Hint...>& hint, const Args&... args) {
  return std::apply(
      [&](const auto&... forward) {
        return typename Primitive::primitive_desc(engine, args..., forward..., attributes);
      },
      hint);
}
void append_relu(dnnl::post_ops& operations) {
  operations.append_eltwise(algorithm::eltwise_relu, 0.0F, 0.0F);
}
memory::data_type type_of(const memory::desc& layout) { return layout.get_data_type(); }
memory::dims dims_of(const memory::desc& layout) { return layout.get_dims(); }
#else
template <typename Primitive, typename... Hint, typename... Args>
typename Primitive::primitive_desc make_pd(const dnnl::engine& engine, const dnnl::primitive_attr& attributes,
                                           const std::tuple<Hint...>& hint, const Args&... args) {
  return std::apply(
      [&](const auto&... forward) {
        return typename Primitive::primitive_desc(typename Primitive::desc(args...), attributes, engine,
                                                  forward...);
      },
      hint);
}
void append_relu(dnnl::post_ops& operations) {
  operations.append_eltwise(1.0F, algorithm::eltwise_relu, 0.0F, 0.0F);
}
memory::data_type type_of(const memory::desc& layout) { return layout.data_type(); }
memory::dims dims_of(const memory::desc& layout) { return layout.dims(); }
#endif

dnnl::primitive_attr attributes_with(bool relu) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (relu) {
    dnnl::post_ops operations;
    append_relu(operations);
    attributes.set_post_ops(operations);
  }
  return attributes;
}

prop_kind kind_of(bool train) { return train ? prop_kind::forward_training : prop_kind::forward_inference; }

dnnl::convolution_forward::primitive_desc conv_pd(const dnnl::engine& engine, const OnednnWindow& w,
                                                  const OnednnOperands& o, bool train, bool relu) {
  return make_pd<dnnl::convolution_forward>(engine, attributes_with(relu), std::tuple<>(), kind_of(train),
                                            algorithm::convolution_direct, o.src, o.weights, o.bias, o.dst,
                                            w.strides, w.pad_begin, w.pad_end);
}

dnnl::inner_product_forward::primitive_desc fc_pd(const dnnl::engine& engine, const OnednnOperands& o,
                                                  bool train, bool relu) {
  return make_pd<dnnl::inner_product_forward>(engine, attributes_with(relu), std::tuple<>(), kind_of(train),
                                              o.src, o.weights, o.bias, o.dst);
}

template <typename Primitive, typename Pd>
OnednnPass pass_of(const Pd& pd, const OnednnOperands& layout) {
  return {Primitive(pd), layout, pd.scratchpad_desc(), pd.impl_info_str()};
}

}  // namespace

OnednnPass onednn_forward(const dnnl::engine& engine, const OnednnWindow* window,
                          const OnednnOperands& operands, bool train, bool relu) {
  const auto pass = [&]<typename Primitive>(const auto& pd, Primitive* /*kind*/) {
    return pass_of<Primitive>(pd, {pd.src_desc(), pd.weights_desc(), pd.bias_desc(), pd.dst_desc()});
  };
  if (window == nullptr) {
    return pass(fc_pd(engine, operands, train, relu), static_cast<dnnl::inner_product_forward*>(nullptr));
  }
  return pass(conv_pd(engine, *window, operands, train, relu),
              static_cast<dnnl::convolution_forward*>(nullptr));
}

OnednnPass onednn_backward_weights(const dnnl::engine& engine, const OnednnWindow* window,
                                   const OnednnOperands& operands, const OnednnOperands& hint) {
  const auto pass = [&]<typename Primitive>(const auto& pd, Primitive* /*kind*/) {
    return pass_of<Primitive>(
        pd, {pd.src_desc(), pd.diff_weights_desc(), pd.diff_bias_desc(), pd.diff_dst_desc()});
  };
  const dnnl::primitive_attr attributes = attributes_with(false);
  const OnednnOperands& o = operands;
  if (window == nullptr) {
    using Primitive = dnnl::inner_product_backward_weights;
    const auto forward = fc_pd(engine, hint, true, false);
    return pass(
        make_pd<Primitive>(engine, attributes, std::make_tuple(forward), o.src, o.weights, o.bias, o.dst),
        static_cast<Primitive*>(nullptr));
  }
  using Primitive = dnnl::convolution_backward_weights;
  const auto forward = conv_pd(engine, *window, hint, true, false);
  return pass(
      make_pd<Primitive>(engine, attributes, std::make_tuple(forward), algorithm::convolution_direct, o.src,
                         o.weights, o.bias, o.dst, window->strides, window->pad_begin, window->pad_end),
      static_cast<Primitive*>(nullptr));
}

OnednnPass onednn_backward_data(const dnnl::engine& engine, const OnednnWindow* window,
                                const OnednnOperands& operands, const OnednnOperands& hint) {
  const auto pass = [&]<typename Primitive>(const auto& pd, Primitive* /*kind*/) {
    return pass_of<Primitive>(pd, {pd.diff_src_desc(), pd.weights_desc(), {}, pd.diff_dst_desc()});
  };
  const dnnl::primitive_attr attributes = attributes_with(false);
  const OnednnOperands& o = operands;
  if (window == nullptr) {
    using Primitive = dnnl::inner_product_backward_data;
    const auto forward = fc_pd(engine, hint, true, false);
    return pass(make_pd<Primitive>(engine, attributes, std::make_tuple(forward), o.src, o.weights, o.dst),
                static_cast<Primitive*>(nullptr));
  }
  using Primitive = dnnl::convolution_backward_data;
  const auto forward = conv_pd(engine, *window, hint, true, false);
  return pass(
      make_pd<Primitive>(engine, attributes, std::make_tuple(forward), algorithm::convolution_direct, o.src,
                         o.weights, o.dst, window->strides, window->pad_begin, window->pad_end),
      static_cast<Primitive*>(nullptr));
}

OnednnPass onednn_matmul(const dnnl::engine& engine, const memory::desc& a, const memory::desc& b,
                         const memory::desc& c, bool accumulate) {
  dnnl::primitive_attr attributes = attributes_with(false);
  if (accumulate) {
    dnnl::post_ops operations;
    operations.append_sum(1.0F);
    attributes.set_post_ops(operations);
  }
  const auto pd = make_pd<dnnl::matmul>(engine, attributes, std::tuple<>(), a, b, c);
  return pass_of<dnnl::matmul>(pd, {a, b, {}, c});
}

namespace {

// Instruction sets are numbered so that each includes the bits of those below it; AMX has the highest bits.
bool has_isa(dnnl::cpu_isa wanted) {
  const auto bits = static_cast<unsigned>(wanted);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & bits) == bits;
}

}  // namespace

bool onednn_has_bf16() { return has_isa(dnnl::cpu_isa::avx512_core); }
bool onednn_multiplies_bf16_tiles() { return has_isa(dnnl::cpu_isa::avx512_core_amx); }

memory::data_type onednn_type(Element element) {
  return element == Element::f32 ? memory::data_type::f32 : memory::data_type::bf16;
}

memory::desc onednn_layout(const TensorShape& shape, memory::data_type type) {
  using tag = memory::format_tag;
  const memory::dims dims{shape.images, shape.channels, shape.height, shape.width};
  switch (shape.block) {
    case 1:
      return {dims, type, tag::nchw};
    case 4:
      return {dims, type, tag::nChw4c};
    case 8:
      return {dims, type, tag::nChw8c};
    case 16:
      return {dims, type, tag::nChw16c};
    default:  // block == channels
      return {dims, type, tag::nhwc};
  }
}

memory::desc onednn_any(const memory::desc& layout) {
  return {dims_of(layout), type_of(layout), memory::format_tag::any};
}

}  // namespace convoy::cpu
