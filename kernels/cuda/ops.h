// The operations of the nets on a GPU, besides convolutions and products: what kernels/*_cuda.cu implement.
// The equations are in the header of each operation.
//
// Activations lie in NHWC: TensorShape::blocks() is 1, and `block`, the elements from a pixel to the next, is
// a multiple of kChannelAlignment; channels that fill up are zero and stay zero. Everything is enqueued on
// the stream and returns at once. Buffers are in device memory, aligned to 16 bytes. T is float or Bf16;
// arithmetic is in float. Results overwrite and are the same bits in every run.
#pragma once

#include <cstdint>

#include "kernels/augment.h"
#include "kernels/bf16.h"
#include "kernels/cuda/device.h"
#include "kernels/dropout.h"
#include "kernels/element.h"
#include "kernels/lrn.h"
#include "kernels/lrn_pool.h"
#include "kernels/pool.h"
#include "kernels/sgd.h"
#include "kernels/softmax.h"
#include "kernels/tensor_shape.h"

namespace convoy::cuda {

inline constexpr int kChannelAlignment = 8;  // 16 bytes of bf16

// What changes from step to step, in device memory, so that captured work stays valid.
struct BatchHeader {
  std::int32_t images = 0;  // of the batch: at most what the buffers are for
};

// The largest window that a GPU's max-pooling remembers maxima of: PoolIndex of the element within it.
inline constexpr PoolIndex kPoolNowhere = kMaxPoolWindow;  // of no gradient: nothing seen, or cut by the ReLU

// relu, tanh: count elements, a multiple of kChannelAlignment, in any layout; y may be x, dx may be dy.
template <typename T>
void relu_forward(const Stream& stream, std::int64_t count, const T* x, T* y);
template <typename T>
void relu_backward(const Stream& stream, std::int64_t count, const T* y, const T* dy, T* dx);
template <typename T>
void tanh_forward(const Stream& stream, std::int64_t count, const T* x, T* y);
template <typename T>
void tanh_backward(const Stream& stream, std::int64_t count, const T* y, const T* dy, T* dx);
// y = factor * x.
template <typename T>
void scale_activations(const Stream& stream, std::int64_t count, float factor, const T* x, T* y);

// values[i] *= factors[i]; count: a multiple of four.
void multiply(const Stream& stream, std::int64_t count, const float* factors, float* values);

// Whether the backward pass takes the shape: one float a channel must fit a block's shared memory, of which
// the device has `shared_bytes` (DeviceInfo::shared_bytes_per_block).
[[nodiscard]] bool lrn_fits(const LrnShape& shape, std::uint64_t shared_bytes);
// y must not be x. relu_input: x is the output of a ReLU, and dx shall be the gradient of that ReLU's input.
// dx may be dy.
template <typename T>
void lrn_forward(const Stream& stream, const LrnShape& shape, const T* x, T* y);
template <typename T>
void lrn_backward(const Stream& stream, const LrnShape& shape, const T* x, const T* dy, T* dx,
                  bool relu_input);

// relu: y = max(y, 0), and the backward pass stops at the places where the maximum is not above 0. `where`:
// one for each element of y, or null.
template <typename T>
void maxpool_forward(const Stream& stream, const PoolShape& shape, bool relu, const T* x, T* y,
                     PoolIndex* where);
template <typename T>
void avgpool_forward(const Stream& stream, const PoolShape& shape, bool relu, const T* x, T* y);
// x: null, or where x is the output of a ReLU and dx shall be the gradient of that ReLU's input.
template <typename T>
void maxpool_backward(const Stream& stream, const PoolShape& shape, const PoolIndex* where, const T* dy,
                      const T* x, T* dx);
// dy is the gradient of the average itself: where a ReLU follows, its backward pass comes first.
template <typename T>
void avgpool_backward(const Stream& stream, const PoolShape& shape, const T* dy, const T* x, T* dx);

// Whether lrn_pool_forward takes the shape: a few rows of it must fit a block's shared memory.
[[nodiscard]] bool lrn_pool_fits(const LrnPoolShape& shape, Element element, std::uint64_t shared_bytes);
// Normalisation, then max-pooling, in one pass over x. `where` as LrnPoolIndex, or null.
template <typename T>
void lrn_pool_forward(const Stream& stream, const LrnPoolShape& shape, const T* x, T* y, LrnPoolIndex* where);
// dx from dy, the gradient of y, in one pass.
template <typename T>
void lrn_pool_backward(const Stream& stream, const LrnPoolShape& shape, const T* x, const LrnPoolIndex* where,
                       const T* dy, T* dx);

// The masks are computed from the batch's records and epochs (one an image, in device memory) in both passes
// and never stored; images that the batch does not have become zero. y may be x.
struct DropoutBatch {
  const BatchHeader* header = nullptr;
  const std::uint64_t* records = nullptr;
  const std::uint32_t* epochs = nullptr;
};
template <typename T>
void dropout_forward(const Stream& stream, const DropoutShape& shape, const DropoutBatch& batch, const T* x,
                     T* y);
template <typename T>
void dropout_backward(const Stream& stream, const DropoutShape& shape, const DropoutBatch& batch, const T* dy,
                      T* dx);
// Both a ReLU and the dropout behind it: y, the output of the dropout, is positive exactly where the ReLU
// passed and the mask kept.
template <typename T>
void relu_dropout_backward(const Stream& stream, std::int64_t count, float scale, const T* y, const T* dy,
                           T* dx);

// Of one image; see rank_of_label in lib/net/compiled_net.h.
struct ImageLoss {
  float loss = 0.0F;      // -ln p[label]
  std::int32_t rank = 0;  // of the label among the classes, from 0
};
// probabilities: [images][classes], of all `images`.
template <typename Score>
void softmax_forward(const Stream& stream, const SoftmaxShape& shape, int images, const Score* scores,
                     float* probabilities);
// losses of the batch's images. dscores: null, or the gradient of the mean loss over the batch: all of
// `images` times `stride` elements, zero where there is no image and between the classes and the stride.
template <typename Score, typename T>
void softmax_loss(const Stream& stream, const SoftmaxShape& shape, int images, const BatchHeader* header,
                  const std::int32_t* labels, const Score* scores, ImageLoss* losses, T* dscores);

// One tensor of a fused update.
struct SgdTensor {
  std::int64_t count = 0;
  float* w = nullptr;
  float* v = nullptr;
  const float* g = nullptr;
  Bf16* copy = nullptr;                           // of w, rounded; or null
  const SgdCoefficients* coefficients = nullptr;  // in device memory
};
inline constexpr int kMaxSgdTensors = 4;  // of one launch
struct SgdTensors {
  SgdTensor tensor[kMaxSgdTensors];  // NOLINT(modernize-avoid-c-arrays): a kernel argument
};
// w and v of all tensors in place, and the copies; g is only read. Buffers reach to the next multiple of four
// elements.
void sgd_update(const Stream& stream, const SgdTensors& tensors, int count);

// sums[j] = sum over i of x[i][j], in an order that depends on the sizes alone: bias gradients of
// fully-connected layers. columns: a multiple of kChannelAlignment.
template <typename T>
void column_sums(const Stream& stream, std::int64_t rows, int columns, const T* x, float* sums);

// From the stored images of a batch, one behind another, to the net's input: kernels/augment.h. mean:
// [H][W][C] of the stored size. y: NHWC with filling, in cells of side x side pixels of the padded image:
// pixel (i, j) of y has at channel (dy * side + dx) * C + c channel c of the pixel (i * side + dy - pad_top,
// j * side + dx - pad_left) of the crop, 0 outside of it. With side 1 and no padding that is the crop itself.
struct AugmentBatch {
  const BatchHeader* header = nullptr;
  const Crop* crops = nullptr;
  const std::uint8_t* images = nullptr;
};
struct SpaceToDepth {
  int side = 1;
  int pad_top = 0;
  int pad_left = 0;
  int height = 0;  // of the crop
  int width = 0;
};
// shape.out has side * side * C channels.
template <typename T>
void augment(const Stream& stream, const AugmentShape& shape, const SpaceToDepth& cells,
             const AugmentBatch& batch, const float* mean, T* y);

}  // namespace convoy::cuda
