// Answers with the likeliest classes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

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

  void prepare(std::size_t images) override;
  void compute(std::span<const Image> images) override;
  void answer(std::size_t index, const std::string& name, const std::string& place) override;
  void reject(const std::string& name, const std::string& reason) override;
  void commit() override { text_.commit(); }
  [[nodiscard]] bool is_stream() const override { return text_.is_stream(); }

 private:
  AnswerText text_;
  AnswerForm form_;
  const Models& models_;
  InferenceOptions inference_;
  Console& console_;
  std::optional<CompiledModels> compiled_;
  std::span<const float> probabilities_;  // of the last compute()
};

// How the nets are compiled to answer so many images at a time. If --batch is not given, all views of an
// image are computed at once.
[[nodiscard]] CompileOptions options_to_answer(const InferenceOptions& inference, const Models& models,
                                               std::size_t images);
// What ClassResponder::prepare(images) takes at least, whatever the number of threads.
[[nodiscard]] std::uint64_t least_bytes_to_answer(const InferenceOptions& inference, const Models& models,
                                                  std::size_t images);

// The pixels of each image.
[[nodiscard]] std::vector<const std::uint8_t*> pixels_of(std::span<const Image> images);

}  // namespace convoy
