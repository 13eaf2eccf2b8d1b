#include "lib/nn/cuda_plan.h"

#include <algorithm>

#include "lib/base/error.h"

namespace convoy {
namespace {

bool is_product(const LayerKind& kind) {
  return std::holds_alternative<ConvSpec>(kind) || std::holds_alternative<FcSpec>(kind);
}
bool fuses_relu_on_gpu(const LayerKind& kind) {
  return is_product(kind) || std::holds_alternative<PoolSpec>(kind);
}

}  // namespace

CudaPlan::CudaPlan(const NetSpec& net, const CompileOptions& options, std::uint64_t shared_bytes)
    : element_(options.precision == Precision::bf16 ? Element::bf16 : Element::f32),
      train_(options.mode == Mode::train) {
  const std::vector<ParameterInfo> parameters = parameters_of(net);
  CudaLayerOptions o;
  o.train = train_;
  o.element = element_;
  o.seed = options.seed;
  o.shared_bytes = shared_bytes;
  const Extent& crop = net.input.crop;
  o.in = {options.batch, crop.channels, crop.height, crop.width, cuda_channels(crop.channels)};
  const std::size_t layers = net.layers.size() - 1;
  const auto relu_at = [&](std::size_t i) {
    return i < layers && std::holds_alternative<ReluSpec>(net.layers[i].kind);
  };
  for (std::size_t i = 0; i < layers; ++i) {
    const LayerSpec& spec = net.layers[i];
    CudaPlannedLayer planned;
    planned.name = spec.name;
    std::size_t last = i;
    o.first = i == 0;
    const bool product = is_product(spec.kind);
    if (i + 1 < layers) {
      o.relu = relu_at(i + 2);
      planned.layer = make_cuda_lrn_pool(spec, net.layers[i + 1], o);
      if (planned.layer != nullptr) last = o.relu ? i + 2 : i + 1;
    }
    if (planned.layer == nullptr) {
      o.relu = fuses_relu_on_gpu(spec.kind) && relu_at(i + 1);
      last = o.relu ? i + 1 : i;
      o.scores = product && last + 1 == layers && !o.relu;
      planned.layer = make_cuda_layer(spec, o);
    }
    for (std::size_t joined = i + 1; joined <= last; ++joined) planned.name += "+" + net.layers[joined].name;
    planned.backward = train_ && (o.input_gradient || product);
    planned.parameter = layer_of_parameter_.size();
    while (layer_of_parameter_.size() < parameters.size() &&
           parameters[layer_of_parameter_.size()].layer == i) {
      layer_of_parameter_.push_back(layers_.size());
    }
    if (std::holds_alternative<DropoutSpec>(spec.kind)) ++o.dropout_layer;
    o.input_gradient = o.input_gradient || product;
    o.relu_input = o.relu || std::holds_alternative<ReluSpec>(spec.kind);
    o.in = planned.layer->out();
    layers_.push_back(std::move(planned));
    i = last;
  }
  relu_scores_ = o.relu_input;
  augment_ = {net.input.stored.height, net.input.stored.width, layers_.front().layer->in()};
  cells_ = layers_.front().layer->cells().value_or(cuda::SpaceToDepth{1, 0, 0, crop.height, crop.width});
}

std::uint64_t CudaPlan::value_bytes(const TensorShape& shape, bool f32) const {
  return static_cast<std::uint64_t>(shape.elements()) * (f32 ? sizeof(float) : element_bytes(element_));
}

void CudaPlan::place(CudaArena& arena) {
  std::uint64_t scratch = 0;
  for (CudaPlannedLayer& p : layers_) {
    p.layer->place(arena);
    scratch = std::max(scratch, p.layer->scratch_bytes());
  }
  scratch_ = arena.take<std::byte>(static_cast<std::int64_t>(scratch));
  place_activations(arena);
  place_gradients();
}

// What a layer reads; value i is layer i's input, the last one the scores. A layer that works in place goes
// on with the value that it reads.
struct CudaPlan::Value {
  std::uint64_t bytes = 0;
  bool kept = false;  // for the backward pass
  void* data = nullptr;
};

void CudaPlan::place_activations(CudaArena& arena) {
  std::vector<Value> values{{value_bytes(layers_.front().layer->in(), false), false, nullptr}};
  std::vector<std::size_t> input_of;  // layer -> value
  std::vector<std::size_t> output_of;
  std::uint64_t gradient_bytes = 0;
  bool output_read = false;  // by the backward pass of the layer that made the value
  for (const CudaPlannedLayer& p : layers_) {
    Value& in = values.back();
    in.kept = in.kept || (p.backward && p.layer->backward_reads_input());
    input_of.push_back(values.size() - 1);
    if (!p.layer->in_place() || (train_ && output_read)) {
      values.push_back({value_bytes(p.layer->out(), p.layer->f32_output()), false, nullptr});
    }
    output_read = p.backward && p.layer->backward_reads_output();
    values.back().kept = values.back().kept || output_read;
    output_of.push_back(values.size() - 1);
    if (p.backward) gradient_bytes = std::max(gradient_bytes, value_bytes(p.layer->out(), false));
  }
  values.back().kept = true;  // the scores, until the loss is known

  std::array<std::uint64_t, 2> shared_bytes{gradient_bytes, gradient_bytes};
  std::size_t turn = 0;
  for (const Value& value : values) {
    if (value.kept) continue;
    shared_bytes[turn % 2] = std::max(shared_bytes[turn % 2], value.bytes);
    ++turn;
  }
  for (std::size_t i = 0; i < 2; ++i) {
    shared_[i] = arena.take<std::byte>(static_cast<std::int64_t>(shared_bytes[i]));
  }
  turn = 0;
  for (Value& value : values) {
    value.data =
        value.kept ? arena.take<std::byte>(static_cast<std::int64_t>(value.bytes)) : shared_[turn++ % 2];
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].x = values[input_of[i]].data;
    layers_[i].y = values[output_of[i]].data;
  }
}

void CudaPlan::place_gradients() {
  std::size_t side = 0;
  for (std::size_t i = layers_.size(); i-- > 0;) {
    CudaPlannedLayer& p = layers_[i];
    if (!p.backward) break;
    p.dy = shared_[side];
    if (i == 0 || !layers_[i - 1].backward) continue;
    if (!p.layer->gradient_in_place()) side = 1 - side;
    p.dx = shared_[side];
  }
}

void CudaPlan::prepare(const cuda::Stream& stream) {
  const bool products =
      std::ranges::any_of(layers_, [](const CudaPlannedLayer& p) { return p.layer->needs_gemm(); });
  if (products) gemm_ = std::make_unique<cuda::GemmContext>();
  for (CudaPlannedLayer& p : layers_) p.layer->prepare(gemm_.get(), stream);
}

}  // namespace convoy
