#include "kernels/onednn_product.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <type_traits>
#include <unordered_map>

#include "kernels/relu.h"
#include "lib/base/error.h"

namespace convoy::cpu {
namespace {

using dnnl::memory;
using tag = dnnl::memory::format_tag;

// How slow an implementation is, judged by its name: reference loops are unusable (fc6 took 47 s); GEMM over
// unfolded images costs memory and time.
int slowness(std::string_view implementation) {
  if (implementation.find("ref") != std::string_view::npos) return 2;
  return implementation.find("gemm") != std::string_view::npos &&
                 implementation.find("brgemm") == std::string_view::npos
             ? 1
             : 0;
}

// Compiles the candidates, which come in order of preference, and returns the first of the fastest passes.
template <typename Compile>
OnednnPass best_pass(std::span<const OnednnOperands> candidates, std::string_view what, Compile&& compile) {
  std::optional<OnednnPass> best;
  for (const OnednnOperands& operands : candidates) {
    try {
      OnednnPass pass = compile(operands);
      if (!best || slowness(pass.implementation) < slowness(best->implementation)) best = std::move(pass);
      if (slowness(best->implementation) == 0) break;
    } catch (const dnnl::error& error) {
      if (error.status != dnnl_unimplemented && error.status != dnnl_invalid_arguments) throw;
    }
  }
  if (!best) throw Error(what, "oneDNN has no implementation for this shape");
  return std::move(*best);
}

// Parts of scratch memory are aligned for vectors.
constexpr std::size_t kScratchAlignment = 64;
std::size_t aligned(std::size_t bytes) {
  return (bytes + kScratchAlignment - 1) / kScratchAlignment * kScratchAlignment;
}

// One operand of a pass: a memory object that points at the caller's buffer and, if the layouts differ, a
// second one that points at scratch memory, and a reorder between the two.
class Operand {
 public:
  Operand() = default;
  // actual: the layout of the caller's buffer.
  Operand(const dnnl::engine& engine, const memory::desc& actual, const memory::desc& wanted, bool output)
      : outside_(actual, engine, nullptr), reordered_(actual != wanted) {
    if (!reordered_) return;
    inside_ = memory(wanted, engine, nullptr);
    scratch_bytes_ = aligned(wanted.get_size());
    reorder_ = output ? dnnl::reorder(inside_, outside_) : dnnl::reorder(outside_, inside_);
  }
  [[nodiscard]] const memory& for_primitive() const { return reordered_ ? inside_ : outside_; }
  [[nodiscard]] bool reordered() const { return reordered_; }
  [[nodiscard]] std::size_t scratch_bytes() const { return scratch_bytes_; }
  // Returns the scratch memory behind its own.
  std::byte* use_scratch(std::byte* scratch) {
    if (reordered_ && inside_.get_data_handle() != scratch) inside_.set_data_handle(scratch);
    return scratch + scratch_bytes_;
  }
  void point_at(const void* data) {
    // oneDNN does not write through operands that a pass reads.
    void* const handle = const_cast<void*>(data);
    if (outside_.get_data_handle() != handle) outside_.set_data_handle(handle);
  }
  void read(dnnl::stream& stream) {
    if (reordered_) reorder_.execute(stream, outside_, inside_);
  }
  void write(dnnl::stream& stream) {
    if (reordered_) reorder_.execute(stream, inside_, outside_);
  }

