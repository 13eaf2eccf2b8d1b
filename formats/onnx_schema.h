// The messages of ONNX, as its library declares them.
#pragma once

// How Debian's library was built.
#define ONNX_ML 1
#define ONNX_NAMESPACE onnx

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#include <onnx/onnx_pb.h>
#pragma GCC diagnostic pop
