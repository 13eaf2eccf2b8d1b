// Answers with activations, or with the images whose activations are nearest.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/nearest.h"
#include "lib/runs/class_responder.h"
#include "lib/runs/feature_file.h"
#include "lib/runs/feature_net.h"
#include "lib/runs/responder.h"

namespace convoy {

// Writes a row of a file of features for each image.
class FeatureResponder final : public Responder {
 public:
  // weights, console: must outlive this.
  FeatureResponder(const std::string& output, const std::string& layer, const WeightsFile& weights,
                   const InferenceOptions& inference, Console& console);

  [[nodiscard]] std::uint64_t least_bytes(std::size_t images) const override {
    return net_.least_bytes(images, 0);
  }
  [[nodiscard]] std::string refusal(const std::string& name) const override {
    return FeatureWriter::refusal(name);
  }
  void prepare(std::size_t images) override { net_.compile(images, 0, console_); }
  void compute(std::span<const Image> images) override { features_ = net_.features(images); }
  void answer(std::size_t index, const std::string& name, const std::string& place) override;
  void reject(const std::string& /*name*/, const std::string& /*reason*/) override {}
  void commit() override;
  [[nodiscard]] bool is_stream() const override { return false; }

 private:
  FeatureNet net_;
  FeatureOrigin origin_;
  Console& console_;
  FeatureWriter writer_;
  std::span<const float> features_;
};

// Writes the nearest images of a file of features for each image. Each batch is one pass over that file.
class NearestResponder final : public Responder {
 public:
  // features: the path of the file. Throws Error if it is not of these weights. weights, console: must
  // outlive this.
  NearestResponder(const std::string& output, const AnswerForm& form, const std::string& features,
                   const WeightsFile& weights, const MemoryLimit& memory, const InferenceOptions& inference,
                   Console& console);

  [[nodiscard]] std::uint64_t least_bytes(std::size_t images) const override {
    return net_.least_bytes(images, held_per_image());
  }
  void prepare(std::size_t images) override { net_.compile(images, held_per_image(), console_); }
  void compute(std::span<const Image> images) override;
  void answer(std::size_t index, const std::string& name, const std::string& place) override;
  void reject(const std::string& name, const std::string& reason) override;
  void commit() override { text_.commit(); }
  [[nodiscard]] bool is_stream() const override { return text_.is_stream(); }

 private:
  [[nodiscard]] std::uint64_t held_per_image() const;

  FeatureFile features_;
  FeatureNet net_;
  AnswerForm form_;
  int threads_;
  Console& console_;
  AnswerText text_;
  std::vector<bool> finite_;  // of each image of the last compute(), whether it has neighbours
  std::vector<std::vector<Neighbour>> neighbours_;
};

}  // namespace convoy
