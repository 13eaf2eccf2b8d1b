// cuDNN's convolutions, as a peer: loaded at run time if installed; used by the benchmark only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "kernels/conv.h"
#include "kernels/cuda/device.h"

namespace convoy::bench {

enum class Direction { forward, backward_data, backward_weights };

class Cudnn {
 public:
  // Null if there is no libcudnn.so.9 or .8, or if it does not start. `stream` must outlive it.
  [[nodiscard]] static std::unique_ptr<Cudnn> load(const cuda::Stream& stream);
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;
  Cudnn(Cudnn&&) = delete;
  Cudnn& operator=(Cudnn&&) = delete;
  ~Cudnn();

  [[nodiscard]] std::string version() const;
  // Milliseconds, as measured by milliseconds_of(), of the fastest of the first few algorithms that
  // cudnnFind* finds by running them all: bf16, NHWC, sums in float, without bias and ReLU. Empty if there is
  // none. These are the functions of cuDNN's legacy interface; plans of its graph interface may be faster.
  [[nodiscard]] std::optional<double> milliseconds(const ConvShape& shape, Direction direction) const;

 private:
  struct Library;
  struct Work;
  Cudnn(std::unique_ptr<Library> library, const cuda::Stream& stream);
  [[nodiscard]] std::optional<double> fastest(const Work& work, void* conv) const;
  [[nodiscard]] std::optional<double> time_algorithm(const Work& work, void* conv, int algorithm, int math,
                                                     std::size_t scratch_bytes) const;
  std::unique_ptr<Library> library_;
  const cuda::Stream& stream_;
};

}  // namespace convoy::bench
