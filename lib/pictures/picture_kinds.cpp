#include "lib/pictures/picture_kinds.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "formats/safetensors_checksum.h"
#include "lib/base/content.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/lines.h"
#include "lib/pictures/curves.h"
#include "lib/pictures/filters.h"
#include "lib/pictures/mean_picture.h"
#include "lib/pictures/net_picture.h"

namespace convoy {
namespace {

constexpr int kLeastWidth = 240;
constexpr int kMostWidth = 20'000;
Drawing filters(const PictureRequest& request) {
  const Options& options = request.options;
  FilterOptions how;
  how.first = count_option(options, "first");
  how.columns = count_option(options, "columns");
  how.planes = options.flag("planes");
  how.each = options.given("normalise") && options.choice("normalise", {"layer", "filter"}) == 1;
  const WeightsFile weights(request.inputs.front(), Expected::weights, request.memory);
  note_checksum(weights.has_checksum(), weights.name(), request.console);
  return draw_filters(kernels_of(weights, options.text("layer")), how, request.page, request.fonts,
                      request.memory);
}

// The words of a list such as "error,loss".
void read_panels(const Options& options, CurveOptions& how) {
  if (!options.given("show")) return;
  how.error = how.top5 = how.loss = how.rate = false;
  const std::string text = options.text("show");
  std::string_view rest = text;
  for (bool more = true; more;) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    bool* const panels[] = {&how.error, &how.top5, &how.loss, &how.rate};  // NOLINT: plain array
    *panels[parse_choice(rest.substr(0, end), "--show", {"error", "top5", "loss", "rate"})] = true;
    more = end < rest.size();
    if (more) rest.remove_prefix(end + 1);
  }
}

LoggedRun read_run(const std::string& path, const std::string& name, const PictureRequest& request) {
  LogPoints log = read_log(path, request.memory);
  const std::string place = display_name(path);
  for (const std::uint64_t line : log.damaged) {
    request.rejects.add(place + ":" + std::to_string(line), "is no row of a log");
  }
  if (log.damaged_count > log.damaged.size()) {
    request.rejects.add(place, "more such lines", {.records = log.damaged_count - log.damaged.size()});
  }
  const auto unreal = static_cast<std::uint64_t>(std::ranges::count_if(log.points, [](const LogPoint& point) {
    return !std::isfinite(point.loss) || !std::isfinite(point.top1_error);
  }));
  if (unreal > 0) {
    request.console.warn(place + ": " + count_of(unreal, "row") +
                         " with a value that is infinite or not a number: the curves have gaps there");
  }
  if (log.points.empty()) throw Error(place, "a log without rows");
  return {name, std::move(log.points)};
}

Drawing curves(const PictureRequest& request) {
  const Options& options = request.options;
  CurveOptions how;
  read_panels(options, how);
  if (options.given("set")) {
    const std::size_t set = options.choice("set", {"both", "train", "val"});
    how.training = set != 2;
    how.validation = set != 1;
  }
  how.steps = options.given("x") && options.choice("x", {"epoch", "step"}) == 1;
  how.log_loss = options.flag("log-loss");
  how.whole = options.flag("whole");
  if (request.inputs.size() > kMaxRuns) {
    throw UsageError("curves draws at most " + std::to_string(kMaxRuns) + " logs, not " +
                     std::to_string(request.inputs.size()));
  }
  std::vector<std::string> names = run_names(request.inputs);
  const std::vector<std::string> given = options.texts("name");
  if (given.size() > names.size()) throw UsageError("--name", "there are more names than logs");
  std::ranges::copy(given, names.begin());
  std::vector<LoggedRun> runs;
  std::uint64_t rows = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    runs.push_back(read_run(request.inputs[i], names[i], request));
    rows += runs.back().points.size();
  }
  request.rejects.conclude(rows, "row");
  return draw_curves(runs, how, request.page, request.fonts);
}

Drawing mean(const PictureRequest& request) {
  const MeanToDraw read = read_mean_to_draw(request.inputs.front(), request.memory);
  note_checksum(read.has_checksum, read.name, request.console);
  return draw_mean(read, request.page, request.fonts, request.memory);
}

// The net of a text, or that in weights.
Drawing net(const PictureRequest& request) {
  const std::string& path = request.inputs.front();
  const std::string name = display_name(path);
  const std::string stem = std::filesystem::path(name).stem().string();
  // Weights begin with the length of their header, of which some bytes are 0; the text of a net has none.
  // Opened once, for a pipe gives its bytes only once.
  MappedFile file(path);
  const std::string_view head = as_text(file.bytes()).substr(0, kContentBytes);
  const auto content = content_of(as_u8(as_bytes_of(head)));
  if (content && (content->is == Expected::weights || content->is == Expected::checkpoint)) {
    const WeightsFile weights(SafetensorsFile(std::move(file), Expected::weights, request.memory),
                              Expected::weights, request.memory);
    note_checksum(weights.has_checksum(), weights.name(), request.console);
    return draw_net(weights.model().net, stem, request.page, request.fonts);
  }
  const std::string wrong = wrong_content(as_u8(as_bytes_of(head)), Expected::net);
  if (!wrong.empty()) throw Error(name, wrong);
  if (file.bytes().size() > kMaxNetBytes)
    throw Error(name, "more than " + format_bytes(kMaxNetBytes) + ": no net");
  return draw_net(parse_net(as_text(file.bytes()), name), stem, request.page, request.fonts);
}

bool takes(const PictureKind& kind, std::string_view option) {
  return std::ranges::count(kind.options, option) > 0;
}

}  // namespace

