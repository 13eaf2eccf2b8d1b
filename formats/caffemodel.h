// Caffe's files: a .caffemodel, which holds a net's layers and their parameters, and a .binaryproto, which
// holds its mean image. Both are protocol buffers (formats/caffe.proto).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace convoy {

// Bytes: protobuf reads no more.
inline constexpr std::uint64_t kMaxCaffeBytes = 2147483647;
inline constexpr std::size_t kMaxCaffeLayers = 4096;
inline constexpr std::size_t kMaxCaffeBlobs = 64;  // of one layer
inline constexpr std::uint64_t kMaxCaffeLayerBytes = std::uint64_t{1}
                                                     << 16;             // of one layer without its blobs
inline constexpr std::uint64_t kMaxCaffeText = std::uint64_t{4} << 20;  // of all layers, likewise
inline constexpr std::uint64_t kMaxCaffeShapeBytes = 256;
inline constexpr std::size_t kMaxCaffeDims = 8;

// An array within the bytes of a file, which must outlive it.
struct CaffeBlob {
  // As the file says it: [num, channels, height, width] in older files.
  std::vector<std::uint64_t> shape;
  std::uint64_t elements = 0;  // of that shape, and as many are in the message
  bool wide = false;           // double, not float
  std::span<const std::byte> message;
  // The values, each rounded once to the nearest float.
  [[nodiscard]] std::vector<float> values() const;
};

// A window that moves over an image: height, then width.
struct CaffeWindow {
  std::array<std::uint32_t, 2> kernel{};
  std::array<std::uint32_t, 2> stride = {1, 1};
  std::array<std::uint32_t, 2> pad{};
};

// A layer, and of its parameters those of its type; the others have Caffe's defaults.
struct CaffeLayer {
  std::string name;
  std::string type;  // as newer files call it: "Convolution", also in older ones; "" if it is not known
  std::vector<std::string> bottom;
  std::vector<std::string> top;
  bool training_only = false;  // not there when the net is used
  std::vector<CaffeBlob> blobs;

  CaffeWindow window;  // of convolution and pooling
  std::uint32_t outputs = 0;
  std::uint32_t groups = 1;
  bool dilated = false;
  std::int32_t axis = 1;
  bool transposed = false;  // the weights of a product
  enum class Pool { max, average, other };
  Pool pool = Pool::max;
  bool global_pool = false;
  bool pool_rounds_down = false;
  struct Lrn {
    std::uint32_t size = 5;
    float alpha = 1.0F;
    float beta = 0.75F;
    float k = 1.0F;
    bool within_channel = false;
  } lrn;
  float drop = 0.5F;
  bool scale_at_test = false;
  float negative_slope = 0.0F;
  // Of layers that read images.
  float scale = 1.0F;
  std::uint32_t crop = 0;  // 0: none
  std::vector<float> mean_values;
  std::vector<std::int64_t> input_shape;  // N, C, H, W
};

struct CaffeModel {
  std::vector<std::int64_t> input_shape;  // N, C, H, W of a net that says its input by itself; else empty
  std::vector<CaffeLayer> layers;
};

// Whether the bytes may be a .caffemodel: whole fields from the first to the last, with a layer among them.
// Reads no values.
[[nodiscard]] bool is_caffemodel(std::span<const std::byte> bytes);

// Reads a .caffemodel, apart from the values of its blobs. Throws FormatError(place, ...) for bytes that are
// no whole fields, for more than the limits above, and for a blob that has another number of values than its
// shape says; Error for layers of Caffe's first format, V0.
[[nodiscard]] CaffeModel read_caffemodel(std::span<const std::byte> bytes, std::string_view place);

// The same for a .binaryproto.
[[nodiscard]] CaffeBlob read_caffe_blob(std::span<const std::byte> bytes, std::string_view place);

}  // namespace convoy
