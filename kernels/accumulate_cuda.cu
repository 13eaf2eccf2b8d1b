#include "kernels/accumulate.h"
#include "kernels/cuda/elementwise.cuh"

namespace convoy::cuda {
namespace {

struct Copy {
  __device__ float operator()(float x) const { return x; }
};
struct Sum {
  __device__ float operator()(float sum, float x) const { return sum + x; }
};

}  // namespace

void accumulate(const Stream& stream, bool first, std::int64_t count, const float* x, float* sum) {
  if (first) {
    map_elements(stream, count, Copy{}, x, sum);
  } else {
    map_gradients(stream, count, Sum{}, sum, x, sum);
  }
}

}  // namespace convoy::cuda
