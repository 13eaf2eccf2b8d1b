#include "formats/png.h"

#include <png.h>
#include <zlib.h>

#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "formats/guarded.h"
#include "formats/jpeg_exif.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

constexpr int kMaxPngSide = 0x7fffffff;  // no limit of libpng: check_image_size() has the better message
constexpr std::size_t kMaxMessage = 200;
// Limit on one chunk that libpng keeps.
constexpr png_alloc_size_t kMaxChunkBytes = png_alloc_size_t{16} << 20;
// Chunks that libpng knows and no pixel depends on: it would unpack and keep them. They are passed over as
// those that it does not know; only their checksums are read. tRNS and eXIf are used.
constexpr auto kUnusedChunks = std::to_array(
    "bKGD\0cHRM\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0sTER\0tEXt\0tIME\0zTXt");
constexpr std::size_t kChunkNameBytes = 5;  // with the NUL
static_assert(kUnusedChunks.size() % kChunkNameBytes == 0);
// Bytes that the end of the compressed pixels may have beyond 16 times those of a row of pixels, since each
// byte may be a chunk of its own. libpng unpacks whatever follows the pixels in their stream, only to pass
// over it.
constexpr std::size_t kMaxEndOfPixels = std::size_t{16} << 10;
// The most bytes of a pixel, as PNG stores it: RGBA of 16 bits.
constexpr std::uint64_t kMaxPixelBytes = 8;

// libpng's error state: on an error it jumps to `escape`, see guarded().
struct Errors {
  std::jmp_buf escape{};
  std::array<char, kMaxMessage> message{};
  bool out_of_memory = false;  // whether an allocation has failed
};

[[noreturn]] void on_error(png_structp codec, png_const_charp message) {
  auto* errors = static_cast<Errors*>(png_get_error_ptr(codec));
  std::snprintf(errors->message.data(), errors->message.size(), "%s", message);
  std::longjmp(errors->escape, 1);
}

void on_warning(png_structp /*codec*/, png_const_charp /*message*/) {}

// libpng's allocations and zlib's. libpng has many words for a lack of memory, and goes on without some parts
// of the file, such as its orientation.
png_voidp allocate(png_structp codec, png_alloc_size_t bytes) {
  void* const memory = std::malloc(bytes);
  if (memory == nullptr) static_cast<Errors*>(png_get_mem_ptr(codec))->out_of_memory = true;
  return memory;
}

void release(png_structp /*codec*/, png_voidp memory) { std::free(memory); }

[[noreturn]] void throw_out_of_memory(std::string_view place) {
  throw SystemError(place, "PNG: out of memory");
}

struct Reader {
  std::span<const std::uint8_t> rest;
  std::size_t allowed = SIZE_MAX;  // bytes that may still be read
  Errors errors;
  png_structp codec = nullptr;
  png_infop info = nullptr;

  explicit Reader(std::span<const std::uint8_t> bytes) : rest(bytes) {
    codec = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &errors, on_error, on_warning, &errors, allocate,
                                     release);
    if (codec != nullptr) info = png_create_info_struct(codec);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  Reader(Reader&&) = delete;
  Reader& operator=(Reader&&) = delete;
  ~Reader() { png_destroy_read_struct(&codec, &info, nullptr); }

  static void read(png_structp codec, png_bytep into, std::size_t bytes) {
    auto* reader = static_cast<Reader*>(png_get_io_ptr(codec));
    if (bytes > reader->rest.size()) png_error(codec, "the data end in the middle of the image");
    if (bytes > reader->allowed) png_error(codec, "much more compressed data than the pixels need");
    if (reader->allowed != SIZE_MAX) reader->allowed -= bytes;
    std::memcpy(into, reader->rest.data(), bytes);
    reader->rest = reader->rest.subspan(bytes);
  }
};

// Sets what libpng reads, and how much it may allocate for it.
void limit_chunks(png_structp codec) {
  png_set_user_limits(codec, kMaxPngSide, kMaxPngSide);
  png_set_chunk_malloc_max(codec, kMaxChunkBytes);
  png_set_keep_unknown_chunks(codec, PNG_HANDLE_CHUNK_NEVER,
                              reinterpret_cast<png_const_bytep>(kUnusedChunks.data()),
                              static_cast<int>(kUnusedChunks.size() / kChunkNameBytes));
}

