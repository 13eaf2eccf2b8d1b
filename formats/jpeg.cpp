#include "formats/jpeg.h"

// jpeglib.h needs size_t and FILE declared before it.
#include <cstdio>
//
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>
#include <string>

#include "formats/guarded.h"
#include "formats/jpeg_exif.h"
#include "formats/leading_bytes.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

constexpr int kExifMarker = JPEG_APP0 + 1;
constexpr std::string_view kExifLead("Exif\0\0", 6);
constexpr std::size_t kLengthBytes = 2;  // of a segment
// Rows per call of libjpeg, and the most rows that one component has in a row of MCUs: 4 blocks of 8.
constexpr int kPixelRowsAtOnce = 16;
constexpr int kMaxRawRows = MAX_SAMP_FACTOR * DCTSIZE;

// libjpeg's error state. libjpeg reports an error to a callback that must not return; it leaves by longjmp,
// since an exception would have to pass through C frames.
struct Errors {
  jpeg_error_mgr manager{};  // first member: libjpeg passes a pointer to it
  std::jmp_buf escape{};
  std::array<char, JMSG_LENGTH_MAX> message{};
  int orientation = 0;  // EXIF's, 1 to 8; 0: there is none yet
  bool out_of_memory = false;
  bool ended = false;          // whether the data have ended without an end marker; `message` then says so
  bool in_header = false;      // before the first scan's pixels
  std::uint64_t warnings = 0;  // that libjpeg has given
};

[[noreturn]] void leave(j_common_ptr codec) {
  auto* errors = reinterpret_cast<Errors*>(codec->err);
  errors->out_of_memory = codec->err->msg_code == JERR_OUT_OF_MEMORY;
  // What comes after the end of the data is its consequence.
  if (!errors->ended) (*codec->err->format_message)(codec, errors->message.data());
  std::longjmp(errors->escape, 1);
}

// Whether all pixels are right in spite of the warning.
bool is_harmless(j_common_ptr codec) {
  const int code = codec->err->msg_code;
  // Scans may come in any order, but one that refines coefficients needs the bits before its own.
  if (code == JWRN_BOGUS_PROGRESSION) {
    return codec->is_decompressor && reinterpret_cast<j_decompress_ptr>(codec)->Ah == 0;
  }
  return code == JWRN_ADOBE_XFORM || code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR ||
         code == JWRN_TOO_MUCH_DATA;
}

// At the end of the data libjpeg goes on as if an end marker were there. No pixel is lost by that, unless a
// decoder then warns that it has no more bits; that of arithmetic coding never does. In the header there is
// nothing to go on with: the rest of a segment would come as one end marker after another.
void on_message(j_common_ptr codec, int level) {
  if (level >= 0) return;
  auto* errors = reinterpret_cast<Errors*>(codec->err);
  ++errors->warnings;
  if (is_harmless(codec)) return;
  if (codec->err->msg_code != JWRN_JPEG_EOF) leave(codec);
  if (!errors->ended) (*codec->err->format_message)(codec, errors->message.data());
  errors->ended = true;
  if (errors->in_header || !codec->is_decompressor || reinterpret_cast<j_decompress_ptr>(codec)->arith_code) {
    leave(codec);
  }
}

void no_output(j_common_ptr /*codec*/) {}

// Throws what the library's error is.
[[noreturn]] void throw_error(const Errors& errors, std::string_view place, std::string_view lead) {
  if (errors.out_of_memory) throw SystemError(place, std::string(lead) + "out of memory");
  throw Error(place, std::string(lead) + errors.message.data());
}

void set_up(Errors& errors) {
  jpeg_std_error(&errors.manager);
  errors.manager.error_exit = leave;
  errors.manager.emit_message = on_message;
  errors.manager.output_message = no_output;
}

