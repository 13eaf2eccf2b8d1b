// An answer of predict for each image, in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "formats/image.h"
#include "formats/shard.h"
#include "lib/runs/responder.h"
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

// Gathers images into batches and hands them to a Responder, or their failures to it and to the rejects.
class Answers {
 public:
  // batch: at most this many images at a time. The responder is prepared on first use, for the first batch's
  // size, so that a few images do not need a large net; but at once for one image at a time, as for a
  // coprocess. `responder` and `rejects` must outlive this.
  Answers(Responder& responder, std::size_t batch, Rejects& rejects);

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
  void compute_waiting();

  Responder& responder_;
  std::size_t batch_;
  bool prepared_ = false;
  Rejects& rejects_;
  std::vector<PreparedImage> waiting_;
  std::uint64_t answered_ = 0;
  bool outlives_failures_;
  bool any_by_system_ = false;
};

}  // namespace convoy
