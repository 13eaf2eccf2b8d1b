#include "tests/bench/gpu/cudnn.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>

#include "lib/base/error.h"
#include "tests/bench/gpu/timing.h"

namespace convoy::bench {
namespace {

// What the benchmark needs of cudnn.h, which it does without: handles, and the values of enumerators.
using Handle = void*;
using Descriptor = void*;
constexpr int kSuccess = 0;
constexpr int kNhwc = 1;              // CUDNN_TENSOR_NHWC
constexpr int kFloat = 0;             // CUDNN_DATA_FLOAT
constexpr int kBfloat16 = 9;          // CUDNN_DATA_BFLOAT16
constexpr int kCrossCorrelation = 1;  // CUDNN_CROSS_CORRELATION
constexpr int kTensorOps = 1;         // CUDNN_TENSOR_OP_MATH

// cudnnConvolutionFwdAlgoPerf_t, and its counterparts for the other directions.
struct Performance {
  int algorithm;
  int status;
  float milliseconds;
  std::size_t memory;
  int determinism;
  int math;
  std::array<int, 3> reserved;
};
constexpr int kAlgorithms = 10;
constexpr int kTimed = 3;  // of the fastest: cudnnFind runs each once, so the order of close ones is chance

using Find = int (*)(Handle, Descriptor, Descriptor, Descriptor, Descriptor, int, int*, Performance*);
// The operands it reads; convolution, algorithm and scratch memory; and the operand it writes.
using Convolve = int (*)(Handle, const float* alpha, Descriptor, const void*, Descriptor, const void*,
                         Descriptor, int algorithm, void* scratch, std::size_t bytes, const float* beta,
                         Descriptor, void*);

class Described {
 public:
  Described(int (*create)(Descriptor*), int (*destroy)(Descriptor)) : destroy_(destroy) { create(&handle_); }
  Described(const Described&) = delete;
  Described& operator=(const Described&) = delete;
  Described(Described&&) = delete;
  Described& operator=(Described&&) = delete;
  ~Described() { destroy_(handle_); }
  [[nodiscard]] Descriptor get() const { return handle_; }

 private:
  Descriptor handle_ = nullptr;
  int (*destroy_)(Descriptor);
};

struct Operand {
  Descriptor descriptor;
  Bf16* data;
};

}  // namespace

// One direction of a convolution: computes out from a and b.
struct Cudnn::Work {
  Find find;
  Convolve run;
  Operand a;
  Operand b;
  Operand out;
};

struct Cudnn::Library {
  std::unique_ptr<void, int (*)(void*)> library{nullptr, &dlclose};
  Handle handle = nullptr;
  int (*create)(Handle*) = nullptr;
  int (*destroy)(Handle) = nullptr;
  int (*set_stream)(Handle, void*) = nullptr;
  std::size_t (*get_version)() = nullptr;
  int (*create_tensor)(Descriptor*) = nullptr;
  int (*destroy_tensor)(Descriptor) = nullptr;
  int (*set_tensor)(Descriptor, int, int, int, int, int, int) = nullptr;
  int (*create_filter)(Descriptor*) = nullptr;
  int (*destroy_filter)(Descriptor) = nullptr;
  int (*set_filter)(Descriptor, int, int, int, int, int, int) = nullptr;
  int (*create_conv)(Descriptor*) = nullptr;
  int (*destroy_conv)(Descriptor) = nullptr;
  int (*set_conv)(Descriptor, int, int, int, int, int, int, int, int) = nullptr;
  int (*set_groups)(Descriptor, int) = nullptr;
  int (*set_math)(Descriptor, int) = nullptr;
  Find find_forward = nullptr;
  Find find_data = nullptr;
  Find find_weights = nullptr;
  Convolve forward = nullptr;
  Convolve backward_data = nullptr;
  Convolve backward_weights = nullptr;

  template <typename Function>
  bool find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(dlsym(library.get(), name));
    return function != nullptr;
  }
  bool find_all() {
    return find(create, "cudnnCreate") && find(destroy, "cudnnDestroy") &&
           find(set_stream, "cudnnSetStream") && find(get_version, "cudnnGetVersion") &&
           find(create_tensor, "cudnnCreateTensorDescriptor") &&
           find(destroy_tensor, "cudnnDestroyTensorDescriptor") &&
           find(set_tensor, "cudnnSetTensor4dDescriptor") &&
           find(create_filter, "cudnnCreateFilterDescriptor") &&
           find(destroy_filter, "cudnnDestroyFilterDescriptor") &&
           find(set_filter, "cudnnSetFilter4dDescriptor") &&
           find(create_conv, "cudnnCreateConvolutionDescriptor") &&
           find(destroy_conv, "cudnnDestroyConvolutionDescriptor") &&
           find(set_conv, "cudnnSetConvolution2dDescriptor") &&
           find(set_groups, "cudnnSetConvolutionGroupCount") &&
           find(set_math, "cudnnSetConvolutionMathType") &&
           find(find_forward, "cudnnFindConvolutionForwardAlgorithm") &&
           find(find_data, "cudnnFindConvolutionBackwardDataAlgorithm") &&
           find(find_weights, "cudnnFindConvolutionBackwardFilterAlgorithm") &&
           find(forward, "cudnnConvolutionForward") && find(backward_data, "cudnnConvolutionBackwardData") &&
           find(backward_weights, "cudnnConvolutionBackwardFilter");
  }
};