// Called by libjpeg for each row of blocks that it reads.
void limit_scans(j_common_ptr codec) {
  const auto& decoder = *reinterpret_cast<j_decompress_ptr>(codec);
  const std::uint64_t pixels = std::uint64_t{decoder.image_width} * decoder.image_height;
  const auto by_pixels = static_cast<int>(std::min<std::uint64_t>(kMaxJpegScans, kMaxScannedPixels / pixels));
  if (decoder.input_scan_number <= by_pixels) return;
  auto* errors = reinterpret_cast<Errors*>(codec->err);
  if (by_pixels == kMaxJpegScans) {
    std::snprintf(errors->message.data(), errors->message.size(), "more than %d scans", kMaxJpegScans);
  } else {
    std::snprintf(errors->message.data(), errors->message.size(), "more than %d scans of %ux%u pixels",
                  by_pixels, decoder.image_width, decoder.image_height);
  }
  std::longjmp(errors->escape, 1);
}

int block_rows(const jpeg_component_info& component) {
#if JPEG_LIB_VERSION >= 70
  return component.DCT_v_scaled_size;
#else
  return component.DCT_scaled_size;
#endif
}

int block_columns(const jpeg_component_info& component) {
#if JPEG_LIB_VERSION >= 70
  return component.DCT_h_scaled_size;
#else
  return component.DCT_scaled_size;
#endif
}

// libjpeg's reader of a segment, for APP1: notes the orientation of the first one with EXIF. libjpeg's own
// (jpeg_save_markers()) walks through all that it has kept for each one more.
boolean read_app1(j_decompress_ptr decoder) {
  auto* errors = reinterpret_cast<Errors*>(decoder->err);
  jpeg_source_mgr& source = *decoder->src;
  // The whole file is in memory, so what is not there is never there.
  const auto take = [&](std::size_t bytes) {
    const std::span<const std::uint8_t> taken(source.next_input_byte,
                                              std::min(bytes, source.bytes_in_buffer));
    source.next_input_byte += taken.size();
    source.bytes_in_buffer -= taken.size();
    return taken;
  };
  const auto length = take(kLengthBytes);
  if (length.size() < kLengthBytes) return (*source.fill_input_buffer)(decoder);
  const std::size_t bytes = std::size_t{length[0]} << 8 | length[1];
  const auto payload = take(std::max(bytes, kLengthBytes) - kLengthBytes);
  if (starts_with(payload, kExifLead) && errors->orientation == 0) {
    errors->orientation = exif_orientation(payload.subspan(kExifLead.size()));
  }
  return TRUE;
}

// Whether a marker may come between scans (ITU-T T.81, table B.1): tables, an application's data, a comment,
// another scan.
bool may_follow_scan(std::uint8_t marker) {
  return marker == 0xC4 || marker == 0xCC || (marker >= 0xDA && marker <= 0xDD) ||
         (marker >= 0xE0 && marker <= 0xEF) || marker == 0xFE;
}

// The offset behind the last scan and the end marker, if there is one, so that what a camera appends to its
// files is not read as a part of the image.
std::size_t end_of_scans(std::span<const std::uint8_t> bytes) {
  bool scan = false;
  std::size_t at = 2;
  while (at + 4 <= bytes.size()) {
    const auto* const found =
        static_cast<const std::uint8_t*>(std::memchr(bytes.data() + at, 0xFF, bytes.size() - at));
    if (found == nullptr) break;
    const auto marker_at = static_cast<std::size_t>(found - bytes.data());
    if (marker_at + 1 >= bytes.size()) break;
    const std::uint8_t marker = bytes[marker_at + 1];
    const bool in_scan = marker == 0 || (marker >= 0xD0 && marker <= 0xD7);
    if (marker == 0xFF || in_scan || marker == 0x01) {
      at = marker_at + (marker == 0xFF ? 1 : 2);
      continue;
    }
    if (marker == 0xD9) return marker_at + 2;
    if (scan && !may_follow_scan(marker)) return marker_at;
    if (marker_at + 4 > bytes.size()) break;
    const std::size_t length = std::size_t{bytes[marker_at + 2]} << 8 | bytes[marker_at + 3];
    if (scan && (length < 2 || length > bytes.size() - marker_at - 2)) return marker_at;
    scan = scan || marker == 0xDA;
    at = marker_at + 2 + std::max<std::size_t>(length, 2);
  }
  return bytes.size();
}

