// Caffe's files, written by protobuf with the schema of formats/caffe.proto.
#include "formats/caffemodel.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "formats/caffe.pb.h"
#include "formats/net.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/weights/caffe_source.h"
#include "tests/support/error_message.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

caffe::BlobProto blob_of(const std::vector<float>& values, const std::vector<int>& shape) {
  caffe::BlobProto blob;
  for (const float value : values) blob.add_data(value);
  for (const int extent : shape) blob.mutable_shape()->add_dim(extent);
  return blob;
}

// A layer of a chain, which takes what the one before gives.
caffe::LayerParameter& add(caffe::NetParameter& net, const std::string& name, const std::string& type) {
  const int before = net.layer_size();
  const std::string bottom = before == 0 ? "data" : net.layer(before - 1).top(0);
  caffe::LayerParameter& layer = *net.add_layer();
  layer.set_name(name);
  layer.set_type(type);
  layer.add_bottom(bottom);
  layer.add_top(name);
  return layer;
}

caffe::NetParameter small_net() {
  caffe::NetParameter net;
  for (const int extent : {1, 3, 8, 8}) net.add_input_dim(extent);
  caffe::LayerParameter& conv = add(net, "conv1", "Convolution");
  conv.mutable_convolution_param()->set_num_output(2);
  conv.mutable_convolution_param()->add_kernel_size(3);
  *conv.add_blobs() = blob_of(std::vector<float>(54, 0.5F), {2, 3, 3, 3});
  *conv.add_blobs() = blob_of({1.0F, -2.0F}, {2});
  add(net, "relu1", "ReLU");
  caffe::LayerParameter& product = add(net, "ip", "InnerProduct");
  product.mutable_inner_product_param()->set_num_output(3);
  *product.add_blobs() = blob_of(std::vector<float>(216, 0.25F), {3, 72});
  *product.add_blobs() = blob_of({0.0F, 1.0F, 2.0F}, {3});
  add(net, "prob", "Softmax");
  return net;
}

std::string refusal_of(const std::string& bytes) {
  return test::error_of([&] { static_cast<void>(read_caffemodel(as_bytes_of(bytes), "f")); });
}
std::string refusal_of(const caffe::NetParameter& net) { return refusal_of(net.SerializeAsString()); }

std::string net_text(const caffe::NetParameter& net, const std::optional<Extent>& stored = std::nullopt) {
  const std::string bytes = net.SerializeAsString();
  return caffe_net_text(read_caffemodel(as_bytes_of(bytes), "f"), stored, "f");
}
std::string net_refusal(const caffe::NetParameter& net) {
  return test::error_of([&] { static_cast<void>(net_text(net)); });
}

TEST(CaffeModel, BlobsComeBackWithTheirValues) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  caffe::NetParameter net;
  std::vector<std::vector<float>> expected;
  for (int i = 0; i < 20; ++i) {
    caffe::LayerParameter& layer = add(net, "l" + std::to_string(i), "Convolution");
    for (int b = 0; b < 3; ++b) {
      const std::vector<int> shape = {1 + static_cast<int>(random() % 5), 1 + static_cast<int>(random() % 5)};
      std::vector<float> values(static_cast<std::size_t>(shape[0] * shape[1]));
      for (float& value : values) value = normal(random);
      caffe::BlobProto blob = blob_of(values, shape);
      if (b == 2) {
        blob.clear_data();
        for (const float value : values) blob.add_double_data(static_cast<double>(value));
      }
      *layer.add_blobs() = blob;
      expected.push_back(values);
    }
  }
  const std::string bytes = net.SerializeAsString();
  const CaffeModel model = read_caffemodel(as_bytes_of(bytes), "f");
  ASSERT_EQ(model.layers.size(), 20U);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(model.layers[i / 3].blobs.at(i % 3).values(), expected[i]) << i;
  }
  EXPECT_TRUE(is_caffemodel(as_bytes_of(bytes)));
}

