#include "formats/caffemodel.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>

#include "formats/caffe.pb.h"
#include "lib/base/checked.h"
#include "lib/base/error.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

using Bytes = std::span<const std::byte>;
using google::protobuf::io::CodedInputStream;

constexpr int kMaxDepth = 16;  // of messages within messages

// One field of a message: its number, and its value as it is in the file.
struct Field {
  int number = 0;
  enum class Type { number, fixed64, bytes, fixed32 };
  Type type = Type::number;
  std::uint64_t value = 0;  // of Type::number
  Bytes bytes;              // of the others
  Bytes whole;              // with the tag and the length
  std::uint64_t offset = 0;
};

// The numbers of a field that differ between the two kinds of layer.
struct LayerFields {
  int name = 0;
  int blobs = 0;
};
constexpr LayerFields kLayer = {.name = 1, .blobs = 7};
constexpr LayerFields kV1Layer = {.name = 4, .blobs = 6};
constexpr int kV0Layer = 1;            // within a V1LayerParameter
constexpr std::size_t kImageDims = 4;  // images, channels, height, width
// Of a blob.
constexpr int kFloats = 5;
constexpr int kDoubles = 8;

// Reads a field's value at the stream's position; the tag has been read. Returns false if it is not whole, or
// of a type that is no longer used (groups).
bool read_value(CodedInputStream& in, Bytes message, std::uint32_t tag, Field& field) {
  constexpr std::uint32_t kTypeBits = 3;
  field.number = static_cast<int>(tag >> kTypeBits);
  if (field.number == 0) return false;
  const auto take = [&](std::uint32_t size) {
    const auto at = static_cast<std::size_t>(in.CurrentPosition());
    if (size > message.size() - at || !in.Skip(static_cast<int>(size))) return false;
    field.bytes = message.subspan(at, size);
    return true;
  };
  switch (tag & ((1U << kTypeBits) - 1)) {
    case 0:
      field.type = Field::Type::number;
      return in.ReadVarint64(&field.value);
    case 1:
      field.type = Field::Type::fixed64;
      return take(sizeof(double));
    case 2: {
      field.type = Field::Type::bytes;
      std::uint32_t size = 0;
      return in.ReadVarint32(&size) && size <= kMaxCaffeBytes && take(size);
    }
    case 5:
      field.type = Field::Type::fixed32;
      return take(sizeof(float));
    default:
      return false;
  }
}

// Calls on_field for each field of the message. Returns the offset of the first that is not whole, if there
// is one. At most kMaxCaffeBytes.
template <typename OnField>
std::optional<std::uint64_t> walk(Bytes message, const OnField& on_field) {
  CodedInputStream in(reinterpret_cast<const std::uint8_t*>(message.data()),
                      static_cast<int>(message.size()));
  while (static_cast<std::size_t>(in.CurrentPosition()) < message.size()) {
    const auto begin = static_cast<std::size_t>(in.CurrentPosition());
    Field field;
    field.offset = begin;
    const std::uint32_t tag = in.ReadTag();  // 0 if there is none that is valid
    if (tag == 0 || !read_value(in, message, tag, field)) return begin;
    field.whole = message.subspan(begin, static_cast<std::size_t>(in.CurrentPosition()) - begin);
    on_field(field);
  }
  return std::nullopt;
}

class Reader {
 public:
  Reader(Bytes file, std::string_view place) : file_(file), place_(place) {
    if (file.size() > kMaxCaffeBytes) {
      throw Error(place, "larger than the 2 GiB that a file of Caffe may have");
    }
  }

  CaffeModel model() {
    CaffeModel model;
    std::vector<std::int64_t> dims;
    each_field(file_, [&](const Field& field) {
      if (field.number == 4 && field.type == Field::Type::number && dims.size() < kImageDims) {
        dims.push_back(static_cast<std::int32_t>(field.value));
      } else if (field.number == 4 && field.type == Field::Type::bytes) {
        for (const std::int64_t dim : dims_of(field.bytes, false)) {
          if (dims.size() < kImageDims) dims.push_back(static_cast<std::int32_t>(dim));
        }
      } else if (field.number == 8 && field.type == Field::Type::bytes && model.input_shape.empty()) {
        model.input_shape = dims_of(field.bytes, true);
      } else if ((field.number == 2 || field.number == 100) && field.type == Field::Type::bytes) {
        if (model.layers.size() == kMaxCaffeLayers) {
          fail(field.bytes, "more than " + std::to_string(kMaxCaffeLayers) + " layers");
        }
        model.layers.push_back(field.number == 100 ? layer<caffe::LayerParameter>(field.bytes, kLayer)
                                                   : layer<caffe::V1LayerParameter>(field.bytes, kV1Layer));
      }
    });
    if (model.input_shape.empty()) model.input_shape = dims;
    if (model.layers.empty()) fail(file_, "no layers");
    return model;
  }

