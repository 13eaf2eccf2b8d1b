// The layer that a convolution's shape belongs to, for the reference.
#pragma once

#include "formats/net.h"
#include "kernels/conv.h"

namespace convoy {

[[nodiscard]] inline ConvSpec spec_of(const ConvShape& s) {
  ConvSpec spec;
  spec.filters = s.filters;
  spec.kernel_height = s.kernel_height;
  spec.kernel_width = s.kernel_width;
  spec.stride = s.stride;
  spec.pad = {s.pad_top, s.pad_left, s.pad_bottom, s.pad_right};
  spec.groups = s.groups;
  return spec;
}

}  // namespace convoy