TEST(CaffeModel, EveryCutAndEveryFlippedBitIsReadOrRefused) {
  const std::string bytes = small_net().SerializeAsString();
  int refused = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::string refusal = refusal_of(bytes.substr(0, size));
    if (!refusal.empty()) ++refused;
    EXPECT_TRUE(refusal.empty() || refusal.starts_with("f: ")) << refusal;
  }
  EXPECT_GT(refused, static_cast<int>(bytes.size() * 9 / 10));  // a few cuts are between layers
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      const std::string refusal = test::error_of([&] {
        const CaffeModel model = read_caffemodel(as_bytes_of(damaged), "f");
        for (const CaffeLayer& layer : model.layers) {
          for (const CaffeBlob& blob : layer.blobs) EXPECT_EQ(blob.values().size(), blob.elements);
        }
        static_cast<void>(parse_net(caffe_net_text(model, std::nullopt, "f"), "f"));
      });
      EXPECT_TRUE(refusal.empty() || refusal.starts_with("f:")) << refusal;
    }
  }
}

TEST(CaffeModel, WhatAFileClaimsIsCompared) {
  caffe::NetParameter net = small_net();
  net.mutable_layer(0)->mutable_blobs(0)->mutable_shape()->set_dim(0, 3);
  EXPECT_NE(refusal_of(net).find("a blob of 54 values whose shape has 81"), std::string::npos);
  net = small_net();
  for (int i = 0; i < 4; ++i) {
    net.mutable_layer(0)->mutable_blobs(0)->mutable_shape()->set_dim(
        i, std::numeric_limits<std::int64_t>::max());
  }
  EXPECT_NE(refusal_of(net).find("whose shape has too many"), std::string::npos);
  net.mutable_layer(0)->mutable_blobs(0)->mutable_shape()->set_dim(0, -2);
  EXPECT_NE(refusal_of(net).find("an extent below 0"), std::string::npos);
  net = small_net();
  for (int i = 0; i < 9; ++i) net.mutable_layer(0)->mutable_blobs(0)->mutable_shape()->add_dim(1);
  EXPECT_NE(refusal_of(net).find("dimensions"), std::string::npos);
  for (int i = 0; i < 300; ++i) net.mutable_layer(0)->mutable_blobs(0)->mutable_shape()->add_dim(1);
  EXPECT_NE(refusal_of(net).find("a shape of 316 bytes"), std::string::npos);
  net = small_net();
  for (int i = 0; i < 65; ++i) *net.mutable_layer(0)->add_blobs() = blob_of({}, {0});
  EXPECT_NE(refusal_of(net).find("more than 64 blobs"), std::string::npos);
  net = small_net();
  for (int i = 0; i < 4096; ++i) net.add_layer();
  EXPECT_NE(refusal_of(net).find("more than 4096 layers"), std::string::npos);
  net = small_net();
  net.mutable_layer(1)->set_name(std::string(70000, 'x'));
  EXPECT_NE(refusal_of(net).find("bytes besides its blobs"), std::string::npos);
  EXPECT_NE(refusal_of(std::string()).find("no layers"), std::string::npos);
  // Values whose bytes are no whole number of floats; a layer of 2013's first format.
  EXPECT_NE(refusal_of(std::string("\xa2\x06\x07\x3a\x05\x2a\x03zzz", 10)).find("values of another type"),
            std::string::npos);
  EXPECT_NE(refusal_of(std::string("\x12\x02\x0a\x00", 4)).find("V0"), std::string::npos);
}

