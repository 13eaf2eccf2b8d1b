#include "tests/bench/gpu/cudnn.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>

namespace convoy::bench {
namespace {

// Of cudnn.h, whose headers the benchmark does without: handles, and the values of the enumerations in use.
using Handle = void*;
using Descriptor = void*;
constexpr int kSuccess = 0;
constexpr int kNhwc = 1;              // CUDNN_TENSOR_NHWC
constexpr int kFloat = 0;             // CUDNN_DATA_FLOAT
constexpr int kBfloat16 = 9;          // CUDNN_DATA_BFLOAT16
constexpr int kCrossCorrelation = 1;  // CUDNN_CROSS_CORRELATION
constexpr int kTensorOps = 1;         // CUDNN_TENSOR_OP_MATH

// cudnnConvolutionFwdAlgoPerf_t, and the same for the other directions.
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

using Find = int (*)(Handle, Descriptor, Descriptor, Descriptor, Descriptor, int, int*, Performance*);

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
           find(find_weights, "cudnnFindConvolutionBackwardFilterAlgorithm");
  }
};

Cudnn::Cudnn(std::unique_ptr<Library> library) : library_(std::move(library)) {}
Cudnn::~Cudnn() { library_->destroy(library_->handle); }

std::unique_ptr<Cudnn> Cudnn::load(const cuda::Stream& stream) {
  auto library = std::make_unique<Library>();
  for (const char* name : {"libcudnn.so.9", "libcudnn.so.8", "libcudnn.so"}) {
    if (library->library == nullptr) library->library.reset(dlopen(name, RTLD_NOW | RTLD_LOCAL));
  }
  if (library->library == nullptr || !library->find_all()) return nullptr;
  if (library->create(&library->handle) != kSuccess) return nullptr;
  if (library->set_stream(library->handle, stream.handle()) != kSuccess) return nullptr;
  return std::unique_ptr<Cudnn>(new Cudnn(std::move(library)));
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
  std::array<Performance, kAlgorithms> found{};
  int count = 0;
  int status = kSuccess;
  switch (direction) {
    case Direction::forward:
      status = lib.find_forward(lib.handle, x.get(), w.get(), conv.get(), y.get(), kAlgorithms, &count,
                                found.data());
      break;
    case Direction::backward_data:
      status =
          lib.find_data(lib.handle, w.get(), y.get(), conv.get(), x.get(), kAlgorithms, &count, found.data());
      break;
    case Direction::backward_weights:
      status = lib.find_weights(lib.handle, x.get(), y.get(), conv.get(), w.get(), kAlgorithms, &count,
                                found.data());
      break;
  }
  if (status != kSuccess) return std::nullopt;
  std::optional<double> best;
  for (int i = 0; i < count; ++i) {
    const Performance& one = found[static_cast<std::size_t>(i)];
    if (one.status != kSuccess) continue;
    if (!best || one.milliseconds < *best) best = one.milliseconds;
  }
  return best;
}

}  // namespace convoy::bench
