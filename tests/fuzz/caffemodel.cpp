// Caffe's files: what is read of them part by part is what protobuf reads of the whole; and the net that is
// made of the layers is one that can be read, or there is none.
#include "formats/caffemodel.h"

#include "formats/caffe.pb.h"
#include "formats/net.h"
#include "lib/weights/caffe_source.h"
#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {
namespace {

std::span<const std::byte> bytes_in(Input input) { return std::as_bytes(input); }

bool same_values(const CaffeBlob& blob, const caffe::BlobProto& whole) {
  const std::vector<float> values = blob.values();
  const bool wide = whole.double_data_size() > 0;
  const int count = wide ? whole.double_data_size() : whole.data_size();
  if (values.size() != static_cast<std::size_t>(count)) return false;
  for (int i = 0; i < count; ++i) {
    const float expected = wide ? static_cast<float>(whole.double_data(i)) : whole.data(i);
    const float value = values[static_cast<std::size_t>(i)];
    if (value != expected && !(value != value && expected != expected)) return false;  // NaN
  }
  return true;
}

void require_blob(const CaffeBlob& blob, const caffe::BlobProto& whole) {
  require(same_values(blob, whole), "a blob has other values");
  std::uint64_t elements = 1;
  for (const std::uint64_t extent : blob.shape) elements *= extent;
  require(elements == blob.elements, "a blob's shape has another number of elements");
  if (!whole.has_shape()) return;
  require(
      std::ranges::equal(blob.shape, whole.shape().dim(),
                         [](std::uint64_t a, std::int64_t b) { return static_cast<std::int64_t>(a) == b; }),
      "a blob has another shape");
}

template <typename Layers>
void require_layers(std::span<const CaffeLayer> layers, const Layers& whole) {
  require(layers.size() == static_cast<std::size_t>(whole.size()), "another number of layers");
  for (int i = 0; i < whole.size(); ++i) {
    const CaffeLayer& layer = layers[static_cast<std::size_t>(i)];
    require(layer.name == whole[i].name(), "a layer has another name");
    require(std::ranges::equal(layer.bottom, whole[i].bottom()), "a layer has other inputs");
    require(layer.blobs.size() == static_cast<std::size_t>(whole[i].blobs_size()), "another number of blobs");
    for (int b = 0; b < whole[i].blobs_size(); ++b) {
      require_blob(layer.blobs[static_cast<std::size_t>(b)], whole[i].blobs(b));
    }
  }
}

void fuzz(Input input) {
  const auto bytes = bytes_in(input);
  const auto size = static_cast<int>(input.size());
  const auto model = outcome([&] { return read_caffemodel(bytes, "file"); });
  caffe::NetParameter net;
  if (model.value && net.ParseFromArray(input.data(), size)) {
    require(is_caffemodel(bytes), "a .caffemodel is not known as one");
    if (net.layers_size() == 0) require_layers(model.value->layers, net.layer());
    if (net.layer_size() == 0) require_layers(model.value->layers, net.layers());
    const auto text = outcome([&] { return caffe_net_text(*model.value, std::nullopt, "file"); });
    if (text.value) static_cast<void>(outcome([&] { return parse_net(*text.value, "net").layers.size(); }));
  }
  const auto blob = outcome([&] { return read_caffe_blob(bytes, "file").values().size(); });
  caffe::BlobProto whole;
  if (blob.value && whole.ParseFromArray(input.data(), size))
    require_blob(read_caffe_blob(bytes, "file"), whole);
}

void add_blob(caffe::BlobProto& blob, const std::vector<int>& shape, bool legacy) {
  int count = 1;
  for (const int extent : shape) count *= extent;
  for (int i = 0; i < count; ++i) blob.add_data(0.25F * static_cast<float>(i - 1));
  if (legacy) {
    blob.set_num(1);
    blob.set_channels(1);
    blob.set_height(shape.size() > 1 ? shape[0] : 1);
    blob.set_width(shape.back());
    return;
  }
  for (const int extent : shape) blob.mutable_shape()->add_dim(extent);
}

template <typename Message>
Bytes serialized(const Message& message) {
  return bytes_of(message.SerializeAsString());
}

std::vector<Bytes> seeds() {
  caffe::NetParameter net;
  net.add_input("data");
  for (const int extent : {1, 1, 6, 6}) net.add_input_dim(extent);
  const auto add = [&](const char* name, const char* type, const char* bottom) -> caffe::LayerParameter& {
    caffe::LayerParameter& layer = *net.add_layer();
    layer.set_name(name);
    layer.set_type(type);
    layer.add_bottom(bottom);
    layer.add_top(name);
    return layer;
  };
  caffe::LayerParameter& conv = add("conv1", "Convolution", "data");
  conv.mutable_convolution_param()->set_num_output(2);
  conv.mutable_convolution_param()->add_kernel_size(3);
  add_blob(*conv.add_blobs(), {2, 1, 3, 3}, false);
  add_blob(*conv.add_blobs(), {2}, false);
  add("norm1", "LRN", "conv1").mutable_lrn_param()->set_k(2.0F);
  caffe::LayerParameter& pool = add("pool1", "Pooling", "norm1");
  pool.mutable_pooling_param()->set_kernel_size(2);
  pool.mutable_pooling_param()->set_stride(2);
  caffe::LayerParameter& product = add("ip", "InnerProduct", "pool1");
  product.mutable_inner_product_param()->set_num_output(3);
  add_blob(*product.add_blobs(), {3, 8}, false);
  add("prob", "Softmax", "ip");

  caffe::NetParameter old;
  caffe::V1LayerParameter& layer = *old.add_layers();
  layer.set_name("fc");
  layer.set_type(14);
  layer.mutable_inner_product_param()->set_num_output(2);
  add_blob(*layer.add_blobs(), {2, 4}, true);
  add_blob(*layer.add_blobs(), {2}, true);

  caffe::BlobProto mean;
  add_blob(mean, {2, 2}, true);
  caffe::BlobProto wide;
  wide.add_double_data(0.1);
  wide.mutable_shape()->add_dim(1);
  // A value as a field of its own.
  const Bytes single = {0x2d, 0, 0, 0x80, 0x3f, 0x3a, 3, 0x0a, 1, 1};
  return {serialized(net), serialized(old), serialized(mean), serialized(wide), single};
}

const AddReader kReader({.name = "caffemodel", .fuzz = fuzz, .seeds = seeds, .longest = 4096});

}  // namespace
}  // namespace convoy::fuzz