 private:
  memory outside_;
  memory inside_;
  dnnl::reorder reorder_;
  std::size_t scratch_bytes_ = 0;
  bool reordered_ = false;
};

// A pass with its operands bound.
class BoundPass {
 public:
  struct Binding {
    int argument = 0;
    memory::desc actual;
    memory::desc wanted;
    bool output = false;
  };
  BoundPass() = default;
  BoundPass(const dnnl::engine& engine, const OnednnPass& pass, std::span<const Binding> bindings)
      : primitive_(pass.primitive) {
    for (const Binding& b : bindings) {
      operands_.emplace_back(engine, b.actual, b.wanted, b.output);
      outputs_.push_back(b.output);
      arguments_.emplace(b.argument, operands_.back().for_primitive());
    }
    scratchpad_ = memory(pass.scratchpad, engine, nullptr);
    scratchpad_bytes_ = aligned(pass.scratchpad.get_size());
    arguments_.emplace(DNNL_ARG_SCRATCHPAD, scratchpad_);
  }
  // buffers: one for each binding, in the order of the bindings.
  void run(dnnl::stream& stream, std::initializer_list<const void*> buffers, void* scratch) {
    std::size_t i = 0;
    for (const void* buffer : buffers) operands_[i++].point_at(buffer);
    if (scratchpad_.get_data_handle() != scratch) scratchpad_.set_data_handle(scratch);
    std::byte* rest = static_cast<std::byte*>(scratch) + scratchpad_bytes_;
    for (Operand& operand : operands_) rest = operand.use_scratch(rest);
    for (i = 0; i < operands_.size(); ++i) {
      if (!outputs_[i]) operands_[i].read(stream);
    }
    primitive_.execute(stream, arguments_);
    for (i = 0; i < operands_.size(); ++i) {
      if (outputs_[i]) operands_[i].write(stream);
    }
    stream.wait();
  }
  // Of the scratchpad and the reordered operands.
  [[nodiscard]] std::size_t scratch_bytes() const {
    std::size_t bytes = scratchpad_bytes_;
    for (const Operand& operand : operands_) bytes += operand.scratch_bytes();
    return bytes;
  }
  [[nodiscard]] int reorders() const {
    return static_cast<int>(std::count_if(operands_.begin(), operands_.end(),
                                          [](const Operand& operand) { return operand.reordered(); }));
  }

 private:
  dnnl::primitive primitive_;
  std::vector<Operand> operands_;
  std::vector<bool> outputs_;
  memory scratchpad_;
  std::size_t scratchpad_bytes_ = 0;
  std::unordered_map<int, memory> arguments_;
};

tag plain_tag(std::size_t dims) {
  constexpr std::array kTags{tag::ab, tag::abc, tag::abcd, tag::abcde};
  return kTags.at(dims - 2);
}

class OnednnProduct final : public Product {
 public:
  OnednnProduct(const OnednnProblem& problem, const ProductOptions& options)
      : engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_),
        element_(options.element),
        src_(problem.src),
        dst_(problem.dst) {
    canonical_ =
        memory::desc(problem.weights_dims, memory::data_type::f32, plain_tag(problem.weights_dims.size()));
    compile_forward(problem, options);
    if (options.train) {
      compile_backward_weights(problem, options);
      if (options.input_gradient) compile_backward_data(problem, options);
    } else {
      master_ = options.element == Element::f32 ? forward_weights_ : canonical_;
    }
    if (master_ != forward_weights_) to_forward_ = reorder_between(master_, forward_weights_);
    if (has_backward_data_ && backward_weights_layout_ != forward_weights_) {
      to_backward_ = reorder_between(master_, backward_weights_layout_);
    }
  }

  [[nodiscard]] const TensorShape& src() const override { return src_; }
  [[nodiscard]] const TensorShape& dst() const override { return dst_; }
  [[nodiscard]] std::size_t master_elements() const override { return master_.get_size() / sizeof(float); }
  [[nodiscard]] std::size_t forward_bytes() const override {
    return to_forward_ ? forward_weights_.get_size() : 0;
  }
  [[nodiscard]] std::size_t backward_bytes() const override {
    return to_backward_ ? backward_weights_layout_.get_size() : 0;
  }
  [[nodiscard]] std::size_t bias_elements() const override { return static_cast<std::size_t>(dst_.channels); }
  [[nodiscard]] std::size_t scratch_bytes() const override { return scratch_bytes_; }
  [[nodiscard]] int activation_reorders() const override {
    return forward_.reorders() + backward_weights_.reorders() + backward_data_.reorders();
  }
  [[nodiscard]] std::vector<std::string> describe() const override { return lines_; }

