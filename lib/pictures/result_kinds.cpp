// The pictures of what eval and predict write, from their options.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "formats/list.h"
#include "lib/base/content.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/pictures/axis.h"
#include "lib/pictures/confusion_picture.h"
#include "lib/pictures/picture_request.h"
#include "lib/pictures/render.h"
#include "lib/pictures/result_pictures.h"
#include "lib/pictures/results.h"
#include "lib/pictures/thumbnails.h"

namespace convoy {
namespace {

// Readable names of classes by their IDs.
class ClassNames {
 public:
  // Those of --classes, if it is given.
  explicit ClassNames(const PictureRequest& request) {
    if (!request.options.given("classes")) return;
    const std::string path = request.options.text("classes");
    const LineMemory memory{.limit = request.memory, .bytes_a_line = kBytesAClass};
    for (const ClassInfo& one :
         parse_classes(read_list_file(path, kMaxListBytes, Expected::classes, memory), path)) {
      names_[one.id] = one.name;
    }
  }
  void add(const std::string& id, const std::string& name) { names_.try_emplace(id, name); }
  [[nodiscard]] bool knows(const std::string& id) const { return names_.contains(id); }
  // The name, or the ID if the class has none.
  [[nodiscard]] std::string of(const std::string& id) const {
    const auto found = names_.find(id);
    return found == names_.end() || found->second.empty() ? id : found->second;
  }

