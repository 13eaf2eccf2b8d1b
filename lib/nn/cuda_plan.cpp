#include "lib/nn/cuda_plan.h"

#include <algorithm>

#include "lib/nn/activation_plan.h"

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
    : element_(options.precision == Precision::bf16 ? Element::bf16 : Element::f32) {
  const std::vector<ParameterInfo> parameters = parameters_of(net);
  CudaLayerOptions o;
  o.train = options.mode == Mode::train;
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
    planned.backward = o.train && (o.input_gradient || product);
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

void CudaPlan::place(CudaArena& arena) {
  std::uint64_t scratch = 0;
  for (CudaPlannedLayer& p : layers_) {
    p.layer->place(arena);
    scratch = std::max(scratch, p.layer->scratch_bytes());
  }
  scratch_ = arena.take<std::byte>(static_cast<std::int64_t>(scratch));
  const ActivationPlan plan = plan_activations_of(layers_, element_);
  std::vector<void*> places;
  for (const std::uint64_t bytes : plan.buffers) {
    places.push_back(arena.take<std::byte>(static_cast<std::int64_t>(bytes)));
  }
  bind_activations(plan, places, layers_);
}

void CudaPlan::prepare(const cuda::Stream& stream) {
  const bool products =
      std::ranges::any_of(layers_, [](const CudaPlannedLayer& p) { return p.layer->needs_gemm(); });
  if (products) gemm_ = std::make_unique<cuda::GemmContext>();
  for (CudaPlannedLayer& p : layers_) p.layer->prepare(gemm_.get(), stream);
}

}  // namespace convoy
