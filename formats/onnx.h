// Writes ONNX files: a graph of operators in the opset 13 of ONNX, with its constants. The schema is that of
// the ONNX project (onnx.proto), which comes with its library.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/base/file.h"

namespace convoy {

// Bytes: protobuf writes no more.
inline constexpr std::uint64_t kMaxOnnxBytes = 2147483647;
inline constexpr int kOnnxOpset = 13;

// A graph that is built from its input on. Values have names, which must differ; the first extent of what
// nodes give is the number of images, which the graph leaves open.
class OnnxGraph {
 public:
  struct Attribute {
    std::string_view name;
    std::variant<std::int64_t, double, std::vector<std::int64_t>> value;
  };

  // name: of the graph. producer, version: of the program that writes it.
  OnnxGraph(const std::string& name, const std::string& producer, const std::string& version);
  OnnxGraph(const OnnxGraph&) = delete;
  OnnxGraph& operator=(const OnnxGraph&) = delete;
  OnnxGraph(OnnxGraph&&) = delete;
  OnnxGraph& operator=(OnnxGraph&&) = delete;
  ~OnnxGraph();

  // The input and the output of the graph, of floats: any number of images of these extents.
  void set_input(const std::string& name, std::span<const std::int64_t> extents, const std::string& text);
  void set_output(const std::string& name, std::span<const std::int64_t> extents, const std::string& text);
  // Adds a constant, and returns its name. values: as many as the extents say.
  std::string constant(const std::string& name, std::span<const std::int64_t> extents,
                       std::span<const float> values);
  std::string constant(const std::string& name, std::span<const std::int64_t> values);
  // Adds a node that gives the value `output`, and returns that name.
  std::string node(std::string_view op, std::initializer_list<std::string> inputs, const std::string& output,
                   std::initializer_list<Attribute> attributes = {});
  // One with any number of inputs and outputs.
  void node(std::string_view op, std::span<const std::string> inputs, std::span<const std::string> outputs,
            std::initializer_list<Attribute> attributes);
  void set_metadata(const std::string& key, const std::string& value);

  // Writes the file; the bytes are a function of the calls before. The caller commits `out`. Throws Error if
  // the file would be larger than kMaxOnnxBytes.
  void write(OutputFile& out) const;

 private:
  struct Model;
  std::unique_ptr<Model> model_;
};

}  // namespace convoy