TEST(CaffeModel, LayersBecomeLinesOfANet) {
  caffe::NetParameter net = small_net();
  EXPECT_EQ(net_text(net), "# made from f\ninput 8x8x3\nconv conv1 2 3x3\nrelu\nfc ip 3\nsoftmax\n");
  EXPECT_NE(net_text(net, Extent{10, 12, 3}).find("input 8x8x3 from=10x12\n"), std::string::npos);
  caffe::ConvolutionParameter& conv = *net.mutable_layer(0)->mutable_convolution_param();
  conv.clear_kernel_size();
  conv.set_kernel_h(3);
  conv.set_kernel_w(5);
  conv.set_pad_h(1);
  conv.set_pad_w(2);
  conv.add_stride(2);
  conv.set_group(3);
  EXPECT_NE(net_text(net).find("conv conv1 2 3x5 stride=2 pad=1,2,1,2 groups=3\n"), std::string::npos);
  net = small_net();
  net.mutable_layer(1)->set_type("LRN");
  net.mutable_layer(1)->mutable_lrn_param()->set_k(2.5F);
  net.mutable_layer(1)->mutable_lrn_param()->set_alpha(1e-4F);
  EXPECT_NE(net_text(net).find("lrn size=5 k=2.5 alpha=1e-04 beta=0.75 window=mean\n"), std::string::npos);
  net.mutable_layer(1)->mutable_lrn_param()->set_norm_region(1);
  EXPECT_NE(net_text(net).find("lrn-map size=5 k=1 alpha=1e-04 beta=0.75 window=mean\n"), std::string::npos);
  net.mutable_layer(1)->set_type("Pooling");
  caffe::PoolingParameter& pool = *net.mutable_layer(1)->mutable_pooling_param();
  pool.set_kernel_size(3);
  pool.set_stride(2);
  pool.set_pad(1);
  EXPECT_NE(net_text(net).find("maxpool 3x3 stride=2 pad=1 ceil=on\n"), std::string::npos);
  pool.set_round_mode(1);
  EXPECT_NE(net_text(net).find("maxpool 3x3 stride=2 pad=1\n"), std::string::npos);
  net.mutable_layer(1)->set_type("Dropout");
  net.mutable_layer(1)->mutable_dropout_param()->set_dropout_ratio(0.3F);
  EXPECT_NE(net_text(net).find("dropout 0.3\n"), std::string::npos);
  net.mutable_layer(1)->set_type("TanH");
  EXPECT_NE(net_text(net).find("tanh\n"), std::string::npos);
  net.mutable_layer(1)->set_type("Sigmoid");
  EXPECT_NE(net_text(net).find("logistic\n"), std::string::npos);
}

TEST(CaffeModel, LayersThatANetCannotHaveAreNamed) {
  const auto refused = [](const auto& change) {
    caffe::NetParameter net = small_net();
    change(net);
    return net_refusal(net);
  };
  EXPECT_EQ(refused([](auto& net) { net.mutable_layer(1)->set_type("BatchNorm"); }),
            "f: layer 'relu1' (BatchNorm) is of a type that no layer of convoy has");
  EXPECT_EQ(refused([](auto& net) { net.mutable_layer(1)->mutable_relu_param()->set_negative_slope(0.1F); }),
            "f: layer 'relu1' (ReLU) has a slope below 0: convoy has no such layer");
  EXPECT_EQ(refused([](auto& net) { net.mutable_layer(0)->mutable_convolution_param()->add_dilation(2); }),
            "f: layer 'conv1' (Convolution) is dilated: convoy has no such layer");
  EXPECT_EQ(refused([](auto& net) { net.mutable_layer(1)->add_bottom("data"); }),
            "f: layer 'relu1' (ReLU) has 2 inputs: a net of convoy is one chain");
  EXPECT_EQ(refused([](auto& net) { net.mutable_layer(2)->set_bottom(0, "conv1"); }),
            "f: layer 'ip' (InnerProduct) takes 'conv1', not 'relu1', which the layer before it gives: a net "
            "of convoy "
            "is one chain");
  EXPECT_EQ(refused([](auto& net) { net.clear_input_dim(); }),
            "f: its layers do not say the size of their input: give --net=FILE");
  EXPECT_EQ(caffe_layer_name("fire2/squeeze1x1"), "fire2_squeeze1x1");
  EXPECT_EQ(caffe_layer_name("1a"), "_1a");
  EXPECT_EQ(caffe_layer_name(""), "_");
}

TEST(CaffeModel, AMatrixThatIsTransposedIsTurned) {
  caffe::NetParameter net = small_net();
  caffe::LayerParameter& product = *net.mutable_layer(2);
  product.mutable_inner_product_param()->set_transpose(true);
  product.clear_blobs();
  *product.add_blobs() = blob_of({1, 2, 3, 4, 5, 6}, {3, 2});
  const test::TemporaryFolder folder;
  const std::string path = folder / "transposed.caffemodel";
  {
    OutputFile out(path, OutputFile::Content::binary);
    out.write(net.SerializeAsString());
    out.commit();
  }
  const ForeignWeights weights = from_caffemodel(std::make_shared<MappedFile>(path), std::nullopt);
  const ForeignTensor& tensor = weights.tensors.at(2);
  EXPECT_EQ(tensor.name, "ip.weight");
  EXPECT_EQ(tensor.shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(tensor.read(), (std::vector<float>{1, 3, 5, 2, 4, 6}));
  // Without biases there are zeros.
  EXPECT_EQ(weights.tensors.at(3).read(), (std::vector<float>{0, 0, 0}));
}

}  // namespace
}  // namespace convoy
