// cuDNN's convolutions, as a peer: loaded at run time if installed; used by the benchmark only.
#pragma once

#include <memory>
#include <string>

#include "kernels/conv.h"
#include "tests/bench/gpu/timing.h"

namespace convoy::bench {

enum class Direction { forward, backward_data, backward_weights };

class Cudnn {
 public:
  // Looks where library_paths() says. Null if there is no libcudnn.so.9 or .8. Throws Error if it does not
  // start. `bench` must outlive it.
  [[nodiscard]] static std::unique_ptr<Cudnn> load(Bench& bench);
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;
  Cudnn(Cudnn&&) = delete;
  Cudnn& operator=(Cudnn&&) = delete;
  ~Cudnn();

  [[nodiscard]] std::string version() const;
  // Reports the time of the fastest of the first few algorithms that cudnnFind* finds by running them all:
  // bf16, NHWC, sums in float, without bias and ReLU. Throws Error if none works. These are the functions of
  // cuDNN's legacy interface; plans of its graph interface may be faster.
  void time(const ConvShape& shape, Direction direction, const Subject& subject, double flop) const;

 private:
  struct Library;
  class Work;
  Cudnn(std::unique_ptr<Library> library, Bench& bench);
  std::unique_ptr<Library> library_;
  Bench& bench_;
};

}  // namespace convoy::bench
