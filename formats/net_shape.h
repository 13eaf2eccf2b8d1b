// Sizes of a net's layers, from their kinds and what comes in.
#pragma once

#include <stdexcept>

#include "formats/net.h"

namespace convoy {

// Why a layer does not fit its input; the parser adds file and line.
class ShapeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What a layer gives for `in`. Throws ShapeError where the layer does not fit it or a limit of net.h is
// passed.
[[nodiscard]] Extent output_extent(const LayerKind& kind, const Extent& in);

}  // namespace convoy
