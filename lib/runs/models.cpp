#include "lib/runs/models.h"

#include "formats/safetensors_checksum.h"
#include "lib/base/checked.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/runs/checkpoint.h"
#include "lib/runs/labels.h"
#include "lib/runs/run_doubts.h"

namespace convoy {
namespace {

// Throws Error unless both answer about the same images with the same classes.
void check_agreement(const WeightsFile& file, const WeightsFile& first) {
  const Model& model = file.model();
  const Model& other = first.model();
  check_classes(model.dataset.classes, file.name(), other.dataset.classes, first.name());
  if (model.net.classes() != other.net.classes()) {
    throw Error(file.name(), "its net has " +
                                 count_of(static_cast<std::uint64_t>(model.net.classes()), "output") +
                                 ", that of " + first.name() + " has " + std::to_string(other.net.classes()));
  }
  if (model.net.input.stored != other.net.input.stored) {
    throw Error(file.name(), "takes stored images of " + text_of(model.net.input.stored) +
                                 " (height x width x channels), " + first.name() + " takes " +
                                 text_of(other.net.input.stored));
  }
  const std::string difference =
      preprocessing_difference(model.dataset.preprocessing, other.dataset.preprocessing);
  if (!difference.empty()) {
    throw Error(file.name(),
                "its images were prepared in another way than those of " + first.name() + ": " + difference);
  }
}

CompileOptions with_ensemble(CompileOptions options, const Models& models, int views) {
  options.held_per_image = saturating_add(options.held_per_image,
                                          ensemble_bytes_per_image(models.classes(), models.size(), views));
  return options;
}

}  // namespace

Models::Models(const ModelFiles& files, const MemoryLimit& memory, Console& console)
    : weights_(files.weights) {
  for (const std::string& path : files.paths) {
    const WeightsFile& file = files_.emplace_back(path, Expected::weights, memory);
    note_checksum(file.has_checksum(), file.name(), console);
    check_agreement(file, files_.front());
    for (const std::string& name : file.unknown()) {
      console.note(file.name() + ": tensor '" + name + "' is not of this net and not used");
    }
    if (const auto warning = work_warning(file.model().net)) console.warn(file.name() + ": " + *warning);
  }
}

void Models::check_shard(const DatasetInfo& shard, const std::string& shard_name, Console& console) const {
  check_extent(shard, input(), shard_name);
  const std::string difference = preprocessing_difference(shard.preprocessing, dataset().preprocessing);
  if (!difference.empty()) {
    console.warn(shard_name + ": prepared in another way than " + name() + ": " + difference);
  }
}

std::string Models::lead() const { return (size() == 1 ? name() : count_of(size(), "net")) + ": "; }

CompiledModels::CompiledModels(const Models& models, int views, const Device& device,
                               const CompileOptions& compile) {
  CompileOptions options = with_ensemble(compile, models, views);
  if (models.size() > 1) {
    std::vector<const NetSpec*> nets;
    for (std::size_t i = 0; i < models.size(); ++i) nets.push_back(&models.file(i).model().net);
    plan_nets(nets, device, options);
    options.on_planned = {};
  }
  std::vector<EnsembleMember> members;
  for (std::size_t i = 0; i < models.size(); ++i) {
    CompiledNet& net = *nets_.emplace_back(compile_net(models.file(i).model().net, device, options));
    load_parameters(models.file(i), net, false);
    members.push_back({.net = net, .weight = models.weight(i)});
  }
  ensemble_.emplace(members, views);
}

std::uint64_t least_bytes(const Models& models, int views, const CompileOptions& options) {
  CompileOptions how = with_ensemble(options, models, views);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < models.size(); ++i) {
    bytes = saturating_add(bytes, least_memory(models.file(i).model().net, how).total());
    how.held_per_image = how.held = 0;  // all nets read the same images
  }
  return bytes;
}

}  // namespace convoy
