// The answer of nets to views of an image: the mean of their class probabilities.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lib/net/compiled_net.h"
#include "lib/runs/views.h"

namespace convoy {

// A net of an ensemble, and how much its answer counts.
struct EnsembleMember {
  CompiledNet& net;
  double weight = 1.0;  // above 0
};

class Ensemble {
 public:
  // The nets must have the same classes and stored size; they must outlive this. views: 1 or 10
  // of each image.
  explicit Ensemble(const std::vector<EnsembleMember>& members, int views = 1);

  // images: stored images, each HWC, of the stored size. Their class probabilities, [images, classes]: the
  // weighted mean over the nets of the mean over the views. One net and one view give the bits of
  // CompiledNet::infer(); other sums are in double precision, in the order of nets and views. Valid until the
  // next call. Each net runs on as many crops at a time as it was compiled for.
  [[nodiscard]] std::span<const float> predict(std::span<const std::uint8_t* const> images);

  [[nodiscard]] int classes() const { return classes_; }
  [[nodiscard]] const InputSpec& input() const { return members_.front().net.net().input; }
  // Whether the processors are free while the nets compute (CompiledNet::overlaps_steps()).
  [[nodiscard]] bool leaves_processors() const;

 private:
  struct Member {
    CompiledNet& net;
    std::vector<View> views;
    std::vector<double> factors;  // of each view
  };
  void predict_once(std::span<const std::uint8_t* const> images, std::span<float> means);
  void add(const Member& member, std::span<const std::uint8_t* const> images);

  std::vector<Member> members_;
  int classes_;
  std::vector<const std::uint8_t*> pixels_;  // of the crops that a net is given at a time
  std::vector<Crop> crops_;
  std::vector<float> answers_;  // to these crops
  std::vector<double> sums_;    // [images, classes]
  std::vector<float> means_;
};

// What an Ensemble takes for each image of a call to predict().
[[nodiscard]] std::uint64_t ensemble_bytes_per_image(int classes, std::size_t nets = 1, int views = 1);

}  // namespace convoy
