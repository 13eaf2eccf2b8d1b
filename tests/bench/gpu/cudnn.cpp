#include "tests/bench/gpu/cudnn.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "kernels/cuda/library_paths.h"
#include "lib/base/error.h"

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

Cudnn::Cudnn(std::unique_ptr<Library> library, Bench& bench) : library_(std::move(library)), bench_(bench) {}
Cudnn::~Cudnn() { library_->destroy(library_->handle); }

std::unique_ptr<Cudnn> Cudnn::load(Bench& bench) {
  auto library = std::make_unique<Library>();
  for (const char* name : {"libcudnn.so.9", "libcudnn.so.8", "libcudnn.so"}) {
    for (const std::string& path : cuda::library_paths(name)) {
      if (library->library == nullptr) library->library.reset(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL));
    }
  }
  if (library->library == nullptr) return nullptr;
  if (!library->find_all() || library->create(&library->handle) != kSuccess ||
      library->set_stream(library->handle, bench.stream.handle()) != kSuccess) {
    throw Error("cuDNN", "does not start");
  }
  return std::unique_ptr<Cudnn>(new Cudnn(std::move(library), bench));
}

std::string Cudnn::version() const { return std::to_string(library_->get_version()); }

// One direction of a convolution: computes out from a and b.
class Cudnn::Work {
 public:
  Work(const Library& library, Bench& bench, const ConvShape& s, Direction direction)
      : lib_(library), bench_(bench), buffers_(bench.stream) {
    const bool described =
        lib_.set_tensor(x_.get(), kNhwc, kBfloat16, s.images, s.channels, s.height, s.width) == kSuccess &&
        lib_.set_tensor(y_.get(), kNhwc, kBfloat16, s.images, s.filters, s.out_height(), s.out_width()) ==
            kSuccess &&
        lib_.set_filter(w_.get(), kBfloat16, kNhwc, s.filters, s.channels / s.groups, s.kernel_height,
                        s.kernel_width) == kSuccess &&
        lib_.set_conv(conv_.get(), s.pad_top, s.pad_left, s.stride, s.stride, 1, 1, kCrossCorrelation,
                      kFloat) == kSuccess &&
        lib_.set_groups(conv_.get(), s.groups) == kSuccess &&
        lib_.set_math(conv_.get(), kTensorOps) == kSuccess;
    if (!described) throw Error("cuDNN", "does not take this convolution");
    const Operand image{x_.get(),
                        buffers_.make<Bf16>(std::int64_t{s.images} * s.height * s.width * s.channels)};
    const Operand result{
        y_.get(), buffers_.make<Bf16>(std::int64_t{s.images} * s.out_height() * s.out_width() * s.filters)};
    const Operand filter{w_.get(), buffers_.make<Bf16>(s.weights())};
    if (direction == Direction::forward) set(lib_.find_forward, lib_.forward, image, filter, result);
    if (direction == Direction::backward_data) set(lib_.find_data, lib_.backward_data, filter, result, image);
    if (direction == Direction::backward_weights) {
      set(lib_.find_weights, lib_.backward_weights, image, result, filter);
    }
  }

  // The algorithms that work, the fastest first, as cudnnFind* orders them.
  [[nodiscard]] std::vector<Performance> algorithms() const {
    std::array<Performance, kAlgorithms> found{};
    int count = 0;
    if (find_(lib_.handle, a_.descriptor, b_.descriptor, conv_.get(), out_.descriptor, kAlgorithms, &count,
              found.data()) != kSuccess) {
      throw Error("cuDNN", "finds no algorithm");
    }
    std::vector<Performance> result(found.begin(), found.begin() + count);
    std::erase_if(result, [](const Performance& one) { return one.status != kSuccess; });
    return result;
  }
  // What runs the convolution with this algorithm, until the next call of this function. Throws Error if it
  // cannot run.
  [[nodiscard]] std::function<void()> with(const Performance& algorithm) {
    if (lib_.set_math(conv_.get(), algorithm.math) != kSuccess)
      throw Error("cuDNN", "refuses a kind of arithmetic");
    scratch_ = cuda::DeviceBuffer(std::max<std::size_t>(algorithm.memory, 1), "cuDNN");
    return [this, algorithm] {
      const float one = 1.0F;
      const float zero = 0.0F;
      if (run_(lib_.handle, &one, a_.descriptor, a_.data, b_.descriptor, b_.data, conv_.get(),
               algorithm.algorithm, scratch_.data(), algorithm.memory, &zero, out_.descriptor,
               out_.data) != kSuccess) {
        throw Error("cuDNN", "a convolution failed");
      }
    };
  }
  [[nodiscard]] double milliseconds(const Performance& algorithm) {
    return bench_.milliseconds(with(algorithm));
  }

 private:
  void set(Find find, Convolve run, const Operand& a, const Operand& b, const Operand& out) {
    find_ = find;
    run_ = run;
    a_ = a;
    b_ = b;
    out_ = out;
  }
  const Library& lib_;
  Bench& bench_;
  Buffers buffers_;
  cuda::DeviceBuffer scratch_;
  Described x_{lib_.create_tensor, lib_.destroy_tensor};
  Described y_{lib_.create_tensor, lib_.destroy_tensor};
  Described w_{lib_.create_filter, lib_.destroy_filter};
  Described conv_{lib_.create_conv, lib_.destroy_conv};
  Find find_ = nullptr;
  Convolve run_ = nullptr;
  Operand a_{};
  Operand b_{};
  Operand out_{};
};

void Cudnn::time(const ConvShape& shape, Direction direction, const Subject& subject, double flop) const {
  Work work(*library_, bench_, shape, direction);
  std::optional<Performance> best;
  double best_milliseconds = 0.0;
  int timed = 0;
  for (const Performance& algorithm : work.algorithms()) {
    if (timed == kTimed) break;
    try {
      const double milliseconds = work.milliseconds(algorithm);
      ++timed;
      if (best && best_milliseconds <= milliseconds) continue;
      best = algorithm;
      best_milliseconds = milliseconds;
    } catch (const Error&) {
      continue;  // it cannot be captured, or takes more memory than there is
    }
  }
  if (!best) throw Error("cuDNN", "none of its algorithms works");
  bench_.time(subject, work.with(*best), flop, "FLOP");
}

}  // namespace convoy::bench
