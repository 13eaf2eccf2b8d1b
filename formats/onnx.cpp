#include "formats/onnx.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <exception>

#include "formats/onnx_schema.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

constexpr int kIrVersion = 7;         // the first that has the opset 13
constexpr const char* kImages = "N";  // the first extent of the input and the output
constexpr int kBytesAtOnce = 1 << 20;

// Hands what protobuf writes to an OutputFile. What that throws waits until protobuf has returned.
class Sink : public google::protobuf::io::CopyingOutputStream {
 public:
  explicit Sink(OutputFile& out) : out_(out) {}
  bool Write(const void* buffer, int size) override {
    try {
      out_.write(std::span(static_cast<const std::byte*>(buffer), static_cast<std::size_t>(size)));
      return true;
    } catch (...) {
      failure_ = std::current_exception();
      return false;
    }
  }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  OutputFile& out_;
  std::exception_ptr failure_;
};

void set_value(onnx::ValueInfoProto& value, const std::string& name, std::span<const std::int64_t> extents,
               const std::string& text) {
  value.set_name(name);
  value.set_doc_string(text);
  onnx::TypeProto_Tensor& type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  type.mutable_shape()->add_dim()->set_dim_param(kImages);
  for (const std::int64_t extent : extents) type.mutable_shape()->add_dim()->set_dim_value(extent);
}

void set_attribute(onnx::AttributeProto& attribute, const OnnxGraph::Attribute& from) {
  attribute.set_name(std::string(from.name));
  if (const auto* number = std::get_if<std::int64_t>(&from.value)) {
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(*number);
  } else if (const auto* real = std::get_if<double>(&from.value)) {
    attribute.set_type(onnx::AttributeProto::FLOAT);
    attribute.set_f(static_cast<float>(*real));
  } else {
    attribute.set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t one : std::get<std::vector<std::int64_t>>(from.value)) attribute.add_ints(one);
  }
}

}  // namespace

struct OnnxGraph::Model {
  onnx::ModelProto model;
  [[nodiscard]] onnx::GraphProto& graph() { return *model.mutable_graph(); }
};

OnnxGraph::OnnxGraph(const std::string& name, const std::string& producer, const std::string& version)
    : model_(std::make_unique<Model>()) {
  onnx::ModelProto& model = model_->model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name(producer);
  model.set_producer_version(version);
  onnx::OperatorSetIdProto& opset = *model.add_opset_import();
  opset.set_domain("");
  opset.set_version(kOnnxOpset);
  model_->graph().set_name(name);
}

OnnxGraph::~OnnxGraph() = default;

void OnnxGraph::set_input(const std::string& name, std::span<const std::int64_t> extents,
                          const std::string& text) {
  set_value(*model_->graph().add_input(), name, extents, text);
}

void OnnxGraph::set_output(const std::string& name, std::span<const std::int64_t> extents,
                           const std::string& text) {
  set_value(*model_->graph().add_output(), name, extents, text);
}

std::string OnnxGraph::constant(const std::string& name, std::span<const std::int64_t> extents,
                                std::span<const float> values) {
  onnx::TensorProto& tensor = *model_->graph().add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t extent : extents) tensor.add_dims(extent);
  tensor.set_raw_data(values.data(), values.size_bytes());  // little-endian, as this machine
  return name;
}

std::string OnnxGraph::constant(const std::string& name, std::span<const std::int64_t> values) {
  onnx::TensorProto& tensor = *model_->graph().add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::INT64);
  tensor.add_dims(static_cast<std::int64_t>(values.size()));
  tensor.set_raw_data(values.data(), values.size_bytes());
  return name;
}

std::string OnnxGraph::node(std::string_view op, std::initializer_list<std::string> inputs,
                            const std::string& output, std::initializer_list<Attribute> attributes) {
  node(op, std::span(inputs.begin(), inputs.size()), std::span(&output, 1), attributes);
  return output;
}

void OnnxGraph::node(std::string_view op, std::span<const std::string> inputs,
                     std::span<const std::string> outputs, std::initializer_list<Attribute> attributes) {
  onnx::NodeProto& node = *model_->graph().add_node();
  node.set_op_type(std::string(op));
  node.set_name(outputs.front());
  for (const std::string& input : inputs) node.add_input(input);
  for (const std::string& output : outputs) node.add_output(output);
  for (const Attribute& attribute : attributes) set_attribute(*node.add_attribute(), attribute);
}

void OnnxGraph::set_metadata(const std::string& key, const std::string& value) {
  onnx::StringStringEntryProto& entry = *model_->model.add_metadata_props();
  entry.set_key(key);
  entry.set_value(value);
}

void OnnxGraph::write(OutputFile& out) const {
  if (model_->model.ByteSizeLong() > kMaxOnnxBytes) {
    throw Error(out.name(), "the net needs more than the 2 GiB that an ONNX file may have");
  }
  Sink sink(out);
  google::protobuf::io::CopyingOutputStreamAdaptor stream(&sink, kBytesAtOnce);
  const bool whole = model_->model.SerializeToZeroCopyStream(&stream) && stream.Flush();
  sink.rethrow();
  if (!whole) throw Error(out.name(), "protobuf does not write the file");
}

}  // namespace convoy
