// Products of matrices for fully-connected layers: by cuBLASLt on a GPU (kernels/cuda/gemm_cuda.cu), by plain
// loops on the emulated device. The library is loaded when it is first needed, so that programs start without
// it being installed.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/cuda/device.h"
#include "kernels/element.h"

namespace convoy::cuda {

// The ReLU is max(x, 0), which may make 0 of a NaN.
enum class GemmEpilogue { none, bias, bias_relu };

// d[i][j] = epilogue(sum over k of a[i][k] * b[k][j] + bias[j]), all row-major, sums in fp32.
struct GemmShape {
  std::int64_t rows = 0;        // i
  std::int64_t columns = 0;     // j
  std::int64_t depth = 0;       // k
  bool a_transposed = false;    // a is stored as [depth][rows]
  bool b_transposed = false;    // b is stored as [columns][depth]
  Element in = Element::bf16;   // of a and b
  Element out = Element::bf16;  // of d and bias; f32 if `in` is
  GemmEpilogue epilogue = GemmEpilogue::none;
};

// What all products share: the library and its scratch memory. Products of one GemmContext must not run at
// the same time: use one stream, or streams that wait for each other.
class GemmContext {
 public:
  GemmContext();
  GemmContext(const GemmContext&) = delete;
  GemmContext& operator=(const GemmContext&) = delete;
  GemmContext(GemmContext&&) noexcept;
  GemmContext& operator=(GemmContext&&) noexcept;
  ~GemmContext();

  struct State;
  [[nodiscard]] State& state() const { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

// One product, planned. Throws Error if the library has no algorithm for it.
class Gemm {
 public:
  Gemm(const GemmContext& context, const GemmShape& shape);
  Gemm(const Gemm&) = delete;
  Gemm& operator=(const Gemm&) = delete;
  Gemm(Gemm&&) noexcept;
  Gemm& operator=(Gemm&&) noexcept;
  ~Gemm();

  // Overwrites d. bias: null if the epilogue has none. All buffers, and all rows in them, are aligned to
  // 16 bytes.
  void run(const Stream& stream, const void* a, const void* b, const void* bias, void* d) const;

  struct Plan;

 private:
  std::unique_ptr<Plan> plan_;
};

}  // namespace convoy::cuda