std::uint64_t count_option(const Options& options, const std::string& name) {
  constexpr std::int64_t kMostShown = 1'000'000;
  return options.given(name) ? static_cast<std::uint64_t>(options.integer(name, 1, kMostShown)) : 0;
}

std::span<const PictureKind> picture_kinds() {
  static const std::vector<PictureKind> kinds = {
      {"filters", "WEIGHTS", {"layer", "first", "columns", "planes", "normalise"}, false, filters},
      {"curves",
       "LOG...",
       {"show", "set", "x", "log-loss", "whole", "name", "on-error", "rejects", "max-rejects"},
       true,
       curves},
      {"predictions",
       "TABLE",
       {"images", "classes", "first", "columns", "top", "on-error", "rejects", "max-rejects"},
       false,
       picture_of_predictions},
      {"neighbours",
       "TABLE",
       {"images", "first", "top", "on-error", "rejects", "max-rejects"},
       false,
       picture_of_neighbours},
      {"confusion", "TABLE", {"classes"}, false, picture_of_confusion},
      {"net", "NET|WEIGHTS", {}, false, net},
      {"mean", "WEIGHTS|MEAN", {}, false, mean}};
  return kinds;
}

std::string picture_usage() {
  std::string usage;
  for (const PictureKind& kind : picture_kinds()) {
    usage +=
        (usage.empty() ? "" : "\n") + std::string(kind.name) + " [OPTION]... " + std::string(kind.inputs);
  }
  return usage;
}

void declare_picture_options(po::options_description& options) {
  auto add = options.add_options();
  add("format", text_option("png|svg|pdf"), "of the picture (default: what the name of the output ends in)");
  add("width", text_option("N", "800"), "pixels of 1/96 inch; what needs more is wider");
  add("scale", text_option("N", "1"), "pixels of a PNG for each of --width");
  add("title", text_option("TEXT"), "above the picture, in place of its own");
  add("images", inputs_option("INPUT"),
      "predictions, neighbours: what predict was given (default: files of the names in TABLE); may be "
      "repeated");
  add("classes", input_option("FILE"), "predictions, confusion: names of classes, lines ID or ID<TAB>NAME");
  add("top,k", text_option("N"), "predictions, neighbours: at most N bars or neighbours for an image");
  add("layer", text_option("NAME"), "filters: of which layer (default: the first with weights)");
  add("first", text_option("N"), "filters, predictions, neighbours: only the first N");
  add("columns", text_option("N"), "filters, predictions: so many side by side");
  add("planes", po::bool_switch(), "filters: a gray image for each channel, also of RGB");
  add("normalise", text_option("layer|filter"),
      "filters: what is scaled by its largest weight (default: layer)");
  add("show", text_option("LIST"), "curves: of error, top5, loss, rate (default: error,loss,rate)");
  add("set", text_option("both|train|val"), "curves: of which images (default: both)");
  add("x", text_option("epoch|step"), "curves: what they are drawn over (default: epoch)");
  add("log-loss", po::bool_switch(), "curves: the loss on a logarithmic scale");
  add("whole", po::bool_switch(), "curves: show high values of the beginning, too");
  add("name", texts_option("TEXT"), "curves: of a log in the legend; once for each, in their order");
  add_rejects_options(options, {.placeholder = "WHAT",
                                .on_error = "skip or stop: what to do about what cannot be drawn",
                                .rejects = "write place and reason of what was left out to FILE"});
}

const PictureKind& read_picture_kind(const Options& options) {
  std::vector<std::string> names;
  for (const PictureKind& kind : picture_kinds()) names.emplace_back(kind.name);
  const std::string all = first_of(names, names.size());
  if (options.operands().empty()) throw UsageError("no picture is named: the first operand is one of " + all);
  const std::string& word = options.operands().front();
  const auto kinds = picture_kinds();
  const auto kind = std::ranges::find(kinds, std::string_view(word), &PictureKind::name);
  if (kind == kinds.end())
    throw UsageError("'" + escape_controls(word) + "' is no picture: there are " + all);
  for (const PictureKind& other : kinds) {
    for (const std::string_view option : other.options) {
      if (takes(*kind, option) || !options.given(std::string(option))) continue;
      const std::string name = "--" + std::string(option);
      throw UsageError::about(name, name + " is not for " + word + ", but for " + std::string(other.name));
    }
  }
  if (!kind->many && options.operands().size() > 2) {
    throw UsageError(word + " takes one input, not " + std::to_string(options.operands().size() - 1));
  }
  return *kind;
}

std::vector<std::string> picture_inputs(const Options& options) {
  const std::vector<std::string>& operands = options.operands();
  if (operands.size() > 1) return {operands.begin() + 1, operands.end()};
  if (::isatty(STDIN_FILENO) == 1) throw MissingInputError("no input: name files, or - for standard input");
  return {std::string(kStdStreamName)};
}

Page read_page(const Options& options) {
  Page page;
  page.width = static_cast<double>(options.integer("width", kLeastWidth, kMostWidth));
  page.scale = static_cast<int>(options.integer("scale", 1, kMaxPictureScale));
  page.titled = options.given("title");
  page.title = options.text("title");
  return page;
}

PictureFormat read_picture_format(const Options& options) {
  if (options.given("format")) {
    constexpr PictureFormat kFormats[] = {PictureFormat::png, PictureFormat::svg,
                                          PictureFormat::pdf};  // NOLINT
    return kFormats[options.choice("format", {"png", "svg", "pdf"})];
  }
  const std::string output = options.text("output");
  if (const auto format = format_of(output)) return *format;
  throw UsageError("--format", output == kStdStreamName
                                   ? "is needed for standard output: png, svg or pdf"
                                   : "is needed: the name of the output ends in none of .png, .svg and .pdf");
}

}  // namespace convoy
