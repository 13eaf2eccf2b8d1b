// kernels/cuda/gemm.h on the emulated device.
#include "kernels/cuda/gemm.h"

#include <utility>
#include <vector>

#include "kernels/relu.h"
#include "lib/base/error.h"
#include "tests/cuda_emulation/memory.h"
#include "tests/cuda_emulation/stream.h"

namespace convoy::cuda {
namespace {

float load(Element element, const void* data, std::int64_t index) {
  return element == Element::f32 ? static_cast<const float*>(data)[index]
                                 : to_float(static_cast<const Bf16*>(data)[index]);
}

// A matrix as floats, [rows][columns].
std::vector<float> gather(Element element, const void* data, bool transposed, std::int64_t rows,
                          std::int64_t columns) {
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      values[static_cast<std::size_t>(i * columns + j)] =
          load(element, data, transposed ? j * rows + i : i * columns + j);
    }
  }
  return values;
}

void multiply(const GemmShape& shape, const void* a, const void* b, const void* bias, void* d) {
  const std::vector<float> left = gather(shape.in, a, shape.a_transposed, shape.rows, shape.depth);
  const std::vector<float> right = gather(shape.in, b, shape.b_transposed, shape.depth, shape.columns);
  std::vector<float> row(static_cast<std::size_t>(shape.columns));
  for (std::int64_t i = 0; i < shape.rows; ++i) {
    for (std::int64_t j = 0; j < shape.columns; ++j) {
      row[static_cast<std::size_t>(j)] = bias == nullptr ? 0.0F : load(shape.out, bias, j);
    }
    for (std::int64_t k = 0; k < shape.depth; ++k) {
      const float factor = left[static_cast<std::size_t>(i * shape.depth + k)];
      const float* const from = right.data() + k * shape.columns;
      for (std::size_t j = 0; j < row.size(); ++j) row[j] += factor * from[j];
    }
    for (std::int64_t j = 0; j < shape.columns; ++j) {
      float value = row[static_cast<std::size_t>(j)];
      if (shape.epilogue == GemmEpilogue::bias_relu) value = relu(value);
      const std::int64_t at = i * shape.columns + j;
      if (shape.out == Element::f32) {
        static_cast<float*>(d)[at] = value;
      } else {
        static_cast<Bf16*>(d)[at] = from_float<Bf16>(value);
      }
    }
  }
}

void check_operand(const void* at, std::int64_t row, std::int64_t rows, Element element, const char* what) {
  const std::uint64_t row_bytes = static_cast<std::uint64_t>(row) * element_bytes(element);
  if (reinterpret_cast<std::uintptr_t>(at) % 16 != 0 || row_bytes % 16 != 0) {
    throw Error("GPU", std::string("product: ") + what + " or its rows are not aligned to 16 bytes");
  }
  if (!emulation::is_device_memory(at, row_bytes * static_cast<std::uint64_t>(rows))) {
    throw Error("GPU", std::string("product: ") + what + " is outside of device memory");
  }
}

}  // namespace

struct GemmContext::State {};
GemmContext::GemmContext() : state_(std::make_unique<State>()) {}
GemmContext::GemmContext(GemmContext&&) noexcept = default;
GemmContext& GemmContext::operator=(GemmContext&&) noexcept = default;
GemmContext::~GemmContext() = default;

struct Gemm::Plan {
  GemmShape shape;
  bool ran = false;
};
Gemm::Gemm(const GemmContext& /*context*/, const GemmShape& shape)
    : plan_(std::make_unique<Plan>(Plan{shape, false})) {
  if (shape.rows < 1 || shape.columns < 1 || shape.depth < 1) throw Error("GPU", "an empty product");
  if (shape.in == Element::f32 && shape.out != Element::f32)
    throw Error("GPU", "a product of floats to bf16");
}
Gemm::Gemm(Gemm&&) noexcept = default;
Gemm& Gemm::operator=(Gemm&&) noexcept = default;
Gemm::~Gemm() = default;

void Gemm::run(const Stream& stream, const void* a, const void* b, const void* bias, void* d) const {
  const GemmShape& shape = plan_->shape;
  // The real library loads kernels on the first run, which is not allowed during a capture.
  if (!std::exchange(plan_->ran, true) && emulation::is_captured(stream.handle())) {
    throw Error("GPU", "product: runs for the first time while a graph is captured");
  }
  check_operand(a, shape.a_transposed ? shape.rows : shape.depth,
                shape.a_transposed ? shape.depth : shape.rows, shape.in, "a");
  check_operand(b, shape.b_transposed ? shape.depth : shape.columns,
                shape.b_transposed ? shape.columns : shape.depth, shape.in, "b");
  check_operand(d, shape.columns, shape.rows, shape.out, "d");
  if (shape.epilogue == GemmEpilogue::none) {
    bias = nullptr;
  } else {
    check_operand(bias, shape.columns, 1, shape.out, "bias");
  }
  emulation::enqueue(stream.handle(), [=] { multiply(shape, a, b, bias, d); });
}

}  // namespace convoy::cuda