  CaffeBlob blob(Bytes message) {
    CaffeBlob blob;
    std::array<std::uint64_t, 4> legacy{};
    bool shaped = false;
    std::uint64_t floats = 0;
    std::uint64_t doubles = 0;
    each_field(message, [&](const Field& field) {
      if (field.number >= 1 && field.number <= 4 && field.type == Field::Type::number) {
        legacy.at(static_cast<std::size_t>(field.number - 1)) = field.value;
      } else if (field.number == kFloats) {
        floats += count_values(field, sizeof(float));
      } else if (field.number == kDoubles) {
        doubles += count_values(field, sizeof(double));
      } else if (field.number == 7 && field.type == Field::Type::bytes) {
        shaped = true;  // the extents of several are one shape, as protobuf has it
        for (const std::int64_t dim : dims_of(field.bytes, true)) {
          if (dim < 0) fail(field.bytes, "a shape with an extent below 0");
          blob.shape.push_back(static_cast<std::uint64_t>(dim));
        }
        if (blob.shape.size() > kMaxCaffeDims) fail(field.bytes, "a shape of too many dimensions");
      }
    });
    if (!shaped) blob.shape.assign(legacy.begin(), legacy.end());
    blob.wide = doubles > 0;
    blob.message = message;
    check_count(blob, doubles > 0 ? doubles : floats, message);
    return blob;
  }

 private:
  [[noreturn]] void fail(Bytes at, const std::string& reason) const {
    const auto offset = at.data() == nullptr ? 0 : static_cast<std::uint64_t>(at.data() - file_.data());
    throw FormatError(place_, offset, reason + ": not a file of Caffe, or damaged");
  }

  template <typename OnField>
  void each_field(Bytes message, const OnField& on_field) const {
    if (const auto wrong = walk(message, on_field)) {
      fail(message.subspan(*wrong), "a field that is not whole");
    }
  }

  // The extents in a BlobShape, or, if it is not one, in a packed array of them.
  std::vector<std::int64_t> dims_of(Bytes bytes, bool message) const {
    if (bytes.size() > kMaxCaffeShapeBytes)
      fail(bytes, "a shape of " + std::to_string(bytes.size()) + " bytes");
    caffe::BlobShape shape;
    std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    // A packed array is the first field of a BlobShape; its length fits one or two bytes.
    if (!message) {
      std::string head = "\x0a";
      head += static_cast<char>((text.size() & 0x7FU) | (text.size() > 0x7F ? 0x80U : 0U));
      if (text.size() > 0x7F) head += static_cast<char>(text.size() >> 7);
      text.insert(0, head);
    }
    if (!shape.ParseFromString(text)) fail(bytes, "a shape that cannot be read");
    const auto most = static_cast<int>(kMaxCaffeDims);
    if (shape.dim_size() > most) fail(bytes, "a shape of more than " + std::to_string(most) + " dimensions");
    return {shape.dim().begin(), shape.dim().end()};
  }

  // The number of values in the field, one or a packed array.
  std::uint64_t count_values(const Field& field, std::size_t bytes) const {
    const bool single = field.type == (bytes == sizeof(float) ? Field::Type::fixed32 : Field::Type::fixed64);
    if ((!single && field.type != Field::Type::bytes) || field.bytes.size() % bytes != 0) {
      fail(field.whole, "values of another type");
    }
    return field.bytes.size() / bytes;
  }

  void check_count(CaffeBlob& blob, std::uint64_t values, Bytes message) const {
    std::uint64_t elements = 1;
    for (const std::uint64_t extent : blob.shape) elements = saturating_mul(elements, extent);
    if (elements != values) {
      fail(message, "a blob of " + std::to_string(values) + " values whose shape has " +
                        (elements == UINT64_MAX ? "too many" : std::to_string(elements)));
    }
    blob.elements = elements;
  }