// Asks libpng to convert every kind of PNG to 8-bit gray, gray + alpha, RGB or RGBA.
void ask_for_8_bits(png_structp codec, png_infop info) {
  const int color = png_get_color_type(codec, info);
  const int depth = png_get_bit_depth(codec, info);
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(codec);
  if (color == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(codec);
  if (png_get_valid(codec, info, PNG_INFO_tRNS) != 0) png_set_tRNS_to_alpha(codec);
  if (depth == 16) png_set_scale_16(codec);
  png_set_interlace_handling(codec);
  png_read_update_info(codec, info);
}

int orientation_of(png_structp codec, png_infop info) {
#ifdef PNG_eXIf_SUPPORTED
  png_uint_32 bytes = 0;
  png_bytep exif = nullptr;
  if (png_get_eXIf_1(codec, info, &bytes, &exif) != 0) return exif_orientation({exif, bytes});
#endif
  return 1;
}

// Of flatten()'s result.
int flat_channels(const Image& samples, const Rgb& background) {
  const bool gray = samples.channels == 2 && background[0] == background[1] && background[1] == background[2];
  return gray ? 1 : 3;
}

// Blends `samples` (color channels, then alpha) with the background. A gray image stays gray if the
// background is gray.
Image flatten(const Image& samples, Rgb background) {
  const int colors = samples.channels - 1;
  Image flat{samples.width, samples.height, flat_channels(samples, background), {}};
  const std::size_t pixels =
      static_cast<std::size_t>(samples.width) * static_cast<std::size_t>(samples.height);
  const auto channels = static_cast<std::size_t>(flat.channels);
  flat.pixels.resize(pixels * channels);
  const std::uint8_t* from = samples.pixels.data();
  for (std::size_t i = 0; i < pixels; ++i, from += samples.channels) {
    const int alpha = from[colors];
    for (std::size_t c = 0; c < channels; ++c) {
      const int color = from[colors == 1 ? 0 : c];
      flat.pixels[i * channels + c] =
          static_cast<std::uint8_t>((color * alpha + background.at(c) * (255 - alpha) + 127) / 255);
    }
  }
  return flat;
}

// Reads all rows. Call it guarded.
void read_rows(Reader& reader, Image& image, std::size_t stride) {
  const int passes = png_set_interlace_handling(reader.codec);
  for (int pass = 0; pass < passes; ++pass) {
    for (int y = 0; y < image.height; ++y) {
      if (pass == passes - 1 && y == image.height - 1) {
        reader.allowed = 16 * kMaxPixelBytes * static_cast<std::size_t>(image.width) + kMaxEndOfPixels;
      }
      png_read_row(reader.codec, image.pixels.data() + stride * static_cast<std::size_t>(y), nullptr);
    }
  }
  reader.allowed = SIZE_MAX;
}

// Checks the size in the header before libpng reads on.
void check_header(std::span<const std::uint8_t> bytes, std::string_view place, const ImageLimits& limits) {
  constexpr std::size_t kWidth = 16;  // after the signature, length and type of the first chunk
  constexpr std::size_t kHeight = 20;
  if (bytes.size() < kHeight + 4 || std::memcmp(bytes.data() + 12, "IHDR", 4) != 0) return;
  check_image_size(png_get_uint_32(bytes.data() + kWidth), png_get_uint_32(bytes.data() + kHeight), place,
                   limits);
}

// Whether the compressed pixels are there to their end, and their checksums are right (PNG, third edition,
// sections 5.3 and 10.1). libpng reads them only as far as it needs to. most: more unpacked bytes than the
// pixels can have; data that unpack to more have no end that is looked for. Throws SystemError if memory is
// short.
bool has_all_pixels(std::span<const std::uint8_t> bytes, std::string_view place, std::uint64_t most) {
  constexpr std::size_t kSignature = 8;
  constexpr std::size_t kHeader = 8;   // length, type
  constexpr std::size_t kTrailer = 4;  // CRC
  z_stream stream{};
  int status = ::inflateInit(&stream);
  std::array<std::uint8_t, std::size_t{1} << 14> out{};
  for (std::size_t at = kSignature; status == Z_OK && bytes.size() - at >= kHeader + kTrailer;) {
    const std::size_t length = png_get_uint_32(bytes.data() + at);
    if (length > bytes.size() - at - kHeader - kTrailer) break;
    const auto covered = bytes.subspan(at + 4, 4 + length);
    if (std::memcmp(covered.data(), "IDAT", 4) == 0) {
      if (::crc32_z(0, covered.data(), covered.size()) !=
          png_get_uint_32(bytes.data() + at + kHeader + length)) {
        break;
      }
      stream.next_in = const_cast<Bytef*>(covered.data() + 4);  // zlib does not write to it
      stream.avail_in = static_cast<uInt>(length);
      while (status == Z_OK && stream.avail_in > 0 && stream.total_out <= most) {
        stream.next_out = out.data();
        stream.avail_out = static_cast<uInt>(out.size());
        status = ::inflate(&stream, Z_NO_FLUSH);
      }
    }
    if (stream.total_out > most) break;
    at += kHeader + length + kTrailer;
  }
  ::inflateEnd(&stream);
  if (status == Z_MEM_ERROR) throw_out_of_memory(place);
  return status == Z_STREAM_END;
}

}  // namespace