Cudnn::Cudnn(std::unique_ptr<Library> library, const cuda::Stream& stream)
    : library_(std::move(library)), stream_(stream) {}
Cudnn::~Cudnn() { library_->destroy(library_->handle); }

std::unique_ptr<Cudnn> Cudnn::load(const cuda::Stream& stream) {
  auto library = std::make_unique<Library>();
  for (const char* name : {"libcudnn.so.9", "libcudnn.so.8", "libcudnn.so"}) {
    if (library->library == nullptr) library->library.reset(dlopen(name, RTLD_NOW | RTLD_LOCAL));
  }
  if (library->library == nullptr || !library->find_all()) return nullptr;
  if (library->create(&library->handle) != kSuccess) return nullptr;
  if (library->set_stream(library->handle, stream.handle()) != kSuccess) return nullptr;
  return std::unique_ptr<Cudnn>(new Cudnn(std::move(library), stream));
}

std::string Cudnn::version() const { return std::to_string(library_->get_version()); }

std::optional<double> Cudnn::milliseconds(const ConvShape& s, Direction direction) const {
  const Library& lib = *library_;
  const Described x(lib.create_tensor, lib.destroy_tensor);
  const Described y(lib.create_tensor, lib.destroy_tensor);
  const Described w(lib.create_filter, lib.destroy_filter);
  const Described conv(lib.create_conv, lib.destroy_conv);
  const bool described =
      lib.set_tensor(x.get(), kNhwc, kBfloat16, s.images, s.channels, s.height, s.width) == kSuccess &&
      lib.set_tensor(y.get(), kNhwc, kBfloat16, s.images, s.filters, s.out_height(), s.out_width()) ==
          kSuccess &&
      lib.set_filter(w.get(), kBfloat16, kNhwc, s.filters, s.channels / s.groups, s.kernel_height,
                     s.kernel_width) == kSuccess &&
      lib.set_conv(conv.get(), s.pad_top, s.pad_left, s.stride, s.stride, 1, 1, kCrossCorrelation, kFloat) ==
          kSuccess &&
      lib.set_groups(conv.get(), s.groups) == kSuccess && lib.set_math(conv.get(), kTensorOps) == kSuccess;
  if (!described) return std::nullopt;
  Buffers buffers(stream_);
  const Operand image{x.get(), buffers.make<Bf16>(std::int64_t{s.images} * s.height * s.width * s.channels)};
  const Operand result{
      y.get(), buffers.make<Bf16>(std::int64_t{s.images} * s.out_height() * s.out_width() * s.filters)};
  const Operand filter{w.get(), buffers.make<Bf16>(s.weights())};
  switch (direction) {
    case Direction::forward:
      return fastest({lib.find_forward, lib.forward, image, filter, result}, conv.get());
    case Direction::backward_data:
      return fastest({lib.find_data, lib.backward_data, filter, result, image}, conv.get());
    case Direction::backward_weights:
      return fastest({lib.find_weights, lib.backward_weights, image, result, filter}, conv.get());
  }
  return std::nullopt;
}

std::optional<double> Cudnn::fastest(const Work& work, void* conv) const {
  std::array<Performance, kAlgorithms> found{};
  int count = 0;
  if (work.find(library_->handle, work.a.descriptor, work.b.descriptor, conv, work.out.descriptor,
                kAlgorithms, &count, found.data()) != kSuccess) {
    return std::nullopt;
  }
  std::optional<double> best;
  int timed = 0;
  for (int i = 0; i < count && timed < kTimed; ++i) {
    const Performance& one = found[static_cast<std::size_t>(i)];  // fastest first
    if (one.status != kSuccess) continue;
    const std::optional<double> time = time_algorithm(work, conv, one.algorithm, one.math, one.memory);
    if (!time) continue;
    ++timed;
    if (!best || *time < *best) best = time;
  }
  return best;
}

std::optional<double> Cudnn::time_algorithm(const Work& work, void* conv, int algorithm, int math,
                                            std::size_t scratch_bytes) const {
  if (library_->set_math(conv, math) != kSuccess) return std::nullopt;
  try {
    cuda::DeviceBuffer scratch(std::max<std::size_t>(scratch_bytes, 1), "cuDNN");
    const float one = 1.0F;
    const float zero = 0.0F;
    const auto run = [&] {
      if (work.run(library_->handle, &one, work.a.descriptor, work.a.data, work.b.descriptor, work.b.data,
                   conv, algorithm, scratch.data(), scratch_bytes, &zero, work.out.descriptor,
                   work.out.data) != kSuccess) {
        throw Error("cuDNN", "a convolution failed");
      }
    };
    return milliseconds_of(stream_, run);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace convoy::bench