  void pack(std::span<const float> canonical, float* master) const override {
    if (is_permuted()) {
      const std::vector<float> permuted = permute(canonical);
      reorder_weights(canonical_, permuted.data(), master_, master);
    } else {
      reorder_weights(canonical_, canonical.data(), master_, master);
    }
  }
  void unpack(const float* master, std::span<float> canonical) const override {
    if (is_permuted()) {
      std::vector<float> permuted(canonical_.get_size() / sizeof(float));
      reorder_weights(master_, master, canonical_, permuted.data());
      unpermute(permuted, canonical);
    } else {
      reorder_weights(master_, master, canonical_, canonical.data());
    }
  }
  void refresh(const ProductWeights& weights) override {
    if (to_forward_) to_forward_->run(stream_, weights.master, weights.forward);
    if (to_backward_) to_backward_->run(stream_, weights.master, weights.backward);
  }

  void forward(const void* src, const ProductWeights& weights, void* dst, void* scratch) override {
    forward_.run(stream_, {src, weights.forward, weights.bias, dst}, scratch);
  }
  void backward_weights(const void* src, const void* diff_dst, float* diff_weights, float* diff_bias,
                        void* scratch) override {
    backward_weights_.run(stream_, {src, diff_dst, diff_weights, diff_bias}, scratch);
  }
  void backward_data(const void* diff_dst, const ProductWeights& weights, const void* relu_output,
                     void* diff_src, void* scratch) override {
    backward_data_.run(stream_, {diff_dst, weights.backward, diff_src}, scratch);
    if (relu_output == nullptr) return;
    const auto mask = [&](auto* gradient) {
      relu_backward(src_.elements(),
                    static_cast<const std::remove_pointer_t<decltype(gradient)>*>(relu_output), gradient,
                    gradient);
    };
    if (element_ == Element::f32) {
      mask(static_cast<float*>(diff_src));
    } else {
      mask(static_cast<Bf16*>(diff_src));
    }
  }

 private:
  // A copy of the weights in another layout or type.
  class WeightCopy {
   public:
    WeightCopy(const dnnl::engine& engine, const memory::desc& from, const memory::desc& to)
        : from_(from, engine, nullptr), to_(to, engine, nullptr), reorder_(from_, to_) {}
    void run(dnnl::stream& stream, const float* from, void* to) {
      from_.set_data_handle(const_cast<float*>(from));  // only read
      to_.set_data_handle(to);
      reorder_.execute(stream, from_, to_);
      stream.wait();
    }

   private:
    memory from_;
    memory to_;
    dnnl::reorder reorder_;
  };

  [[nodiscard]] std::optional<WeightCopy> reorder_between(const memory::desc& from,
                                                          const memory::desc& to) const {
    return std::optional<WeightCopy>(std::in_place, engine_, from, to);
  }
  void reorder_weights(const memory::desc& from_layout, const float* from, const memory::desc& to_layout,
                       float* to) const {
    dnnl::stream stream(engine_);
    WeightCopy(engine_, from_layout, to_layout).run(stream, from, to);
  }

  // Whether an inner product's inputs lie in another order than the canonical one.
  [[nodiscard]] bool is_permuted() const { return flat_ && !src_.is_chw(); }
  // Calls body(canonical index, index in memory) for the inputs of one output.
  template <typename Body>
  void for_each_input(Body&& body) const {
    std::size_t index = 0;
    for (int c = 0; c < src_.channels; ++c) {
      for (int h = 0; h < src_.height; ++h) {
        for (int w = 0; w < src_.width; ++w) {
          body(index++, static_cast<std::size_t>(src_.offset_in_image(c, h, w)));
        }
      }
    }
  }
  [[nodiscard]] std::vector<float> permute(std::span<const float> canonical) const {
    const auto outputs = static_cast<std::size_t>(dst_.channels);
    const std::size_t inputs = canonical.size() / outputs;
    const auto stored_inputs = static_cast<std::size_t>(src_.image_elements());
    std::vector<float> permuted(outputs * stored_inputs);
    for (std::size_t o = 0; o < outputs; ++o) {
      for_each_input([&](std::size_t from, std::size_t to) {
        permuted[o * stored_inputs + to] = canonical[o * inputs + from];
      });
    }
    return permuted;
  }
  void unpermute(std::span<const float> permuted, std::span<float> canonical) const {
    const auto outputs = static_cast<std::size_t>(dst_.channels);
    const std::size_t inputs = canonical.size() / outputs;
    const auto stored_inputs = static_cast<std::size_t>(src_.image_elements());
    for (std::size_t o = 0; o < outputs; ++o) {
      for_each_input([&](std::size_t to, std::size_t from) {
        canonical[o * inputs + to] = permuted[o * stored_inputs + from];
      });
    }
  }