Image decode_png(std::span<const std::uint8_t> bytes, std::string_view place, const ImageLimits& limits,
                 Rgb background, PngExtra* extra, const std::function<void(const PngMemory&)>& on_memory) {
  check_header(bytes, place, limits);
  Reader reader(bytes);
  // libpng fails to start only if memory is short.
  if (reader.info == nullptr) throw_out_of_memory(place);
  const auto fail_unless = [&](bool whole) {
    if (reader.errors.out_of_memory) throw_out_of_memory(place);
    if (!whole) throw Error(place, std::string("PNG: ") + reader.errors.message.data());
  };
  fail_unless(guarded(reader.errors.escape, [&] {
    png_set_read_fn(reader.codec, &reader, Reader::read);
    limit_chunks(reader.codec);
    png_read_info(reader.codec, reader.info);
  }));
  const std::uint32_t width = png_get_image_width(reader.codec, reader.info);
  const std::uint32_t height = png_get_image_height(reader.codec, reader.info);
  fail_unless(guarded(reader.errors.escape, [&] { ask_for_8_bits(reader.codec, reader.info); }));
  Image image{
      static_cast<int>(width), static_cast<int>(height), png_get_channels(reader.codec, reader.info), {}};
  const std::size_t stride = static_cast<std::size_t>(width) * static_cast<std::size_t>(image.channels);
  if (png_get_rowbytes(reader.codec, reader.info) != stride) {
    throw Error(place, "PNG: samples of an unknown kind");
  }
  const bool alpha = image.channels == 2 || image.channels == 4;
  if (on_memory) {
    const std::uint64_t samples = std::uint64_t{stride} * height;
    const std::uint64_t flat =
        alpha ? static_cast<std::uint64_t>(flat_channels(image, background)) * width * height : 0;
    on_memory({image.width, image.height, samples + flat, alpha ? flat : samples});
  }
  image.pixels.resize(stride * height);
  fail_unless(guarded(reader.errors.escape, [&] { read_rows(reader, image, stride); }));
  // The end may be missing, but not that of the pixels, which has their checksum.
  const bool ended = guarded(reader.errors.escape, [&] { png_read_end(reader.codec, reader.info); });
  // A row of pixels begins with one byte, and interlaced images have at most twice as many rows.
  fail_unless(ended ||
              has_all_pixels(bytes, place, (kMaxPixelBytes * width + 2) * height + kMaxPixelBytes * 7));
  if (extra != nullptr) extra->orientation = orientation_of(reader.codec, reader.info);
  return alpha ? flatten(image, background) : image;
}

std::vector<std::uint8_t> encode_png(const Image& image) {
  png_image description{};
  description.version = PNG_IMAGE_VERSION;
  description.width = static_cast<png_uint_32>(image.width);
  description.height = static_cast<png_uint_32>(image.height);
  description.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  // libpng's simplified interface handles errors itself.
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(description);
  std::vector<std::uint8_t> encoded(bytes);
  if (png_image_write_to_memory(&description, encoded.data(), &bytes, 0, image.pixels.data(), 0, nullptr) ==
      0) {
    const std::string reason = description.message;
    png_image_free(&description);
    throw Error("PNG", reason);
  }
  encoded.resize(bytes);
  return encoded;
}

}  // namespace convoy