// Inks to light. Adobe writes inks inverted (255: no ink); files without its marker are read in
// the same way, as all common readers do.
void cmyk_to_rgb(const std::uint8_t* cmyk, std::uint8_t* rgb, int pixels) {
  for (int i = 0; i < pixels; ++i) {
    const int black = cmyk[i * 4 + 3];
    for (int c = 0; c < 3; ++c) {
      rgb[i * 3 + c] = static_cast<std::uint8_t>((cmyk[i * 4 + c] * black + 127) / 255);
    }
  }
}

}  // namespace

struct JpegDecoder::State {
  jpeg_decompress_struct decoder{};
  Errors errors;
  jpeg_progress_mgr progress{};
  std::string place;
  std::vector<std::uint8_t> cmyk_row;

  State() {
    set_up(errors);
    create();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  State(State&&) = delete;
  State& operator=(State&&) = delete;
  ~State() { jpeg_destroy_decompress(&decoder); }

  void create() {
    decoder.err = &errors.manager;
    const bool created = guarded(errors.escape, [&] {
      jpeg_create_decompress(&decoder);
      jpeg_set_marker_processor(&decoder, kExifMarker, read_app1);
    });
    if (!created) fail();
    progress.progress_monitor = limit_scans;
    decoder.progress = &progress;
  }

  [[noreturn]] void fail() {
    jpeg_abort_decompress(&decoder);
    throw_error(errors, place.empty() ? "libjpeg" : place, "JPEG: ");
  }
  void fail_unless(bool whole) {
    if (!whole) fail();
  }
  // jpeg_start_decompress(), which reads all scans but the last. Call it guarded.
  void start();
  // Whether everything that makes up the pixels has been read.
  [[nodiscard]] bool has_all_scans() const;
  void ask_for_planes(int denominator);
  // Of a component's plane: the decoder works in whole blocks.
  [[nodiscard]] static int allocated_width(const jpeg_component_info& info);
  [[nodiscard]] int allocated_height(const jpeg_component_info& info) const;
  [[nodiscard]] std::uint64_t coefficient_bytes();
  void read_raw_rows(PlanarImage& into, int components);
  void read_cmyk(Image& into);
};

// Of a file with several scans, which libjpeg reads to the end of the data, some may be missing.
void JpegDecoder::State::start() {
  jpeg_start_decompress(&decoder);
  if (!jpeg_has_multiple_scans(&decoder) || has_all_scans()) return;
  if (!errors.ended)
    std::snprintf(errors.message.data(), errors.message.size(), "a component without a scan");
  std::longjmp(errors.escape, 1);
}

// An encoder may leave out details, but no component, nor the mean of its blocks. Without an end marker,
// details that are not there may be lost.
bool JpegDecoder::State::has_all_scans() const {
  for (int c = 0; c < decoder.num_components; ++c) {
    if (decoder.comp_info[c].quant_table == nullptr) return false;  // set by a component's first scan
    if (!decoder.progressive_mode) continue;
    // For each coefficient, the number of bits still to come, or -1 if it has not come at all.
    const auto& bits_to_come = decoder.coef_bits[c];
    if (bits_to_come[0] < 0) return false;
    if (!errors.ended) continue;
    if (std::any_of(std::begin(bits_to_come), std::end(bits_to_come), [](int bits) { return bits != 0; })) {
      return false;
    }
  }
  return true;
}

// libjpeg keeps arrays of whole MCUs.
std::uint64_t JpegDecoder::State::coefficient_bytes() {
  if (!jpeg_has_multiple_scans(&decoder)) return 0;
  const auto padded = [](std::uint64_t blocks, int factor) {
    const auto whole = static_cast<std::uint64_t>(factor);
    return (blocks + whole - 1) / whole * whole;
  };
  std::uint64_t bytes = 0;
  for (int c = 0; c < decoder.num_components; ++c) {
    const jpeg_component_info& info = decoder.comp_info[c];
    bytes += padded(info.width_in_blocks, info.h_samp_factor) *
             padded(info.height_in_blocks, info.v_samp_factor) * sizeof(JBLOCK);
  }
  return bytes;
}

JpegDecoder::JpegDecoder() : state_(std::make_unique<State>()) {}
JpegDecoder::JpegDecoder(JpegDecoder&&) noexcept = default;
JpegDecoder& JpegDecoder::operator=(JpegDecoder&&) noexcept = default;
JpegDecoder::~JpegDecoder() = default;

std::uint64_t JpegDecoder::warnings() const { return state_->errors.warnings; }

JpegHeader JpegDecoder::open(std::span<const std::uint8_t> bytes, std::string_view place,
                             const ImageLimits& limits) {
  State& state = *state_;
  auto& decoder = state.decoder;
  state.place = place;
  // libjpeg keeps tables from image to image, which the next one may lack.
  jpeg_destroy_decompress(&decoder);
  state.errors.ended = false;
  state.errors.orientation = 0;
  state.create();
  state.errors.in_header = true;
  state.fail_unless(guarded(state.errors.escape, [&] {
    jpeg_mem_src(&decoder, bytes.data(), bytes.size());
    jpeg_read_header(&decoder, TRUE);
  }));
  state.errors.in_header = false;
  // Of a single scan nothing is read behind its pixels; several are read to the end of the data.
  if (jpeg_has_multiple_scans(&decoder)) {
    const std::size_t behind = bytes.size() - end_of_scans(bytes);
    decoder.src->bytes_in_buffer -= std::min(decoder.src->bytes_in_buffer, behind);
  }
  check_image_size(decoder.image_width, decoder.image_height, place, limits);
  decoder.dct_method = JDCT_ISLOW;
  JpegHeader header;
  header.width = static_cast<int>(decoder.image_width);
  header.height = static_cast<int>(decoder.image_height);
  header.gray = decoder.jpeg_color_space == JCS_GRAYSCALE;
  header.planar = header.gray || decoder.jpeg_color_space == JCS_YCbCr;
  header.orientation = std::max(state.errors.orientation, 1);
  header.coefficient_bytes = state.coefficient_bytes();
  return header;
}

void JpegDecoder::State::ask_for_planes(int denominator) {
  decoder.raw_data_out = TRUE;
  decoder.out_color_space = decoder.jpeg_color_space;
  decoder.scale_num = 1;
  decoder.scale_denom = static_cast<unsigned>(denominator);
}

int JpegDecoder::State::allocated_width(const jpeg_component_info& info) {
  return static_cast<int>(info.width_in_blocks) * block_columns(info);
}
int JpegDecoder::State::allocated_height(const jpeg_component_info& info) const {
  return static_cast<int>(decoder.total_iMCU_rows) * info.v_samp_factor * block_rows(info);
}

std::uint64_t JpegDecoder::plane_bytes(int denominator) {
  State& state = *state_;
  auto& decoder = state.decoder;
  state.ask_for_planes(denominator);
  state.fail_unless(guarded(state.errors.escape, [&] { jpeg_calc_output_dimensions(&decoder); }));
  std::uint64_t bytes = 0;
  for (int c = 0; c < decoder.num_components; ++c) {
    const jpeg_component_info& info = decoder.comp_info[c];
    bytes += Plane::allocated_bytes(state.allocated_width(info), state.allocated_height(info));
  }
  return bytes;
}

void JpegDecoder::read_planes(int denominator, PlanarImage& into) {
  State& state = *state_;
  auto& decoder = state.decoder;
  state.ask_for_planes(denominator);
  state.fail_unless(guarded(state.errors.escape, [&] { state.start(); }));
  const int components = decoder.num_components;
  into.width = static_cast<int>(decoder.image_width);
  into.height = static_cast<int>(decoder.image_height);
  into.color = components == 1 ? PlanarImage::Color::gray : PlanarImage::Color::ycbcr;
  for (int c = 0; c < components; ++c) {
    const jpeg_component_info& info = decoder.comp_info[c];
    auto& component = into.components.at(static_cast<std::size_t>(c));
    component.x_scale =
        static_cast<double>(info.h_samp_factor * block_columns(info)) / (decoder.max_h_samp_factor * DCTSIZE);
    component.y_scale =
        static_cast<double>(info.v_samp_factor * block_rows(info)) / (decoder.max_v_samp_factor * DCTSIZE);
    component.plane.resize(static_cast<int>(info.downsampled_width),
                           static_cast<int>(info.downsampled_height), state.allocated_width(info),
                           state.allocated_height(info));
  }
  state.read_raw_rows(into, components);
}

void JpegDecoder::State::read_raw_rows(PlanarImage& into, int components) {
  std::array<std::array<JSAMPROW, kMaxRawRows>, 3> rows{};
  std::array<JSAMPARRAY, 3> arrays = {rows[0].data(), rows[1].data(), rows[2].data()};
  std::array<int, 3> per_call{};
  int lines = 0;
  for (std::size_t c = 0; c < static_cast<std::size_t>(components); ++c) {
    per_call.at(c) = decoder.comp_info[c].v_samp_factor * block_rows(decoder.comp_info[c]);
  }
#if JPEG_LIB_VERSION >= 70
  lines = decoder.max_v_samp_factor * decoder.min_DCT_v_scaled_size;
#else
  lines = decoder.max_v_samp_factor * decoder.min_DCT_scaled_size;
#endif
  fail_unless(guarded(errors.escape, [&] {
    for (int group = 0; decoder.output_scanline < decoder.output_height; ++group) {
      for (std::size_t c = 0; c < static_cast<std::size_t>(components); ++c) {
        for (int y = 0; y < per_call[c]; ++y) {
          rows[c][static_cast<std::size_t>(y)] = into.components[c].plane.row(group * per_call[c] + y);
        }
      }
      jpeg_read_raw_data(&decoder, arrays.data(), static_cast<JDIMENSION>(lines));
    }
  }));
}

void JpegDecoder::read_pixels(Image& into) {
  State& state = *state_;
  auto& decoder = state.decoder;
  decoder.raw_data_out = FALSE;
  decoder.scale_num = 1;
  decoder.scale_denom = 1;
  const bool gray = decoder.jpeg_color_space == JCS_GRAYSCALE;
  const bool ink = decoder.jpeg_color_space == JCS_CMYK || decoder.jpeg_color_space == JCS_YCCK;
  if (decoder.jpeg_color_space == JCS_UNKNOWN) {
    throw Error(state.place,
                "JPEG: " + std::to_string(decoder.num_components) + " components of an unknown colour space");
  }
  decoder.out_color_space = gray ? JCS_GRAYSCALE : ink ? JCS_CMYK : JCS_RGB;
  into.width = static_cast<int>(decoder.image_width);
  into.height = static_cast<int>(decoder.image_height);
  into.channels = gray ? 1 : 3;
  into.pixels.resize(static_cast<std::size_t>(into.width) * static_cast<std::size_t>(into.height) *
                     static_cast<std::size_t>(into.channels));
  if (ink) {
    state.read_cmyk(into);
    return;
  }
  const std::size_t stride = static_cast<std::size_t>(into.width) * static_cast<std::size_t>(into.channels);
  std::array<JSAMPROW, kPixelRowsAtOnce> rows{};
  state.fail_unless(guarded(state.errors.escape, [&] {
    state.start();
    while (decoder.output_scanline < decoder.output_height) {
      const JDIMENSION count =
          std::min<JDIMENSION>(kPixelRowsAtOnce, decoder.output_height - decoder.output_scanline);
      for (JDIMENSION y = 0; y < count; ++y) {
        rows[y] = into.pixels.data() + stride * (decoder.output_scanline + y);
      }
      jpeg_read_scanlines(&decoder, rows.data(), count);
    }
  }));
}

void JpegDecoder::State::read_cmyk(Image& into) {
  cmyk_row.resize(static_cast<std::size_t>(into.width) * 4);
  const std::size_t stride = static_cast<std::size_t>(into.width) * 3;
  fail_unless(guarded(errors.escape, [&] {
    start();
    while (decoder.output_scanline < decoder.output_height) {
      std::uint8_t* to = into.pixels.data() + stride * decoder.output_scanline;
      JSAMPROW row = cmyk_row.data();
      jpeg_read_scanlines(&decoder, &row, 1);
      cmyk_to_rgb(cmyk_row.data(), to, into.width);
    }
  }));
}

Image decode_jpeg(std::span<const std::uint8_t> bytes, std::string_view place, const ImageLimits& limits) {
  JpegDecoder decoder;
  decoder.open(bytes, place, limits);
  Image image;
  decoder.read_pixels(image);
  return image;
}

namespace {

// Writes into memory that is large enough from the start, so that libjpeg allocates nothing.
struct Destination {
  jpeg_destination_mgr manager{};  // first member: libjpeg passes a pointer to it
  static void start(j_compress_ptr /*encoder*/) {}
  static boolean full(j_compress_ptr encoder) {
    encoder->err->msg_code = JERR_BUFFER_SIZE;
    leave(reinterpret_cast<j_common_ptr>(encoder));
  }
};

struct Encoder {
  jpeg_compress_struct codec{};
  Errors errors;
  Encoder() {
    set_up(errors);
    codec.err = &errors.manager;
    if (!guarded(errors.escape, [&] { jpeg_create_compress(&codec); })) fail();
  }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  Encoder(Encoder&&) = delete;
  Encoder& operator=(Encoder&&) = delete;
  ~Encoder() { jpeg_destroy_compress(&codec); }
  [[noreturn]] void fail() const { throw_error(errors, "libjpeg", {}); }
};

// TurboJPEG's bound on the size of a 4:4:4 file, plus room for the headers.
std::size_t encoded_bound(const Image& image) {
  const auto padded = [](int side) { return (static_cast<std::size_t>(side) + 15) / 16 * 16; };
  return padded(image.width) * padded(image.height) * kJpegEncoderBytesPerPixel + 4096;
}

}  // namespace

std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality) {
  std::vector<std::uint8_t> bytes(encoded_bound(image));
  Encoder encoder;
  Destination destination;
  destination.manager.next_output_byte = bytes.data();
  destination.manager.free_in_buffer = bytes.size();
  destination.manager.init_destination = Destination::start;
  destination.manager.empty_output_buffer = Destination::full;
  destination.manager.term_destination = Destination::start;
  auto& codec = encoder.codec;
  codec.dest = &destination.manager;
  const std::size_t stride = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.channels);
  const bool whole = guarded(encoder.errors.escape, [&] {
    codec.image_width = static_cast<JDIMENSION>(image.width);
    codec.image_height = static_cast<JDIMENSION>(image.height);
    codec.input_components = image.channels;
    codec.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&codec);
    jpeg_set_quality(&codec, quality, TRUE);
    codec.dct_method = JDCT_ISLOW;
    jpeg_start_compress(&codec, TRUE);
    while (codec.next_scanline < codec.image_height) {
      // libjpeg does not write to the row, though its interface has no const.
      JSAMPROW row = const_cast<JSAMPROW>(image.pixels.data() + stride * codec.next_scanline);
      jpeg_write_scanlines(&codec, &row, 1);
    }
    jpeg_finish_compress(&codec);
  });
  if (!whole) encoder.fail();
  bytes.resize(bytes.size() - destination.manager.free_in_buffer);
  bytes.shrink_to_fit();
  return bytes;
}

}  // namespace convoy