  // The layout of activations as oneDNN sees them.
  [[nodiscard]] memory::desc layout(const TensorShape& shape, const memory::dims& dims,
                                    memory::data_type type) const {
    return flat_ ? memory::desc(dims, type, tag::nc) : onednn_layout(shape, type);
  }
  // Sets the shape's block to that of the layout; false if the layout has no block.
  [[nodiscard]] bool adopt(TensorShape& shape, const memory::desc& chosen, const memory::dims& dims,
                           memory::data_type type) const {
    if (flat_) {
      shape.block = shape.channels;
      return true;
    }
    for (const int block : {16, 8, 4, 1, shape.channels}) {
      TensorShape candidate = shape;
      candidate.block = block;
      if (layout(candidate, dims, type) == chosen) {
        shape = candidate;
        return true;
      }
    }
    return false;
  }

  void compile_forward(const OnednnProblem& problem, const ProductOptions& options) {
    flat_ = !problem.window;
    const auto type = onednn_type(options.element);
    const auto dst_type = options.f32_output ? memory::data_type::f32 : type;
    const memory::desc any_src(problem.src_dims, type, flat_ ? tag::nc : tag::any);
    const memory::desc any_dst(problem.dst_dims, dst_type, flat_ ? tag::nc : tag::any);
    const memory::desc weights(problem.weights_dims, type, tag::any);
    const memory::desc bias({problem.dst_dims[1]}, memory::data_type::f32, tag::x);
    hint_ = {any_src, weights, bias, any_dst};
    TensorShape plain_dst = dst_;
    plain_dst.block = 1;
    const memory::desc fixed_src = layout(src_, problem.src_dims, type);
    const memory::desc fixed_dst = layout(plain_dst, problem.dst_dims, dst_type);
    std::vector<OnednnOperands> candidates;
    if (problem.src_given) candidates.push_back({fixed_src, weights, bias, any_dst});
    candidates.push_back(hint_);
    if (problem.src_given) candidates.push_back({fixed_src, weights, bias, fixed_dst});
    // Inference is compiled like training, except for bf16 on processors that multiply bf16 tiles: Winograd's
    // convolutions read the layouts of training, blocks of 16 channels, but left to itself oneDNN chooses
    // channels last for inference.
    const bool train = options.train || options.element == Element::f32 || !onednn_multiplies_bf16_tiles();
    const auto compile = [&](const OnednnOperands& operands) {
      return onednn_forward(engine_, window_of(problem), operands, train, options.relu);
    };
    OnednnPass pass = best_pass(candidates, "forward", compile);
    if (!problem.src_given && !adopt(src_, pass.layout.src, problem.src_dims, type)) src_.block = 1;
    if (!adopt(dst_, pass.layout.dst, problem.dst_dims, dst_type)) dst_.block = 1;
    src_layout_ = layout(src_, problem.src_dims, type);
    dst_layout_ = layout(dst_, problem.dst_dims, dst_type);
    diff_dst_layout_ = layout(dst_, problem.dst_dims, type);
    forward_weights_ = pass.layout.weights;
    const std::array<BoundPass::Binding, 4> bindings{
        {{DNNL_ARG_SRC, src_layout_, pass.layout.src, false},
         {DNNL_ARG_WEIGHTS, forward_weights_, forward_weights_, false},
         {DNNL_ARG_BIAS, bias, bias, false},
         {DNNL_ARG_DST, dst_layout_, pass.layout.dst, true}}};
    forward_ = BoundPass(engine_, pass, bindings);
    note("forward", pass, forward_);
  }