 private:
  std::unordered_map<std::string, std::string> names_;
};

// The folder of a file: what imgprep takes for its class.
std::string folder_of(const std::string& name) {
  const std::size_t end = name.rfind('/');
  if (end == std::string::npos) return {};
  const std::size_t begin = name.rfind('/', end == 0 ? 0 : end - 1);
  const std::size_t first = begin == std::string::npos || begin == end ? 0 : begin + 1;
  return name.substr(first, end - first);
}

std::string base_name(const std::string& name) {
  const std::size_t end = name.rfind('/');
  return end == std::string::npos || end + 1 == name.size() ? name : name.substr(end + 1);
}

// Leaves the first ones of `images` that have answers, and says what is left out.
template <typename Image>
void keep_first(std::vector<Image>& images, const PictureRequest& request, std::uint64_t usual) {
  for (const Image& image : images) {
    if (!image.failure.empty()) request.rejects.add(image.name, image.failure);
  }
  std::erase_if(images, [](const Image& image) { return !image.failure.empty(); });
  const std::uint64_t given = count_option(request.options, "first");
  const std::uint64_t most = given > 0 ? given : usual;
  if (images.size() <= most) return;
  if (given == 0) {
    request.console.note("the first " + std::to_string(most) + " of " + grouped(images.size()) +
                         " images are drawn: --first=N draws others");
  }
  images.resize(static_cast<std::size_t>(most));
}

// Refuses a picture before its images are read.
void check_images(const Page& page, const ImageGrid& grid, std::uint64_t images) {
  const double side = static_cast<double>(grid.side) * page.scale;
  const double rows = static_cast<double>(images) / grid.columns;
  if (side * side * static_cast<double>(images) > static_cast<double>(kMaxPicturePixels) ||
      rows * side > static_cast<double>(kMaxPictureSide)) {
    throw Error("picture",
                count_of(images, "image") + " are more than a picture can hold: --first=N draws fewer");
  }
}

ThumbnailRules rules_of(const PictureRequest& request, const ImageGrid& grid) {
  const std::vector<std::string> sources = request.options.texts("images");
  const auto streams = std::ranges::count(sources, kStdStreamName);
  if (streams + (request.inputs.front() == kStdStreamName ? 1 : 0) > 1)
    throw UsageError("--images", "standard input holds either the table or images, once");
  return {.sources = sources, .side = grid.side * request.page.scale, .memory = request.memory};
}

// Names each image that is not there, once.
void reject_missing(const Thumbnails& thumbnails, Rejects& rejects) {
  for (const auto& [name, found] : thumbnails) {
    if (!found.front().failure.empty()) rejects.add(name, found.front().failure);
  }
}

std::uint64_t usable(const Thumbnails& thumbnails) {
  return static_cast<std::uint64_t>(
      std::ranges::count_if(thumbnails, [](const auto& one) { return one.second.front().failure.empty(); }));
}

std::size_t most_answers(const PictureRequest& request, std::size_t usual) {
  const std::uint64_t given = count_option(request.options, "top");
  if (given > kMostBars) throw UsageError("--top", "at most " + std::to_string(kMostBars));
  return given > 0 ? static_cast<std::size_t>(given) : usual;
}

}  // namespace

Drawing picture_of_predictions(const PictureRequest& request) {
  constexpr std::uint64_t kUsualImages = 24;
  constexpr std::size_t kUsualBars = 5;
  const std::size_t bars = most_answers(request, kUsualBars);
  std::vector<AnsweredImage> images = read_answers(request.inputs.front(), request.memory);
  keep_first(images, request, kUsualImages);
  ClassNames names(request);
  std::map<std::string, std::uint64_t> wanted;
  for (const AnsweredImage& image : images) {
    ++wanted[image.name];
    for (const Answer& answer : image.answers) names.add(answer.id, answer.name);
  }
  const ImageGrid grid =
      prediction_grid(request.page, count_option(request.options, "columns"), images.size());
  check_images(request.page, grid, images.size());
  const Thumbnails thumbnails = find_thumbnails(wanted, rules_of(request, grid));
  reject_missing(thumbnails, request.rejects);
  request.rejects.conclude(usable(thumbnails), "image");

  std::map<std::string, std::size_t> used;
  std::vector<PredictedImage> drawn;
  for (const AnsweredImage& image : images) {
    const Thumbnail& thumbnail = thumbnails.at(image.name).at(used[image.name]++);
    std::string truth = image.truth.empty() ? thumbnail.truth : image.truth;
    if (truth.empty() && names.knows(folder_of(image.name))) truth = folder_of(image.name);
    PredictedImage one{.thumbnail = &thumbnail,
                       .truth = truth.empty() ? "" : names.of(truth),
                       .caption = base_name(image.name),
                       .bars = {}};
    for (const Answer& answer : image.answers) {
      if (one.bars.size() == bars) break;
      one.bars.push_back(
          {names.of(answer.id), answer.probability.value_or(-1), !truth.empty() && answer.id == truth});
    }
    drawn.push_back(std::move(one));
  }
  return draw_predictions(drawn, grid, request.page, request.fonts);
}

Drawing picture_of_neighbours(const PictureRequest& request) {
  constexpr std::uint64_t kUsualImages = 12;
  constexpr std::size_t kUsualNear = 6;
  const std::size_t most = most_answers(request, kUsualNear);
  std::vector<ImageNeighbours> images = read_neighbours(request.inputs.front(), request.memory);
  keep_first(images, request, kUsualImages);
  std::map<std::string, std::uint64_t> wanted;
  std::size_t near = 1;
  for (ImageNeighbours& image : images) {
    image.near.resize(std::min(image.near.size(), most));
    near = std::max(near, image.near.size());
    wanted[image.name] = 1;
    for (const NearImage& one : image.near) wanted[one.name] = 1;
  }
  const ImageGrid grid = neighbour_grid(request.page, near);
  check_images(request.page, grid, images.size() * (near + 1));
  const Thumbnails thumbnails = find_thumbnails(wanted, rules_of(request, grid));
  reject_missing(thumbnails, request.rejects);
  request.rejects.conclude(usable(thumbnails), "image");

  std::vector<NeighbourRow> rows;
  const auto cell_of = [&](const std::string& name, double distance) {
    const Thumbnail& thumbnail = thumbnails.at(name).front();
    return NeighbourRow::Cell{&thumbnail, thumbnail.truth.empty() ? base_name(name) : thumbnail.truth,
                              distance};
  };
  for (const ImageNeighbours& image : images) {
    NeighbourRow row{.query = cell_of(image.name, -1), .near = {}};
    for (const NearImage& one : image.near) row.near.push_back(cell_of(one.name, one.distance));
    rows.push_back(std::move(row));
  }
  return draw_neighbours(rows, grid, request.page, request.fonts);
}

Drawing picture_of_confusion(const PictureRequest& request) {
  const ConfusionTable table = read_confusion(request.inputs.front(), request.memory);
  const ClassNames known(request);
  std::vector<std::string> names;
  for (const std::string& id : table.ids) names.push_back(known.of(id));
  return draw_confusion(table, names, request.page, request.fonts);
}

}  // namespace convoy
