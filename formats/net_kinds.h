// What a net's parser asks the table of layer kinds. The rest of the table's answers are in net.h.
#pragma once

#include <stdexcept>
#include <vector>

#include "formats/net.h"

namespace convoy {

// Why a layer does not fit its input; the parser adds file and line.
class ShapeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Every kind that has a name of its own, with the defaults of its spec.
[[nodiscard]] std::vector<LayerKind> layer_kinds();

// The output's extent. Throws ShapeError if the layer does not fit its input or exceeds a limit of net.h.
[[nodiscard]] Extent output_extent(const LayerKind& kind, const Extent& in);

}  // namespace convoy
