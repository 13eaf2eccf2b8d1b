// Models of other programs that are protocol buffers, and so begin with no mark.
#pragma once

#include <optional>
#include <string_view>

#include "lib/base/content.h"

namespace convoy {

// What begins with `head`, by the fields that onnx.proto and caffe.proto give such files, which programs
// write in the order of their numbers. Nothing if it is neither ONNX nor Caffe's.
[[nodiscard]] std::optional<Content> protobuf_content(std::string_view head);

}  // namespace convoy
