// cuDNN's convolutions, as a peer: loaded at run time where it is installed, and used by the benchmark alone.
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
  // Nothing where there is no libcudnn.so.9 or .8, or it does not start.
  [[nodiscard]] static std::unique_ptr<Cudnn> load(const cuda::Stream& stream);
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;
  Cudnn(Cudnn&&) = delete;
  Cudnn& operator=(Cudnn&&) = delete;
  ~Cudnn();

  [[nodiscard]] std::string version() const;
  // Milliseconds of the fastest algorithm that cuDNN itself finds by measuring all of them: bf16, NHWC, sums
  // in float. Nothing where it has none.
  [[nodiscard]] std::optional<double> milliseconds(const ConvShape& shape, Direction direction) const;

 private:
  struct Library;
  explicit Cudnn(std::unique_ptr<Library> library);
  std::unique_ptr<Library> library_;
};

}  // namespace convoy::bench