  // A layer without the bytes of its blobs, which are read here.
  template <typename Parameter>
  CaffeLayer layer(Bytes bytes, const LayerFields& fields) {
    std::string others;
    std::vector<CaffeBlob> blobs;
    each_field(bytes, [&](const Field& field) {
      if (field.number == fields.blobs && field.type == Field::Type::bytes) {
        if (blobs.size() == kMaxCaffeBlobs) {
          fail(field.bytes, "a layer of more than " + std::to_string(kMaxCaffeBlobs) + " blobs");
        }
        blobs.push_back(blob(field.bytes));
        return;
      }
      if (fields.name == kV1Layer.name && field.number == kV0Layer) {
        throw Error(place_,
                    "a layer in Caffe's first format (V0): upgrade the file with Caffe's "
                    "upgrade_net_proto_binary");
      }
      if (others.size() + field.whole.size() > kMaxCaffeLayerBytes) {
        fail(field.whole,
             "a layer with more than " + std::to_string(kMaxCaffeLayerBytes) + " bytes besides its blobs");
      }
      text_bytes_ += field.whole.size();
      if (text_bytes_ > kMaxCaffeText) fail(field.whole, "layers of more than 4 MiB besides their blobs");
      others.append(reinterpret_cast<const char*>(field.whole.data()), field.whole.size());
    });
    Parameter parameter;
    CodedInputStream in(reinterpret_cast<const std::uint8_t*>(others.data()),
                        static_cast<int>(others.size()));
    in.SetRecursionLimit(kMaxDepth);
    if (!parameter.ParseFromCodedStream(&in) || !in.ConsumedEntireMessage()) {
      fail(bytes, "a layer that cannot be read");
    }
    CaffeLayer layer = plain(parameter);
    layer.blobs = std::move(blobs);
    return layer;
  }

  // The type of a layer of the years 2013 and 2014, as it was called later.
  static std::string type_of(const caffe::V1LayerParameter& layer) {
    switch (layer.type()) {
      case 1:
        return "Accuracy";
      case 4:
        return "Convolution";
      case 5:
        return "Data";
      case 6:
        return "Dropout";
      case 8:
        return "Flatten";
      case 9:
        return "HDF5Data";
      case 12:
        return "ImageData";
      case 14:
        return "InnerProduct";
      case 15:
        return "LRN";
      case 17:
        return "Pooling";
      case 18:
        return "ReLU";
      case 19:
        return "Sigmoid";
      case 20:
        return "Softmax";
      case 21:
        return "SoftmaxWithLoss";
      case 22:
        return "Split";
      case 23:
        return "TanH";
      case 24:
        return "WindowData";
      case 29:
        return "MemoryData";
      case 32:
        return "DummyData";
      case 36:
        return "Silence";
      default:
        return "type " + std::to_string(layer.type());
    }
  }
  static std::string type_of(const caffe::LayerParameter& layer) { return layer.type(); }

  // What both kinds of layer have.
  template <typename Parameter>
  static CaffeLayer plain(const Parameter& from) {
    constexpr int kTraining = 0;
    CaffeLayer layer;
    layer.name = from.name();
    layer.type = type_of(from);
    layer.bottom.assign(from.bottom().begin(), from.bottom().end());
    layer.top.assign(from.top().begin(), from.top().end());
    layer.training_only =
        from.include_size() > 0 && std::ranges::all_of(from.include(), [](const caffe::NetStateRule& rule) {
          return rule.has_phase() && rule.phase() == kTraining;
        });
    layer.training_only =
        layer.training_only || std::ranges::any_of(from.exclude(), [](const caffe::NetStateRule& rule) {
          return rule.has_phase() && rule.phase() != kTraining;
        });
    set_windows(from, layer);
    const auto& product = from.inner_product_param();
    if (from.has_inner_product_param()) layer.outputs = product.num_output();
    layer.axis = product.axis();
    layer.transposed = product.transpose();
    const auto& lrn = from.lrn_param();
    layer.lrn = {lrn.local_size(), lrn.alpha(), lrn.beta(), lrn.k(), lrn.norm_region() != 0};
    layer.drop = from.dropout_param().dropout_ratio();
    layer.scale_at_test = !from.dropout_param().scale_train();
    layer.negative_slope = from.relu_param().negative_slope();
    set_input(from, layer);
    return layer;
  }

