#include "lib/base/version.h"

namespace convoy {

std::string build_backends() {
#ifdef CONVOY_WITH_CUDA
  return "CPU, CUDA";
#else
  return "CPU";
#endif
}

}  // namespace convoy
