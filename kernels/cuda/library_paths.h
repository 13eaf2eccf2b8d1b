// Where NVIDIA's libraries may be found at run time.
#pragma once

#include <string>
#include <vector>

namespace convoy::cuda {

// What to give to dlopen for a library such as "libcublasLt.so.13", in order: the bare name, which the
// dynamic linker looks for; the toolkit's folders ($CUDA_HOME, /usr/local/cuda); and those of PyTorch's
// wheels (nvidia/*/lib in site-packages or dist-packages) that have it, of $PYTHONPATH, $VIRTUAL_ENV,
// $CONDA_PREFIX, each python3 in $PATH, the user and the system. Only files that exist are named from wheels.
[[nodiscard]] std::vector<std::string> library_paths(const std::string& name);

}  // namespace convoy::cuda
