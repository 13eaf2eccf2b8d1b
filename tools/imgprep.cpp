// imgprep: images -> a shard.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "formats/list.h"
#include "lib/base/content.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/parallel.h"
#include "lib/base/part.h"
#include "lib/base/tool.h"
#include "lib/prep/image_source.h"
#include "lib/prep/input_options.h"
#include "lib/prep/part_of_images.h"
#include "lib/prep/pool.h"
#include "lib/prep/prepare.h"
#include "lib/prep/shard_sink.h"
#include "lib/shards/encoding.h"
#include "lib/shards/rejects.h"

namespace convoy {
namespace {

// More than any net takes. A raw record has three times as many bytes as pixels.
constexpr int kMaxPreparedSide = 16384;
constexpr std::uint64_t kMaxClassesBytes = std::uint64_t{256} << 20;

const ToolInfo kInfo{
    .name = "imgprep",
    .usage = "[OPTION]... [IMAGE|FOLDER|ARCHIVE]...\n[OPTION]... --idx IMAGES [LABELS]...",
    .summary =
        "Rescales images, crops their central square and writes them as a shard. "
        "Inputs are JPEG and PNG files, "
        "folders and tar archives of them, lists (--files-from), IDX files (--idx), or images one after "
        "another on standard input.",
    .exclusive = {{"idx", "files-from"}, {"class-pattern", "labels"}}};
constexpr SharedOptions kShared{.output = true, .threads = true};

void declare(po::options_description& options) {
  auto add = options.add_options();
  add("size", text_option("N|none", "256"),
      "shorter side and central square crop in pixels; none keeps sizes, which must be equal");
  add("gray", po::bool_switch(), "one channel, luma");
  add("exif", po::bool_switch(), "turn images as their EXIF orientation says");
  add("background", text_option("R,G,B", "0,0,0"), "colour under transparent pixels");
  add_codec_option(options, {.placeholder = "CODEC",
                             .default_value = "raw",
                             .text = "raw, jpeg or jpeg:QUALITY (1 to 100, default 95)"});
  add("classes", input_option("FILE"), "class table: lines ID or ID<TAB>NAME in the order of the labels");
  add("class-pattern", text_option("REGEX"),
      "the class is the first group of this extended regular expression in an image's name, the second its "
      "readable name");
  add("labels", input_option("FILE"), "labels by name: lines NAME<TAB>LABEL, or CSV");
  add("classes-only", po::bool_switch(), "leave out images of classes that are not in the table");
  add("root", text_option("FOLDER"), "the folder whose sub-folders are the classes");
  add_list_options(options, "read more images from a list, lines PATH or PATH<TAB>LABEL");
  add("idx", po::bool_switch(), "operands are IDX files: images, each perhaps followed by its labels");
  add_part_option(options, "prepare only the i-th of N parts of the images; cat joins the parts' shards");
  add_rejects_options(options, {.on_error = "what to do about an image that cannot be used",
                                .rejects = "write name and reason of every image skipped to FILE"});
  add("max-side", text_option("N", std::to_string(kMaxImageSide)), "refuse images with a longer side");
  add("max-pixels", text_option("N", std::to_string(kMaxImagePixels)), "refuse images with more pixels");
}

Preprocessing preprocessing_from(const Options& options) {
  Preprocessing how;
  how.size =
      options.text("size") == "none" ? 0 : static_cast<int>(options.integer("size", 1, kMaxPreparedSide));
  how.gray = options.flag("gray");
  how.exif = options.flag("exif");
  std::string rest = options.text("background");
  for (int c = 0; c < 3; ++c) {
    const std::size_t comma = rest.find(',');
    if ((comma == std::string::npos) != (c == 2))
      throw UsageError("--background", "give three numbers R,G,B");
    how.background[c] = static_cast<int>(parse_integer(rest.substr(0, comma), "--background", 0, 255));
    rest.erase(0, comma == std::string::npos ? rest.size() : comma + 1);
  }
  return how;
}

InputOptions inputs_from(const Options& options, Console& console) {
  InputOptions inputs = read_input_options(options, console);
  inputs.idx = options.flag("idx");
  if (options.given("classes")) {
    const std::string path = options.text("classes");
    // In the table, by ID, by the likeness of IDs, and in the shard's metadata.
    const LineMemory memory{.limit = inputs.memory_limit, .bytes_a_line = kBytesAClass, .texts = 8};
    inputs.labels.classes =
        parse_classes(read_list_file(path, kMaxClassesBytes, Expected::classes, memory), path);
  }
  inputs.labels.class_pattern = options.text("class-pattern");
  inputs.labels.labels_file = options.text("labels");
  inputs.classes_only = inputs.labels.classes_only = options.flag("classes-only");
  if (inputs.classes_only && !inputs.labels.classes) {
    throw UsageError("--classes-only", "needs the table: give --classes");
  }
  if (options.given("root")) inputs.root = options.text("root");
  inputs.preprocessing = preprocessing_from(options);
  inputs.limits.max_side = static_cast<int>(options.integer("max-side", 1, kMaxImageSide));
  inputs.limits.max_pixels = static_cast<std::uint64_t>(options.integer("max-pixels", 1, INT64_MAX));
  return inputs;
}

int run(const Options& options, Console& console) {
  InputOptions input_options = inputs_from(options, console);
  std::optional<Part> part;
  if (options.given(kPartOption)) part = parse_part(options.text(kPartOption));
  input_options.again = part.has_value();
  const Encoding encoding = *read_encoding(options);
  DatasetInfo info;
  info.codec = encoding.codec;
  info.preprocessing = input_options.preprocessing;
  const RejectRules reject_rules = options.reject_rules();
  const int threads = options.threads();
  check_outputs(options.outputs(), input_options.operands);
  OutputFile out(options.text("output"), OutputFile::Content::binary);
  Rejects rejects(reject_rules, console);
  ImageMemory memory(options.memory_limit(), 0, encoding.codec == Codec::jpeg ? kJpegEncoderBytesPerPixel : 0,
                     threads);
  input_options.memory = &memory;
  ImageSource inputs(input_options);
  for (const std::string& name : inputs.spooled()) {
    console.note(name + ": copied to a temporary file to " +
                 (part ? "find the part in it" : "learn its classes (--classes avoids that)"));
  }
  for (const std::string& note : inputs.notes()) console.note(note);
  info.classes = inputs.classes();
  PreparerPool pool(info.preprocessing, input_options.limits, memory);
  ShardSink sink(out, info, rejects);
  std::optional<ImageSize> size;
  if (part) size = common_size(inputs, info.preprocessing, pool, memory, encoding);
  PartOfImages images(inputs, part);
  if (size) {
    rejects.expect_part_of(images.whole());
    if (!images.doubt().empty()) console.warn("counted in spite of " + images.doubt());
    sink.begin_part(size->width, size->height, images.any_labelled());
  } else if (images.whole() > 0) {
    rejects.expect(images.whole());
  }
  Progress progress(console, images.size(), "images");
  std::uint64_t done = 0;
  ordered_parallel_map(
      threads,
      [&]() -> std::optional<ImageInput> {
        auto input = images.next();
        if (input) admit(*input, memory);
        return input;
      },
      [&](ImageInput&& input) { return prepare_record(std::move(input), pool, encoding); },
      [&](PreparedRecord&& one) {
        sink.add(std::move(one));
        progress.update(++done, rejects.summary());
      });
  progress.finish();
  sink.finish(inputs.left_out().appended(), options.text("classes"));
  if (const std::string note = sink.class_note(inputs.numbered()); !part && !note.empty()) console.note(note);
  if (const std::string note = inputs.unused_labels(); !note.empty()) console.note(note);
  const bool labelled = part ? images.any_labelled() : sink.labelled() > 0;
  if (!labelled && inputs.expects_classes()) {
    console.warn(
        "no image has a class, which train and eval refuse: name the folder above the class folders, or give "
        "--root, --class-pattern or --labels");
  }
  out.commit();
  console.note(sink.summary() + inputs.left_out().appended() + images.appended());
  return rejects.status();
}

}  // namespace
}  // namespace convoy

int main(int argc, char** argv) {
  return convoy::run_tool(argc, argv, convoy::kInfo, convoy::kShared, convoy::declare, convoy::run);
}
