// What predict writes: an answer for each image, in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/dataset_info.h"
#include "formats/image.h"
#include "formats/shard.h"
#include "lib/base/file.h"
#include "lib/runs/predictor.h"
#include "lib/shards/rejects.h"

namespace convoy {

// An image ready for the net, or why there is none.
struct PreparedImage {
  std::string name;   // in the answer
  std::string place;  // in messages
  Image image;
  std::string failure;     // empty: the image is there
  bool by_system = false;  // whether the failure is one of the machine, which says nothing about the image
  Loss loss = {};          // with a failure
};

struct AnswerForm {
  bool json = false;     // else TSV
  std::size_t best = 5;  // classes of an answer
};

// Gathers images into batches and writes their answers, or their failures to the rejects.
class Answers {
 public:
  // Compiles the net for a given batch size.
  using Compile = std::function<Predictor(std::size_t batch)>;

  // output: a file, or "-". batch: at most this many images at a time. The net is compiled on first use, for
  // the first batch's size, so that a few images do not need a large net. `classes` and `rejects` must
  // outlive this.
  Answers(const std::string& output, const AnswerForm& form, const std::vector<ClassInfo>& classes,
          Compile compile, std::size_t batch, Rejects& rejects);

  // Throws SystemError if the machine has failed, unless each image is answered at once into a stream, as for
  // a coprocess: then the answer says so, and the next image may fare better.
  void add(PreparedImage&& image);
  // Answers the images of the last batch, which need not be full, and completes the list of the rejects and
  // the output. Throws what Rejects::conclude() throws, and Error if there was no image; answers that have
  // been written to a stream stand.
  void finish();
  // Answers what is waiting, leaves the output without its name, and throws Error: the input cannot be
  // followed any further.
  [[noreturn]] void end_early();
  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  // Whether an answer says that the machine has failed.
  [[nodiscard]] bool any_by_system() const { return any_by_system_; }

 private:
  void answer_waiting();
  [[nodiscard]] std::span<const float> predict_waiting();
  void reject(const PreparedImage& image);

  AnswerForm form_;
  const std::vector<ClassInfo>& classes_;
  Compile compile_;
  std::size_t batch_;
  Rejects& rejects_;
  OutputFile out_;
  std::optional<Predictor> predictor_;
  std::vector<PreparedImage> waiting_;
  std::uint64_t answered_ = 0;
  bool outlives_failures_;
  bool any_by_system_ = false;
};

}  // namespace convoy