  template <typename Parameter>
  static void set_windows(const Parameter& from, CaffeLayer& layer) {
    if (from.has_convolution_param()) {
      const caffe::ConvolutionParameter& conv = from.convolution_param();
      layer.outputs = conv.num_output();
      layer.groups = conv.group();
      layer.dilated = std::ranges::any_of(conv.dilation(), [](std::uint32_t step) { return step != 1; });
      layer.window.kernel =
          both(conv.kernel_size(), 0, conv.has_kernel_h(), conv.kernel_h(), conv.kernel_w());
      layer.window.stride = both(conv.stride(), 1, conv.has_stride_h(), conv.stride_h(), conv.stride_w());
      layer.window.pad =
          both(conv.pad(), 0, conv.has_pad_h() || conv.has_pad_w(), conv.pad_h(), conv.pad_w());
    } else if (from.has_pooling_param()) {
      const caffe::PoolingParameter& pool = from.pooling_param();
      using Pool = CaffeLayer::Pool;
      layer.pool = pool.pool() == 0 ? Pool::max : pool.pool() == 1 ? Pool::average : Pool::other;
      layer.global_pool = pool.global_pooling();
      layer.pool_rounds_down = pool.round_mode() != 0;
      const auto pair = [](bool given, std::uint32_t height, std::uint32_t width, std::uint32_t one) {
        return given ? std::array{height, width} : std::array{one, one};
      };
      layer.window.kernel = pair(pool.has_kernel_h(), pool.kernel_h(), pool.kernel_w(), pool.kernel_size());
      layer.window.stride = pair(pool.has_stride_h(), pool.stride_h(), pool.stride_w(), pool.stride());
      layer.window.pad = pair(pool.has_pad_h() || pool.has_pad_w(), pool.pad_h(), pool.pad_w(), pool.pad());
    }
  }

  // The values for height and width: *_h and *_w if they are given, else one value for both, or two values.
  template <typename Repeated>
  static std::array<std::uint32_t, 2> both(const Repeated& values, std::uint32_t fallback, bool given,
                                           std::uint32_t height, std::uint32_t width) {
    if (given) return {height, width};
    if (values.empty()) return {fallback, fallback};
    return {values[0], values[values.size() > 1 ? 1 : 0]};
  }

  template <typename Parameter>
  static void set_input(const Parameter& from, CaffeLayer& layer) {
    if (from.has_data_param()) {
      layer.scale = from.data_param().scale();
      layer.crop = from.data_param().crop_size();
    }
    if (from.has_transform_param()) {
      const caffe::TransformationParameter& transform = from.transform_param();
      if (transform.has_scale()) layer.scale = transform.scale();
      if (transform.has_crop_size()) layer.crop = transform.crop_size();
      layer.mean_values.assign(transform.mean_value().begin(), transform.mean_value().end());
    }
    if constexpr (std::is_same_v<Parameter, caffe::LayerParameter>) {
      if (from.input_param().shape_size() > 0) {
        const auto& dims = from.input_param().shape(0).dim();
        layer.input_shape.assign(dims.begin(), dims.end());
      }
    }
  }

  Bytes file_;
  std::string_view place_;
  std::uint64_t text_bytes_ = 0;  // of layers so far
};

template <typename Value>
void append_values(Bytes part, std::vector<float>& values) {
  for (std::size_t at = 0; at < part.size(); at += sizeof(Value)) {
    Value value;
    std::memcpy(&value, part.data() + at, sizeof(Value));
    values.push_back(static_cast<float>(value));
  }
}

}  // namespace

std::vector<float> CaffeBlob::values() const {
  std::vector<float> all;
  all.reserve(elements);
  walk(message, [&](const Field& field) {
    if (wide && field.number == kDoubles) append_values<double>(field.bytes, all);
    if (!wide && field.number == kFloats) append_values<float>(field.bytes, all);
  });
  return all;
}

bool is_caffemodel(Bytes bytes) {
  if (bytes.empty() || bytes.size() > kMaxCaffeBytes) return false;
  bool layers = false;
  const auto wrong = walk(bytes, [&](const Field& field) {
    layers = layers || ((field.number == 2 || field.number == 100) && field.type == Field::Type::bytes);
  });
  return !wrong && layers;
}

CaffeModel read_caffemodel(Bytes bytes, std::string_view place) { return Reader(bytes, place).model(); }

CaffeBlob read_caffe_blob(Bytes bytes, std::string_view place) { return Reader(bytes, place).blob(bytes); }

}  // namespace convoy
