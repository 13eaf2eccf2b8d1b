// Makes small images for the Bats tests with libpng and libjpeg only, independently of the code under test:
// fixture KIND FILE [NAME=VALUE]... (see `fixture help`). On any error it prints one line and exits with
// status 1.
#include <png.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <jpeglib.h>  // needs <cstddef> and <cstdio> before it

namespace {

constexpr const char* kHelp =
    "fixture png FILE [size=64x48] [seed=1] [fill=R,G,B] [interlaced=1]\n"
    "        [kind=rgb|rgba|gray|graya|palette|palette-alpha|gray1|rgb16|gray16|rgba16]\n"
    "fixture jpeg FILE [size=64x48] [seed=1] [fill=R,G,B] [kind=ycc|gray|rgb|cmyk|ycck]\n"
    "        [sampling=444|422|440|420|411] [progressive=1] [adobe=0] [exif=1..8] [quality=90] [ids=odd]\n"
    "fixture png-header FILE [size=100000x100000]\n"
    "fixture idx IMAGES LABELS [count=100] [size=28x28] [classes=10] [seed=1]\n";

using Byte = unsigned char;

[[noreturn]] void die(const std::string& reason) {
  std::fprintf(stderr, "fixture: %s\n", reason.c_str());
  std::exit(1);
}

class Settings {
 public:
  explicit Settings(const std::vector<std::string>& words) {
    for (const std::string& word : words) {
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos) die("'" + word + "' is not NAME=VALUE");
      values_[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  std::string text(const std::string& name, const std::string& otherwise) {
    const auto found = values_.find(name);
    if (found == values_.end()) return otherwise;
    std::string value = found->second;
    values_.erase(found);
    return value;
  }
  unsigned number(const std::string& name, unsigned otherwise) {
    return parse(text(name, std::to_string(otherwise)));
  }
  // The numbers in "A<separator>B<separator>...", of which there must be exactly N.
  template <std::size_t N>
  static std::array<unsigned, N> split(std::string_view value, char separator) {
    std::array<unsigned, N> parts{};
    for (std::size_t i = 0; i < N; ++i) {
      const std::size_t end = value.find(separator);
      if ((end == std::string_view::npos) != (i + 1 == N)) die("wrong number of parts in a setting");
      parts[i] = parse(value.substr(0, end));
      value.remove_prefix(end == std::string_view::npos ? value.size() : end + 1);
    }
    return parts;
  }
  void check_all_used() const {
    if (!values_.empty()) die("unknown setting '" + values_.begin()->first + "'");
  }

 private:
  static unsigned parse(std::string_view value) {
    unsigned number = 0;
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (failure != std::errc() || end != value.data() + value.size()) {
      die("'" + std::string(value) + "' is not a number");
    }
    return number;
  }
  std::map<std::string, std::string> values_;
};

// The picture that is drawn: 8-bit colours by position.
struct Picture {
  unsigned width = 0;
  unsigned height = 0;
  unsigned seed = 0;
  bool filled = false;
  std::array<unsigned, 3> fill{};

  explicit Picture(Settings& settings, const std::string& size = "64x48") {
    const auto sides = Settings::split<2>(settings.text("size", size), 'x');
    width = sides[0];
    height = sides[1];
    seed = settings.number("seed", 1);
    const std::string colour = settings.text("fill", "");
    filled = !colour.empty();
    if (filled) fill = Settings::split<3>(colour, ',');
    if (width == 0 || height == 0) die("an image needs a width and a height");
  }
  [[nodiscard]] std::array<Byte, 3> rgb(unsigned x, unsigned y) const {
    if (filled) return {static_cast<Byte>(fill[0]), static_cast<Byte>(fill[1]), static_cast<Byte>(fill[2])};
    return {ramp(x, width), ramp(y, height), static_cast<Byte>(seed * 40 % 256)};
  }
  [[nodiscard]] Byte gray(unsigned x, unsigned y) const {
    const auto [r, g, b] = rgb(x, y);
    return static_cast<Byte>((299U * r + 587U * g + 114U * b + 500U) / 1000U);
  }
  [[nodiscard]] Byte alpha(unsigned x, unsigned y) const { return ramp(x + y, width + height); }

 private:
  static Byte ramp(unsigned at, unsigned size) { return static_cast<Byte>(at * 255ULL / size); }
};

struct Close {
  void operator()(std::FILE* file) const {
    if (std::fclose(file) != 0) die("cannot write");
  }
};
using File = std::unique_ptr<std::FILE, Close>;

File create(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) die("cannot create " + path);
  return File(file);
}

// ---- PNG

struct PngKind {
  int colour_type;
  int bits;
  bool transparent;
};

PngKind png_kind(const std::string& name) {
  static const std::map<std::string, PngKind> kinds = {
      {"rgb", {PNG_COLOR_TYPE_RGB, 8, false}},         {"rgba", {PNG_COLOR_TYPE_RGB_ALPHA, 8, false}},
      {"gray", {PNG_COLOR_TYPE_GRAY, 8, false}},       {"graya", {PNG_COLOR_TYPE_GRAY_ALPHA, 8, false}},
      {"palette", {PNG_COLOR_TYPE_PALETTE, 8, false}}, {"palette-alpha", {PNG_COLOR_TYPE_PALETTE, 8, true}},
      {"gray1", {PNG_COLOR_TYPE_GRAY, 1, false}},      {"rgb16", {PNG_COLOR_TYPE_RGB, 16, false}},
      {"gray16", {PNG_COLOR_TYPE_GRAY, 16, false}},    {"rgba16", {PNG_COLOR_TYPE_RGB_ALPHA, 16, false}},
  };
  const auto found = kinds.find(name);
  if (found == kinds.end()) die("unknown kind of PNG '" + name + "'");
  return found->second;
}

// An index of 3 bits of red, 3 of green and 2 of blue: one palette for all pictures.
Byte palette_index(std::array<Byte, 3> rgb) {
  return static_cast<Byte>((rgb[0] >> 5 << 5) | (rgb[1] >> 5 << 2) | (rgb[2] >> 6));
}

void set_palette(png_structp png, png_infop info, bool transparent) {
  std::array<png_color, 256> palette{};
  std::array<Byte, 256> alpha{};
  for (unsigned i = 0; i < 256; ++i) {
    palette[i] = {static_cast<Byte>((i >> 5) * 255 / 7), static_cast<Byte>((i >> 2 & 7) * 255 / 7),
                  static_cast<Byte>((i & 3) * 255 / 3)};
    alpha[i] = static_cast<Byte>(i);
  }
  png_set_PLTE(png, info, palette.data(), 256);
  if (transparent) png_set_tRNS(png, info, alpha.data(), 256, nullptr);
}

// Appends a sample of 8 or 16 bits. A 16-bit sample repeats the byte, so that both depths mean the
// same colour.
void put(std::vector<Byte>& row, Byte value, int bits) {
  row.push_back(value);
  if (bits == 16) row.push_back(value);
}

std::vector<Byte> png_row(const Picture& picture, const PngKind& kind, unsigned y) {
  std::vector<Byte> row;
  if (kind.bits == 1) row.assign((picture.width + 7) / 8, 0);
  for (unsigned x = 0; x < picture.width; ++x) {
    if (kind.bits == 1) {
      if (picture.gray(x, y) >= 128) row[x / 8] |= static_cast<Byte>(0x80U >> (x % 8));
    } else if (kind.colour_type == PNG_COLOR_TYPE_PALETTE) {
      row.push_back(palette_index(picture.rgb(x, y)));
    } else if ((kind.colour_type & PNG_COLOR_MASK_COLOR) != 0) {
      for (const Byte value : picture.rgb(x, y)) put(row, value, kind.bits);
    } else {
      put(row, picture.gray(x, y), kind.bits);
    }
    if ((kind.colour_type & PNG_COLOR_MASK_ALPHA) != 0) put(row, picture.alpha(x, y), kind.bits);
  }
  return row;
}

[[noreturn]] void png_failed(png_structp, png_const_charp message) { die(message); }

struct PngWriter {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, png_failed, nullptr);
  png_infop info = png_create_info_struct(png);
  PngWriter() = default;
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;
  PngWriter(PngWriter&&) = delete;
  PngWriter& operator=(PngWriter&&) = delete;
  ~PngWriter() { png_destroy_write_struct(&png, &info); }
};

void write_png(const std::string& path, Settings settings) {
  const Picture picture(settings);
  const PngKind kind = png_kind(settings.text("kind", "rgb"));
  const bool interlaced = settings.number("interlaced", 0) != 0;
  settings.check_all_used();
  const File file = create(path);
  const PngWriter writer;
  png_init_io(writer.png, file.get());
  png_set_IHDR(writer.png, writer.info, picture.width, picture.height, kind.bits, kind.colour_type,
               interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (kind.colour_type == PNG_COLOR_TYPE_PALETTE) set_palette(writer.png, writer.info, kind.transparent);
  png_write_info(writer.png, writer.info);
  std::vector<std::vector<Byte>> rows;
  std::vector<png_bytep> pointers;
  rows.reserve(picture.height);
  pointers.reserve(picture.height);
  for (unsigned y = 0; y < picture.height; ++y) rows.push_back(png_row(picture, kind, y));
  for (std::vector<Byte>& row : rows) pointers.push_back(row.data());
  png_write_image(writer.png, pointers.data());
  png_write_end(writer.png, nullptr);
}

// A file that ends after the signature and the header.
void write_png_header(const std::string& path, Settings settings) {
  const Picture picture(settings, "100000x100000");
  settings.check_all_used();
  const File file = create(path);
  const PngWriter writer;
  png_set_user_limits(writer.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_init_io(writer.png, file.get());
  png_set_IHDR(writer.png, writer.info, picture.width, picture.height, 8, PNG_COLOR_TYPE_RGB,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(writer.png, writer.info);
}

// ---- JPEG

struct JpegKind {
  J_COLOR_SPACE input;
  J_COLOR_SPACE stored;
  int components;
};

JpegKind jpeg_kind(const std::string& name) {
  static const std::map<std::string, JpegKind> kinds = {{"ycc", {JCS_RGB, JCS_YCbCr, 3}},
                                                        {"gray", {JCS_GRAYSCALE, JCS_GRAYSCALE, 1}},
                                                        {"rgb", {JCS_RGB, JCS_RGB, 3}},
                                                        {"cmyk", {JCS_CMYK, JCS_CMYK, 4}},
                                                        {"ycck", {JCS_CMYK, JCS_YCCK, 4}}};
  const auto found = kinds.find(name);
  if (found == kinds.end()) die("unknown kind of JPEG '" + name + "'");
  return found->second;
}

// Adobe stores CMYK inverted and marks the file; without the marker, CMYK is not inverted.
std::vector<Byte> jpeg_row(const Picture& picture, const JpegKind& kind, bool inverted, unsigned y) {
  std::vector<Byte> row;
  for (unsigned x = 0; x < picture.width; ++x) {
    if (kind.components == 1) {
      row.push_back(picture.gray(x, y));
      continue;
    }
    for (const Byte value : picture.rgb(x, y)) {
      row.push_back(kind.components == 4 && !inverted ? static_cast<Byte>(255 - value) : value);
    }
    if (kind.components == 4) row.push_back(inverted ? 255 : 0);
  }
  return row;
}

[[noreturn]] void jpeg_failed(j_common_ptr info) {
  std::array<char, JMSG_LENGTH_MAX> text{};
  info->err->format_message(info, text.data());
  die(text.data());
}

void set_sampling(jpeg_compress_struct& jpeg, const std::string& name) {
  static const std::map<std::string, std::array<int, 2>> factors = {
      {"444", {1, 1}}, {"422", {2, 1}}, {"440", {1, 2}}, {"420", {2, 2}}, {"411", {4, 1}}};
  const auto found = factors.find(name);
  if (found == factors.end()) die("unknown sampling '" + name + "'");
  for (int i = 0; i < jpeg.num_components; ++i) {
    const bool full = i == 0 || i == 3;  // luma, or black
    jpeg.comp_info[i].h_samp_factor = full ? found->second[0] : 1;
    jpeg.comp_info[i].v_samp_factor = full ? found->second[1] : 1;
  }
}

// Writes an APP1 segment with a big-endian TIFF structure of one tag, the orientation.
void write_exif(jpeg_compress_struct& jpeg, unsigned orientation) {
  const std::array<Byte, 32> segment = {
      'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0,
      0,   8,  //
      0,   1,   1,   18,  0, 3, 0,   0,   0, 1,  0, static_cast<Byte>(orientation),
      0,   0,  //
      0,   0,   0,   0};
  jpeg_write_marker(&jpeg, JPEG_APP0 + 1, segment.data(), static_cast<unsigned>(segment.size()));
}

void write_jpeg(const std::string& path, Settings settings) {
  const Picture picture(settings);
  const JpegKind kind = jpeg_kind(settings.text("kind", "ycc"));
  const std::string sampling = settings.text("sampling", kind.stored == JCS_YCbCr ? "420" : "444");
  const bool progressive = settings.number("progressive", 0) != 0;
  const bool adobe = settings.number("adobe", kind.components == 4 ? 1 : 0) != 0;
  const unsigned orientation = settings.number("exif", 0);
  const unsigned quality = settings.number("quality", 90);
  const bool odd_ids = settings.text("ids", "") == "odd";
  settings.check_all_used();
  const File file = create(path);
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  errors.error_exit = jpeg_failed;
  jpeg_create_compress(&jpeg);
  jpeg_stdio_dest(&jpeg, file.get());
  jpeg.image_width = picture.width;
  jpeg.image_height = picture.height;
  jpeg.input_components = kind.components;
  jpeg.in_color_space = kind.input;
  jpeg_set_defaults(&jpeg);
  jpeg_set_colorspace(&jpeg, kind.stored);
  jpeg_set_quality(&jpeg, static_cast<int>(quality), TRUE);
  set_sampling(jpeg, sampling);
  if (progressive) jpeg_simple_progression(&jpeg);
  if (odd_ids) {
    for (int i = 0; i < jpeg.num_components; ++i) jpeg.comp_info[i].component_id = 10 * i + 7;
  }
  jpeg.write_Adobe_marker = adobe ? TRUE : FALSE;
  jpeg_start_compress(&jpeg, TRUE);
  if (orientation != 0) write_exif(jpeg, orientation);
  for (unsigned y = 0; y < picture.height; ++y) {
    std::vector<Byte> row = jpeg_row(picture, kind, adobe, y);
    std::array<JSAMPROW, 1> rows = {row.data()};
    jpeg_write_scanlines(&jpeg, rows.data(), 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
}

// ---- IDX

void write_big_endian(std::FILE* file, unsigned value) {
  for (int shift = 24; shift >= 0; shift -= 8) std::fputc(static_cast<int>(value >> shift & 0xff), file);
}

// Image i has stripes whose width depends on its class, so that classes differ and can be learnt.
void write_idx(const std::string& images_path, const std::string& labels_path, Settings settings) {
  const unsigned count = settings.number("count", 100);
  const unsigned classes = settings.number("classes", 10);
  if (classes == 0 || classes > 256) die("classes: from 1 to 256");
  Picture picture(settings, "28x28");
  settings.check_all_used();
  const File images = create(images_path);
  const File labels = create(labels_path);
  for (const unsigned word : {0x00000803U, count, picture.height, picture.width}) {
    write_big_endian(images.get(), word);
  }
  for (const unsigned word : {0x00000801U, count}) write_big_endian(labels.get(), word);
  const unsigned first_seed = picture.seed;
  for (unsigned i = 0; i < count; ++i) {
    const unsigned label = i % classes;
    std::fputc(static_cast<int>(label), labels.get());
    for (unsigned y = 0; y < picture.height; ++y) {
      for (unsigned x = 0; x < picture.width; ++x) {
        const unsigned stripe = (x + first_seed) * (label + 1) * 255 / picture.width + y * (i / classes % 7);
        std::fputc(static_cast<int>(stripe % 256), images.get());
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words[0] == "help") {
    std::fputs(kHelp, stdout);
    return 0;
  }
  const std::string& kind = words[0];
  const std::size_t files = kind == "idx" ? 2 : 1;
  if (words.size() < 1 + files) die("usage: fixture KIND FILE [NAME=VALUE]...");
  Settings settings(
      std::vector<std::string>(words.begin() + 1 + static_cast<std::ptrdiff_t>(files), words.end()));
  if (kind == "png") {
    write_png(words[1], std::move(settings));
  } else if (kind == "jpeg") {
    write_jpeg(words[1], std::move(settings));
  } else if (kind == "png-header") {
    write_png_header(words[1], std::move(settings));
  } else if (kind == "idx") {
    write_idx(words[1], words[2], std::move(settings));
  } else {
    die("unknown kind '" + kind + "'");
  }
  return 0;
}
