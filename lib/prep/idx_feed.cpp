// IDX files as inputs: the operands of --idx, and images to predict.
#include <algorithm>
#include <utility>

#include "lib/base/checked.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/prep/feeds.h"

namespace convoy {
namespace {

std::string image_name(const std::string& file, std::size_t index) {
  return file + ":" + std::to_string(index);
}

// The labels of all operands.
struct Extent {
  std::int32_t least = kMaxClasses;
  std::int32_t largest = -1;
  std::string place;  // of the first file of labels
  void add(const IdxLabels& labels, const std::string& name) {
    if (place.empty()) place = name;
    for (const std::int32_t label : labels.values) {
      least = std::min(least, label);
      largest = std::max(largest, label);
    }
  }
};

// Throws Error if the table has as many classes as there are numbers, but the numbers begin at 1: every label
// would be that of the class behind.
void check_first_label(const Extent& labels, const std::vector<ClassInfo>& classes) {
  if (labels.least != 1 || static_cast<std::size_t>(labels.largest) != classes.size()) return;
  throw Error(labels.place, "labels from 1 to " + std::to_string(labels.largest) + ", but the table has " +
                                count_of(classes.size(), "class") +
                                ", from 0: subtract 1, or begin the table with a line for class 0");
}

}  // namespace

class ImageSource::IdxFeed : public Feed {
 public:
  // labels: those of the images, or nothing.
  IdxFeed(const ImageSource& inputs, std::string name, std::unique_ptr<IdxStream> stream,
          const IdxLabels* labels)
      : inputs_(inputs),
        name_(std::move(name)),
        stream_(std::move(stream)),
        labels_(labels),
        images_(std::move(stream_->reader), inputs.options_.limits) {}

  std::optional<ImageInput> next(Reading reading) override {
    if (ended_) return std::nullopt;
    ended_ = true;  // unless there is a whole image: there is nothing to read behind damage
    ImageInput input;
    if (reading == Reading::images) {
      input.pixels = images_.next();
      if (!input.pixels) return std::nullopt;
    } else if (!images_.skip()) {
      return std::nullopt;
    }
    ended_ = false;
    input.name = input.place = image_name(name_, at_);
    set_label(input);
    ++at_;
    return input;
  }

 private:
  void set_label(ImageInput& input) const {
    if (labels_ == nullptr) {
      inputs_.set_label(input, {});
      return;
    }
    input.label = labels_->values.at(at_);
    const std::size_t classes = inputs_.classes().size();
    if (static_cast<std::size_t>(input.label) < classes) return;
    input.failure = "label " + std::to_string(input.label) + " is out of range: the table has " +
                    count_of(classes, "class") + ", from 0";
    input.pixels.reset();
  }

  const ImageSource& inputs_;
  std::string name_;
  std::unique_ptr<IdxStream> stream_;
  const IdxLabels* labels_;
  IdxImages images_;
  std::size_t at_ = 0;
  bool ended_ = false;
};

std::unique_ptr<ImageSource::IdxStream> ImageSource::open_idx(std::unique_ptr<Opened> opened,
                                                              const std::string& name) {
  const bool whole = opened->file.is_regular() && opened->from_start;
  IdxReader reader(opened->source, name, whole ? opened->file.size() : 0);
  return std::make_unique<IdxStream>(IdxStream{std::move(opened), std::move(reader)});
}

// Reads all headers and labels: what does not fit is known before the first image is prepared.
void ImageSource::read_idx_operands() {
  std::vector<Operand> images;
  Extent labels;
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    Operand& operand = operands_[i];
    const std::string name = display_name(operand.path);
    std::string path = operand.path;
    auto opened = std::make_unique<Opened>(path);
    bool reopens = path != kStdStreamName && opened->file.is_regular();
    if (options_.again && !reopens) {
      opened_[i] = std::move(opened);
      spool(i);
      path = reopened_.at(i);
      opened = std::make_unique<Opened>(path, name);
      reopens = true;
    }
    auto stream = open_idx(std::move(opened), name);
    if (is_idx_labels(stream->reader.header())) {
      add_idx_labels(images.empty() ? std::string() : display_name(images.back().path), stream->reader);
      labels.add(*idx_.back().labels, name);
      continue;
    }
    const IdxHeader& header = stream->reader.header();
    const IdxLayout layout = idx_layout(header, name, options_.limits);
    if (layout.ambiguous) {
      notes_.push_back(name + ": " + dims_text(header) + " is read as number, height, width, channels");
    }
    total_ += layout.count;
    idx_.push_back({header, std::move(path), reopens ? nullptr : std::move(stream), {}, {}});
    images.push_back(std::move(operand));
  }
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (idx_[i].labels) continue;
    const std::string name = display_name(images[i].path);
    if (labeller_.has_pattern()) {
      labeller_.note(image_name(name, 0), {});  // all images of a file have its name
    } else if (options_.labels.labels_file.empty()) {
      notes_.push_back(name + ": no labels follow: its images have no class");
    }
  }
  if (options_.labels.classes) check_first_label(labels, *options_.labels.classes);
  numbered_ = labels.largest >= 0;
  labeller_.note_numbers(labels.largest + 1, labels.place);
  labeller_.finish();
  operands_ = std::move(images);
}

// images: the name of the operand before, or nothing if this is the first.
void ImageSource::add_idx_labels(const std::string& images, IdxReader& reader) {
  const std::string& name = reader.place();
  const std::string what = "labels (" + dims_text(reader.header()) + ") ";
  if (idx_.empty()) {
    throw Error(name, what + "where images, of 3 or 4 dimensions, are expected: labels follow their images");
  }
  IdxOperand& of = idx_.back();
  if (of.labels) throw Error(name, what + "behind " + of.labels_name + ", which has those of " + images);
  const std::uint32_t count = reader.header().dims[0];
  if (count != of.header.dims[0]) {
    throw Error(name, count_of(count, "label") + " for the " + count_of(of.header.dims[0], "image") + " of " +
                          images);
  }
  // While a container grows, there are the old one and the new one.
  constexpr std::uint64_t kBytesALabel = 3 * sizeof(std::int32_t);
  idx_labels_ += count;
  require_memory(saturating_mul(idx_labels_, kBytesALabel), options_.memory_limit, name, "the labels so far");
  of.labels = read_idx_labels(reader);
  of.labels_name = name;
  if (of.labels->columns > 1) {
    notes_.push_back(name + ": of " + count_of(of.labels->columns, "column") + ", the first is the class");
  }
}

std::unique_ptr<ImageSource::Feed> ImageSource::make_idx_feed(std::size_t index) {
  const std::string name = display_name(operands_[index].path);
  if (!options_.idx) {
    if (options_.labelled) throw Error(name, "an IDX file: give --idx");
    return std::make_unique<IdxFeed>(*this, name, open_idx(open(index), name), nullptr);
  }
  IdxOperand& operand = idx_[index];
  auto stream = std::move(operand.stream);
  if (!stream) stream = open_idx(std::make_unique<Opened>(operand.path, name), name);
  if (stream->reader.header() != operand.header) throw Error(name, "changed while it was read");
  return std::make_unique<IdxFeed>(*this, name, std::move(stream),
                                   operand.labels ? &*operand.labels : nullptr);
}

}  // namespace convoy
