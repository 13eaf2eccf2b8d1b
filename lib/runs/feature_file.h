// The file of features that predict --features writes and predict --nearest reads: a safetensors file with
//   features  F32 [images, elements]  the activations of a layer, a row for each image, in C,H,W order
//   names     U8 [bytes]              the names of the images, in their order, each ended by a NUL byte
// and in its metadata what they are of. Documented in man/convoy-predict.1.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/safetensors.h"
#include "formats/weights.h"
#include "lib/base/file.h"

namespace convoy {

// What features are of.
struct FeatureOrigin {
  std::string layer;      // as given to --features
  std::string weights;    // weights_digest()
  std::string precision;  // "fp32", "bf16"
};

// 16 hexadecimal digits that tell trained nets apart: XXH3-64 of the net's text, how images were prepared,
// the mean and all parameters. A checkpoint and the weights of the same net have the same.
[[nodiscard]] std::string weights_digest(const WeightsFile& weights);

// Writes a file whose number of images is not known before the end: rows and names go to unlinked temporary
// files in TMPDIR first.
class FeatureWriter {
 public:
  // elements: of a row.
  FeatureWriter(const std::string& output, std::size_t elements);
  // Why the file cannot hold that name; empty if it can.
  [[nodiscard]] static std::string refusal(std::string_view name);
  // Throws Error(name of the output, ...) if it cannot.
  void add(const std::string& name, std::span<const float> row);
  // Writes the file and gives it its name.
  void commit(const FeatureOrigin& origin);

 private:
  // Bytes on their way to a temporary file.
  class Spool {
   public:
    explicit Spool(std::string_view use) : file_(use) {}
    void add(std::span<const std::byte> bytes);
    void flush();
    [[nodiscard]] const TemporaryFile& file() const { return file_; }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

   private:
    TemporaryFile file_;
    std::vector<std::byte> waiting_;
    std::uint64_t bytes_ = 0;
  };

  OutputFile out_;
  std::size_t elements_;
  std::uint64_t rows_ = 0;
  Spool features_{"temporary file of features"};
  Spool names_{"temporary file of names"};
};

// A file of features, mapped.
class FeatureFile {
 public:
  // Throws Error if it is no such file, is damaged, or holds a value that is not finite. memory: for the
  // places of the names.
  FeatureFile(const std::string& path, const MemoryLimit& memory);
  // The same of a file that is open already, such as one from a pipe.
  FeatureFile(SafetensorsFile file, const MemoryLimit& memory);

  [[nodiscard]] const std::string& name() const { return file_.name(); }
  [[nodiscard]] const FeatureOrigin& origin() const { return origin_; }
  [[nodiscard]] std::size_t elements() const { return elements_; }
  [[nodiscard]] std::uint64_t size() const { return ends_.size(); }
  [[nodiscard]] std::span<const float> rows() const { return rows_; }  // [size()][elements()]
  [[nodiscard]] std::string_view image(std::uint64_t row) const;       // its name

 private:
  SafetensorsFile file_;
  FeatureOrigin origin_;
  std::size_t elements_ = 0;
  std::span<const float> rows_;
  std::string_view names_;
  std::vector<std::uint64_t> ends_;  // of each name in names_
};

}  // namespace convoy
