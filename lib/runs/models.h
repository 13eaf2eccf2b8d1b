// The trained nets that answer together: their files, opened and compared.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "formats/weights.h"
#include "lib/base/console.h"
#include "lib/net/device.h"
#include "lib/runs/ensemble.h"

namespace convoy {

// What -w and --ensemble-weights say.
struct ModelFiles {
  std::vector<std::string> paths;  // at least one
  std::vector<double> weights;     // of each, above 0
};

class Models {
 public:
  // Opens the files. Nets may differ in everything but their classes and the stored images that they take:
  // throws Error naming what differs in the class table, in the stored size or in the preprocessing. Warns of
  // nets that take long, and notes missing checksums and tensors that are not used. memory: for the headers
  // and the mean of each file.
  Models(const ModelFiles& files, const MemoryLimit& memory, Console& console);

  [[nodiscard]] std::size_t size() const { return files_.size(); }
  [[nodiscard]] const WeightsFile& file(std::size_t index) const { return files_.at(index); }
  [[nodiscard]] double weight(std::size_t index) const { return weights_.at(index); }
  // What all agree on: class table, stored size, preprocessing; and the name of the file that it is of.
  [[nodiscard]] const DatasetInfo& dataset() const { return files_.front().model().dataset; }
  [[nodiscard]] const InputSpec& input() const { return files_.front().model().net.input; }
  [[nodiscard]] const std::string& name() const { return files_.front().name(); }
  [[nodiscard]] int classes() const { return files_.front().model().net.classes(); }
  // Throws Error(name, ...) if a shard has images of another size; warns if it was prepared in another way.
  void check_shard(const DatasetInfo& shard, const std::string& shard_name, Console& console) const;
  // What a message about the memory that they need begins with: "w.safetensors: ", "2 nets: ".
  [[nodiscard]] std::string lead() const;

 private:
  std::deque<WeightsFile> files_;
  std::vector<double> weights_;
};

// Models compiled for inference, with their parameters. `models` is not needed after that.
class CompiledModels {
 public:
  // The memory of all nets is planned and compared with options.memory before the first one is compiled.
  // options.held_per_image, options.held: of the caller, beside what an Ensemble takes. options.on_planned is
  // called once.
  CompiledModels(const Models& models, int views, const Device& device, const CompileOptions& options);

  [[nodiscard]] Ensemble& ensemble() { return *ensemble_; }

 private:
  std::vector<std::unique_ptr<CompiledNet>> nets_;
  std::optional<Ensemble> ensemble_;  // of these
};

// What CompiledModels take at least, whatever the number of threads, beside what the caller holds.
[[nodiscard]] std::uint64_t least_bytes(const Models& models, int views, const CompileOptions& options);

}  // namespace convoy
