// Whatever a user names as an input: the same images from a file, from a pipe, the second time, and in parts.
#include "lib/prep/image_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "formats/image_stream.h"
#include "lib/base/fd.h"
#include "lib/base/lines.h"
#include "lib/prep/part_of_images.h"
#include "lib/prep/pool.h"
#include "tests/fuzz/common/archive_seeds.h"
#include "tests/fuzz/common/pictures.h"
#include "tests/fuzz/common/png_repair.h"
#include "tests/support/archives.h"
#include "tests/support/shards.h"

namespace convoy::fuzz {
namespace {

constexpr std::size_t kMostImages = 50;
constexpr std::size_t kPipeBytes = 65536;  // that a pipe takes before anybody reads
constexpr const char* kNoImage = "-";      // as the pixels of what has none

InputOptions options_for(const std::string& path) {
  InputOptions options;
  options.operands = {path};
  options.labelled = false;
  options.shards_and_lists = true;
  options.limits = kSmall;
  return options;
}

// The pixels of each image, or why there are none.
std::vector<std::string> images_of(const std::string& path) {
  std::vector<std::string> all;
  const auto end = outcome([&] {
    ImageSource source(options_for(path));
    const Preprocessing how{.size = 8};
    while (auto input = source.next()) {
      if (all.size() == kMostImages) break;
      Preparer preparer(how, kSmall);
      const auto pixels = outcome([&] { return prepare_input(*input, preparer, nullptr).pixels; });
      all.push_back(pixels.value ? std::string(text_of(*pixels.value)) : kNoImage);
    }
    return true;
  });
  if (!end.value) all.emplace_back("error");
  return all;
}

// What the source returns of a part, or of all.
std::vector<std::string> inputs_of(const std::string& path, const std::optional<Part>& part) {
  std::vector<std::string> all;
  InputOptions options = options_for(path);
  options.again = part.has_value();
  ImageSource source(options);
  PartOfImages images(source, part);
  while (auto input = images.next()) {
    if (all.size() == kMostImages) break;
    // A failure in front, so that those are found again.
    std::string text =
        input->failure + "\n" + std::to_string(input->loss.records) + " " + input->place + "\n";
    text.append(input->bytes.begin(), input->bytes.end());
    if (input->pixels) text.append(input->pixels->pixels.begin(), input->pixels->pixels.end());
    all.push_back(std::move(text));
  }
  return all;
}

void compare_parts(const std::string& path) {
  const auto whole = outcome([&] { return inputs_of(path, std::nullopt); });
  if (!whole.value || whole.value->size() == kMostImages) return;
  constexpr std::uint64_t kParts = 3;
  std::vector<std::string> all;
  const auto parts = outcome([&] {
    for (std::uint64_t number = 1; number <= kParts; ++number) {
      for (std::string& text : inputs_of(path, Part{.number = number, .count = kParts})) {
        all.push_back(std::move(text));
      }
    }
    return true;
  });
  const bool none =
      std::ranges::all_of(*whole.value, [](const std::string& text) { return !text.starts_with('\n'); });
  require(parts.value.has_value() || none, "parts are refused though there is an image");
  require(!parts.value || all == *whole.value, "the parts are not the whole");
}

std::vector<std::string> images_of_pipe(Input input) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  const Fd from(ends[0]);
  {
    const Fd to(ends[1]);
    if (::write(to.get(), input.data(), input.size()) != std::ssize(input)) throw std::runtime_error("write");
  }
  return images_of("/dev/fd/" + std::to_string(from.get()));
}

// An IDX file whose size is not what its header promises is refused before its first image. A pipe has no
// size: its images come first, perhaps more of them than are looked at.
bool ends_refused(const std::vector<std::string>& images) {
  return images.size() >= kMostImages || (!images.empty() && images.back() == kNoImage);
}

// A list that names folders walks through them, and one that names a device reads it.
bool names_other_files(std::string_view text) {
  bool any = false;
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t /*number*/) {
    const std::size_t name = std::min(line.find_first_not_of(" \t\v\f\xEF\xBB\xBF"), line.size());
    line.remove_prefix(name);
    any = any || line.starts_with('/') || line.starts_with('.') || line.starts_with('-');
  });
  return any || text.find("..") != std::string_view::npos;
}

void fuzz(Input input) {
  if (input.empty() || input.size() >= kPipeBytes || names_other_files(text_of(input))) return;
  const std::vector<std::string> file = images_of(file_with(input));
  require(images_of(file_with(input)) == file, "the second time differs");
  compare_parts(file_with(input));
  const std::vector<std::string> pipe = images_of_pipe(input);
  const ContentKind kind = detect_content(input);
  if (kind == ContentKind::tar || kind == ContentKind::shard) {
    require(pipe == file, "a pipe gives other images than a file");
  }
  if (kind == ContentKind::idx) {
    const bool refused = file.size() == 1 && file[0] == kNoImage;
    require(refused ? ends_refused(pipe) : pipe == file, "a pipe gives other images than a file");
  }
  // A file is one image, a pipe perhaps many.
  if (kind == ContentKind::jpeg || kind == ContentKind::png) {
    require(file.size() == 1 && !pipe.empty(), "a file is not one image");
    require(pipe[0] == file[0] || pipe[0] == kNoImage || file[0] == kNoImage,
            "a pipe gives another image than a file");
  }
}

void repair(Bytes& bytes) {
  repair_png(bytes);
  repair_archive(bytes);
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> all = small_archives();
  const DatasetInfo info = test::small_info(3, 2, 3, 2);
  test::write_shard(scratch("seed"), info, test::numbered_records(info, 0, 3), 1);
  all.push_back(test::bytes_of_file(scratch("seed")));
  all.push_back(small_pngs()[0]);
  all.push_back(small_jpegs()[0]);
  all.push_back(
      bytes_of(std::string_view("\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x02"
                                "abcd",
                                20)));
  all.push_back(bytes_of("nothing.jpg\nelse.png\t3\n"));
  return all;
}

const AddReader kReader(
    {.name = "operand", .fuzz = fuzz, .seeds = seeds, .repair = repair, .longest = 16384});

}  // namespace
}  // namespace convoy::fuzz
