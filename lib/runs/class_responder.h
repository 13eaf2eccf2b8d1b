// Answers with the likeliest classes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/base/file.h"
#include "lib/runs/inference_options.h"
#include "lib/runs/models.h"
#include "lib/runs/responder.h"

namespace convoy {

struct AnswerForm {
  bool json = false;     // else TSV
  std::size_t best = 5;  // classes, or neighbours, of an answer
};

// The text that answers are written to: each line at once.
class AnswerText {
 public:
  // output: a file, or "-".
  explicit AnswerText(const std::string& output);
  void write(const std::string& lines);
  void commit() { out_.commit(); }
  [[nodiscard]] bool is_stream() const { return stream_; }

 private:
  OutputFile out_;
  bool stream_;
};

class ClassResponder final : public Responder {
 public:
  // models, console: must outlive this.
  ClassResponder(const std::string& output, const AnswerForm& form, const Models& models,
                 const InferenceOptions& inference, Console& console);

  [[nodiscard]] std::uint64_t least_bytes(std::size_t images) const override;
  void prepare(std::size_t images) override;
  void compute(std::span<const Image> images) override;
  void answer(std::size_t index, const std::string& name, const std::string& place) override;
  void reject(const std::string& name, const std::string& reason) override;
  void commit() override { text_.commit(); }
  [[nodiscard]] bool is_stream() const override { return text_.is_stream(); }

 private:
  [[nodiscard]] CompileOptions options_for(std::size_t images) const;

  AnswerText text_;
  AnswerForm form_;
  const Models& models_;
  InferenceOptions inference_;
  Console& console_;
  std::optional<CompiledModels> compiled_;
  std::span<const float> probabilities_;  // of the last compute()
};

// The pixels of each image.
[[nodiscard]] std::vector<const std::uint8_t*> pixels_of(std::span<const Image> images);

}  // namespace convoy