  void compile_backward_weights(const OnednnProblem& problem, const ProductOptions& options) {
    const memory::desc bias = hint_.bias;
    const memory::desc any_weights(problem.weights_dims, memory::data_type::f32, tag::any);
    std::vector<OnednnOperands> candidates;
    if (options.element == Element::f32) {
      candidates.push_back({src_layout_, forward_weights_, bias, diff_dst_layout_});
    }
    candidates.push_back({src_layout_, any_weights, bias, diff_dst_layout_});
    candidates.push_back({onednn_any(src_layout_), any_weights, bias, onednn_any(diff_dst_layout_)});
    const OnednnPass pass = best_pass(candidates, "weight gradient", [&](const OnednnOperands& operands) {
      return onednn_backward_weights(engine_, window_of(problem), operands, hint_);
    });
    master_ = pass.layout.weights;
    const std::array<BoundPass::Binding, 4> bindings{
        {{DNNL_ARG_SRC, src_layout_, pass.layout.src, false},
         {DNNL_ARG_DIFF_DST, diff_dst_layout_, pass.layout.dst, false},
         {DNNL_ARG_DIFF_WEIGHTS, master_, master_, true},
         {DNNL_ARG_DIFF_BIAS, bias, bias, true}}};
    backward_weights_ = BoundPass(engine_, pass, bindings);
    note("backward_weights", pass, backward_weights_);
  }

  void compile_backward_data(const OnednnProblem& problem, const ProductOptions& options) {
    const memory::desc any_weights(problem.weights_dims, onednn_type(options.element), tag::any);
    const std::array<OnednnOperands, 3> candidates{
        {{src_layout_, forward_weights_, {}, diff_dst_layout_},
         {src_layout_, any_weights, {}, diff_dst_layout_},
         {onednn_any(src_layout_), any_weights, {}, onednn_any(diff_dst_layout_)}}};
    const OnednnPass pass = best_pass(candidates, "input gradient", [&](const OnednnOperands& operands) {
      return onednn_backward_data(engine_, window_of(problem), operands, hint_);
    });
    has_backward_data_ = true;
    backward_weights_layout_ = pass.layout.weights;
    const std::array<BoundPass::Binding, 3> bindings{
        {{DNNL_ARG_DIFF_DST, diff_dst_layout_, pass.layout.dst, false},
         {DNNL_ARG_WEIGHTS, backward_weights_layout_, backward_weights_layout_, false},
         {DNNL_ARG_DIFF_SRC, src_layout_, pass.layout.src, true}}};
    backward_data_ = BoundPass(engine_, pass, bindings);
    note("backward_data", pass, backward_data_);
  }

  static const OnednnWindow* window_of(const OnednnProblem& problem) {
    return problem.window ? &*problem.window : nullptr;
  }
  void note(const std::string& direction, const OnednnPass& pass, const BoundPass& bound) {
    const int reorders = bound.reorders();
    scratch_bytes_ = std::max(scratch_bytes_, bound.scratch_bytes());
    lines_.push_back(direction + " " + pass.implementation + " src-block=" + std::to_string(src_.block) +
                     " dst-block=" + std::to_string(dst_.block) +
                     (reorders == 0 ? "" : " reorders=" + std::to_string(reorders)));
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  Element element_;
  TensorShape src_;
  TensorShape dst_;
  bool flat_ = false;  // an inner product
  bool has_backward_data_ = false;
  OnednnOperands hint_;
  memory::desc src_layout_;  // of the caller's buffers
  memory::desc dst_layout_;
  memory::desc diff_dst_layout_;
  memory::desc canonical_;  // of the weights; an inner product's inputs are in memory order
  memory::desc master_;
  memory::desc forward_weights_;
  memory::desc backward_weights_layout_;  // what backward_data reads
  std::optional<WeightCopy> to_forward_;
  std::optional<WeightCopy> to_backward_;
  BoundPass forward_;
  BoundPass backward_weights_;
  BoundPass backward_data_;
  std::size_t scratch_bytes_ = 0;
  std::vector<std::string> lines_;
};

}  // namespace

std::unique_ptr<Product> make_onednn_product(const OnednnProblem& problem, const ProductOptions& options) {
  return std::make_unique<OnednnProduct>(problem, options);
}

}  // namespace convoy::cpu
