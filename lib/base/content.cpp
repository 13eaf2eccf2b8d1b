#include "lib/base/content.h"

#include <system_error>

#include <filesystem>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/lines.h"
#include "lib/base/marks.h"
#include "lib/base/protobuf_content.h"
#include "lib/base/text.h"

#include "lib/base/checked.h"

namespace convoy {
namespace {

using namespace std::string_view_literals;

constexpr auto kToPng = "convert it to PNG"sv;
constexpr auto kFrames = "save its frames as images"sv;
constexpr auto kUnpackArchive = "unpack it or make a tar"sv;
constexpr auto kUnpack = "unpack it"sv;
constexpr auto kToImages = "save its images as PNG"sv;
constexpr auto kBrokenCopy = "the copy or the download failed"sv;

constexpr Content picture(std::string_view name) {
  return {.name = name, .image_advice = kToPng, .picture = true};
}
constexpr Content video(std::string_view name) { return {.name = name, .image_advice = kFrames}; }
constexpr Content archive(std::string_view name) { return {.name = name, .image_advice = kUnpackArchive}; }
constexpr Content packed(std::string_view name) { return {.name = name, .advice = kUnpack}; }
constexpr Content data(std::string_view name) { return {.name = name, .image_advice = kToImages}; }
constexpr Content other(std::string_view name) { return {.name = name}; }
constexpr Content pointer(std::string_view name, std::string_view advice) {
  return {.name = name, .advice = advice};
}

// Its bytes are a program, which is never run.
constexpr Content kPyTorch{.name = "a PyTorch file", .advice = "convoy-netpack(1) says how to convert it"};

// Formats that begin alike stand together, the narrower one first.
constexpr auto kMarks = std::to_array<ContentMark>({
    {0, kJpegMark, {.name = "a JPEG image", .is = Expected::image}},
    {0, kPngMark, {.name = "a PNG image", .is = Expected::image}},
    {0, kShardMark, {.name = "a shard", .is = Expected::shard}},

    {0, "GIF87a"sv, picture("a GIF image")},
    {0, "GIF89a"sv, picture("a GIF image")},
    {0, "RIFF"sv, picture("a WebP image"), 8, "WEBP"sv},
    {0, "II*\0"sv, picture("a camera raw image (CR2)"), 8, "CR"sv},
    {0, "II*\0"sv, picture("a TIFF image")},
    {0, "MM\0*"sv, picture("a TIFF image")},
    {0, "II+\0"sv, picture("a TIFF image")},
    {0, "MM\0+"sv, picture("a TIFF image")},
    {4, "ftypavif"sv, picture("an AVIF image")},
    {4, "ftypavis"sv, picture("an AVIF image")},
    {4, "ftyphei"sv, picture("a HEIC image")},
    {4, "ftyphev"sv, picture("a HEIC image")},
    {4, "ftypmif1"sv, picture("a HEIC or AVIF image")},
    {4, "ftypmsf1"sv, picture("a HEIC or AVIF image")},
    {4, "ftypcrx "sv, picture("a camera raw image (CR3)")},
    {0, "\xff\x0a"sv, picture("a JPEG XL image")},
    {0, "\0\0\0\x0cJXL "sv, picture("a JPEG XL image")},
    {0, "\0\0\0\x0cjP  "sv, picture("a JPEG 2000 image")},
    {0, "\xff\x4f\xff\x51"sv, picture("a JPEG 2000 image")},
    {0, "II\xbc"sv, picture("a JPEG XR image")},
    {0, "8BPS"sv, picture("a Photoshop image (PSD)")},
    {0, "gimp xcf"sv, picture("a GIMP image (XCF)")},
    {0, "qoif"sv, picture("a QOI image")},
    {0, "\x0a\x05\x01"sv, picture("a PCX image")},
    {0, "DDS "sv, picture("a DDS image")},
    {0, "\x76\x2f\x31\x01"sv, picture("an OpenEXR image")},
    {0, "#?RADIANCE"sv, picture("a Radiance HDR image")},
    {0, "\0\0\1\0"sv, picture("an icon (ICO)"), 9, "\0"sv},
    {0, "icns"sv, picture("an icon (ICNS)")},
    {0, "\x8aMNG"sv, picture("an MNG image")},
    {0, "BPG\xfb"sv, picture("a BPG image")},
    {0, "FLIF"sv, picture("a FLIF image")},
    {0, "FUJIFILMCCD-RAW"sv, picture("a camera raw image (RAF)")},
    {0, "IIU\0"sv, picture("a camera raw image (RW2)")},
    {0, "IIRO"sv, picture("a camera raw image (ORF)")},
    {0, "IIRS"sv, picture("a camera raw image (ORF)")},
    {0, "II\x1a\0\0\0HEAPCCDR"sv, picture("a camera raw image (CRW)")},
    {128, "DICM"sv, picture("a DICOM image")},
    {0, "SIMPLE  ="sv, picture("a FITS image")},
    {0, "AT&TFORM"sv, picture("a DjVu document")},
    {0, "%PDF"sv, data("a PDF document")},
    {0, "%!PS"sv, picture("a PostScript document")},

    {4, "ftyp"sv, video("a video (MP4)")},
    {4, "moov"sv, video("a video (QuickTime)")},
    {4, "mdat"sv, video("a video (QuickTime)")},
    {0, "RIFF"sv, video("a video (AVI)"), 8, "AVI "sv},
    {0, "\x1a\x45\xdf\xa3"sv, video("a video (Matroska or WebM)")},
    {0, "FLV\1"sv, video("a video (FLV)")},
    {0, "\0\0\1\xba"sv, video("a video (MPEG)")},
    {0, "\0\0\1\xb3"sv, video("a video (MPEG)")},
    {0, "\x30\x26\xb2\x75"sv, video("a video (WMV)")},
    {0, "OggS"sv, video("a video or sound (Ogg)")},
    {0, "RIFF"sv, other("a sound (WAV)"), 8, "WAVE"sv},
    {0, "ID3"sv, other("a sound (MP3)")},
    {0, "fLaC"sv, other("a sound (FLAC)")},

    {257, "ustar"sv, {.name = "a tar archive"}},
    {0, "7z\xbc\xaf"sv, archive("a 7z archive")},
    {0, "Rar!"sv, archive("a RAR archive")},
    {0, "070701"sv, archive("a cpio archive")},
    {0, "070702"sv, archive("a cpio archive")},
    {0, "070707"sv, archive("a cpio archive")},
    {0, "\xc7\x71"sv, archive("a cpio archive")},
    {0, "!<arch>\n"sv, archive("an ar archive")},
    {0, "MSCF"sv, archive("a cabinet archive")},
    {0, "hsqs"sv, archive("a squashfs image")},
    {0, "xar!"sv, archive("a xar archive")},
    {0, kGzipMark, packed("a gzip-compressed file")},
    {0, kZstdMark, packed("a zstd-compressed file")},
    {0, kBzip2Mark, packed("a bzip2-compressed file")},
    {0, kXzMark, packed("an xz-compressed file")},
    {0, "\x5d\0\0"sv, packed("an LZMA-compressed file")},
    {0, "LZIP"sv, packed("an lzip-compressed file")},
    {0, "\x04\x22\x4d\x18"sv, packed("an LZ4-compressed file")},
    {0, "\x1f\x9d"sv, packed("a file compressed with compress (.Z)")},
    {0, "\x89LZO"sv, packed("an LZO-compressed file")},
    {0, "\xff\x06\0\0sNaPpY"sv, packed("a Snappy-compressed file")},

    {0, "\x93NUMPY"sv, data("a NumPy array (.npy)")},
    {0, "\x89HDF"sv, data("an HDF5 file")},
    {0, "MATLAB 5.0 MAT-file"sv, data("a MATLAB file")},
    {0, "MATLAB 7.3 MAT-file"sv, data("a MATLAB file")},
    {16, "\xde\xc0\xef\xbe"sv, data("an LMDB database")},
    {0, "\x0a\x23\xd7\xce"sv, data("an MXNet RecordIO file")},
    {0, "PAR1"sv, data("a Parquet file")},
    {0, "ARROW1\0\0"sv, data("an Arrow file")},
    {0, "SQLite format 3"sv, data("an SQLite database")},
    {0, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv, kPyTorch},
    {0, "\x80\x02"sv, data("a Python pickle")},
    {0, "\x80\x03"sv, data("a Python pickle")},
    {0, "\x80\x04\x95"sv, data("a Python pickle")},
    {0, "\x80\x05\x95"sv, data("a Python pickle")},
    {0, "GGUF"sv, other("a GGUF model")},
    {4, "TFL3"sv, other("a TensorFlow Lite model")},

    {0,
     "version https://git-lfs.github.com/spec/"sv,
     {.name = "a Git LFS pointer", .advice = "run git lfs pull", .markup = true}},
    {0, "/annex/objects/"sv, pointer("a git-annex pointer", "run git annex get")},
    {0, "outs:\n"sv, pointer("a DVC pointer", "run dvc pull")},
    {0, "XSym\n"sv, pointer("a symbolic link, written as a file", "copy what it leads to")},
    {0, "!<symlink>"sv, pointer("a symbolic link, written as a file", "copy what it leads to")},

    {0, "\xd0\xcf\x11\xe0"sv, other("a Thumbs.db, or another OLE file")},
    {0, "\0\0\0\1Bud1"sv, other("a .DS_Store file")},
    {0, "\0\5\x16\7"sv, other("an AppleDouble file (._NAME of a Mac)")},
    {0, "L\0\0\0\1\x14\2\0"sv, other("a Windows shortcut")},
    {0,
     "\x7f"
     "ELF"sv,
     other("a program")},
    {0, "MZ\x90\0"sv, other("a Windows program")},
});

constexpr Content kZeros{.name = "zero bytes", .advice = kBrokenCopy};
constexpr Content kBmp = picture("a BMP image");
constexpr Content kPnm = picture("a PNM image");
constexpr Content kIdx{.name = "an IDX file", .image_advice = "see --idx of imgprep", .is = Expected::idx};
constexpr Content kNet{.name = "a net", .is = Expected::net};
constexpr Content kHtml{.name = "an HTML page", .advice = "the download failed", .markup = true};
constexpr Content kSvg{.name = "an SVG image", .image_advice = kToPng, .markup = true};
constexpr Content kXml{.name = "an XML file", .markup = true};
constexpr Content kJson{.name = "a JSON file", .markup = true};
constexpr Content kText{.name = "a text"};

bool has_at(std::string_view head, std::size_t offset, std::string_view bytes) {
  return head.size() >= offset && head.substr(offset).starts_with(bytes);
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::uint64_t little_endian(std::string_view head, std::size_t offset, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(head[offset + i]);
  return value;
}

// "BM", a size, and four bytes that are zero; or less than that, but no text.
bool is_bmp(std::string_view head) {
  constexpr std::size_t kReserved = 6;
  if (!head.starts_with("BM")) return false;
  if (head.size() < kReserved + 4) return !is_text(head) || !is_utf8(head);
  return head.substr(kReserved).starts_with("\0\0\0\0"sv);
}

// A PBM, PGM, PPM or PAM image: "P5" and white space.
bool is_pnm(std::string_view head) {
  return head.size() >= 3 && head[0] == 'P' && head[1] >= '1' && head[1] <= '7' &&
         std::isspace(static_cast<unsigned char>(head[2])) != 0;
}

// What a zip archive is for, by the name of its first member.
std::optional<Content> zip_content(std::string_view head) {
  constexpr std::size_t kNameLength = 26;
  constexpr std::size_t kName = 30;
  if (head.starts_with("PK\5\6"sv) || head.starts_with("PK\7\x08"sv)) return archive("a zip archive");
  if (!head.starts_with("PK\3\4"sv)) return std::nullopt;
  if (head.size() < kName) return archive("a zip archive");
  const std::string_view name = head.substr(kName, little_endian(head, kNameLength, 2));
  if (name.ends_with(".npy")) return data("a NumPy archive (.npz)");
  if (name.ends_with("/data.pkl") || name.ends_with("/.format_version")) return kPyTorch;
  if (name == "[Content_Types].xml" || name == "mimetype") return other("an office document");
  return archive("a zip archive");
}

// A safetensors file, which begins with the length of its JSON header.
std::optional<Content> safetensors_content(std::string_view head) {
  constexpr std::uint64_t kMostHeader = 100'000'000;
  if (head.size() < 10 || head[8] != '{' || (head[9] != '"' && head[9] != '}')) return std::nullopt;
  if (little_endian(head, 0, 8) > kMostHeader) return std::nullopt;
  const auto has_key = [&](std::string_view key) { return contains(head, "\"" + std::string(key) + "\""); };
  if (has_key(kMetaCheckpoint)) return Content{.name = "a checkpoint", .is = Expected::checkpoint};
  if (has_key(kMetaLayer)) return Content{.name = "a file of features", .is = Expected::features};
  if (has_key(kMetaDataset) || has_key(kMetaNet)) return Content{.name = "weights", .is = Expected::weights};
  if (has_key(kColorProductsTensor)) return Content{.name = "a mean file", .is = Expected::mean};
  return Content{.name = "a safetensors file"};
}

// CRC-32C (Castagnoli), bit by bit: a few bytes only.
std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~std::uint32_t{0};
  for (const char byte : bytes) {
    crc ^= static_cast<std::uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1U) != 0 ? 0x82F63B78U : 0U);
  }
  return ~crc;
}

// A TFRecord file begins with the length of its first record and the masked checksum of that.
bool is_tfrecord(std::string_view head) {
  if (head.size() < 12) return false;
  const std::uint32_t crc = crc32c(head.substr(0, 8));
  return little_endian(head, 8, 4) == ((crc >> 15 | crc << 17) + 0xA282EAD8U);
}

// Two zero bytes, an element type, and a number of dimensions.
bool begins_as_idx(std::string_view head) {
  constexpr auto kTypes = "\x08\x09\x0b\x0c\x0d\x0e"sv;
  return head.size() >= 8 && head.starts_with("\0\0"sv) && contains(kTypes, head.substr(2, 1)) &&
         head[3] >= 1 && head[3] <= 8;
}

// The first line of a net that is no comment says its input: "input 227x227x3".
bool is_net(std::string_view text) {
  bool net = false;
  bool decided = false;
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    if (decided || line.empty() || line.starts_with('#')) return;
    decided = true;
    const std::size_t size = line.find_first_of("0123456789");
    net = line.starts_with("input ") && size != std::string_view::npos &&
          contains(line.substr(0, line.find(' ', size)), "x");
  });
  return net;
}

// Whether it begins as JSON and, unless it was cut, ends so.
bool is_json(std::string_view text, bool cut) {
  if (!text.starts_with('{') && !text.starts_with('[')) return false;
  const char last = text[text.find_last_not_of(" \t\r\n")];
  if (!cut && last != (text[0] == '{' ? '}' : ']')) return false;
  const std::size_t next = text.find_first_not_of(" \t\r\n", 1);
  if (next == std::string_view::npos) return false;
  const char c = text[next];
  const bool value = std::isdigit(static_cast<unsigned char>(c)) != 0 || contains("[{]-"sv, {&c, 1});
  return c == '"' || (text[0] == '{' ? c == '}' : value);
}

std::optional<Content> text_content(std::string_view text) {
  if (!is_text(text)) return std::nullopt;
  const bool cut = text.size() == kContentBytes;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t\v\f\r\n"), text.size()));
  if (text.starts_with('<')) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    for (const char* start : {"<!doctype html", "<html", "<head", "<body", "<script", "<center"}) {
      if (lower.starts_with(start)) return kHtml;
    }
    const bool xml =
        lower.starts_with("<?xml") || lower.starts_with("<!--") || lower.starts_with("<!doctype");
    if (lower.starts_with("<svg") || (xml && contains(lower, "<svg"))) return kSvg;
    if (xml && contains(lower, "<html")) return kHtml;
    if (xml ||
        (lower.size() > 1 && std::isalpha(static_cast<unsigned char>(lower[1])) != 0 && contains(lower, ">")))
      return kXml;
  }
  if (is_json(text, cut)) return kJson;
  if (is_net(text)) return kNet;
  // A character may have been cut too.
  if (cut) text.remove_suffix(text.size() - 1 - text.find_last_of("\n "));
  if (is_utf8(text)) return kText;
  return std::nullopt;
}

std::string_view wording(Expected expected) {
  switch (expected) {
    case Expected::image:
      return "an image is";
    case Expected::shard:
      return "a shard is";
    case Expected::weights:
      return "weights are";
    case Expected::checkpoint:
      return "a checkpoint is";
    case Expected::mean:
      return "a mean file is";
    case Expected::features:
      return "features are";
    case Expected::net:
      return "a net is";
    case Expected::list:
      return "a list of names is";
    case Expected::labels:
      return "a list of labels is";
    case Expected::classes:
      return "a class table is";
    case Expected::idx:
      return "an IDX file is";
    case Expected::options:
      return "a file of options is";
    case Expected::caffe_model:
      return "a Caffe model is";
    case Expected::caffe_mean:
      return "a mean of Caffe is";
  }
  return "something else is";
}

bool is_written_by_people(Expected expected) {
  return expected == Expected::net || expected == Expected::list || expected == Expected::labels ||
         expected == Expected::classes || expected == Expected::options;
}

}  // namespace

std::span<const ContentMark> content_marks() { return kMarks; }

std::optional<Content> content_of(std::span<const std::uint8_t> bytes) {
  const std::string_view head = as_text(std::as_bytes(bytes.first(std::min(bytes.size(), kContentBytes))));
  if (head.empty()) return Content{.name = "an empty file"};
  if (head.find_first_not_of('\0') == std::string_view::npos) return kZeros;
  for (const ContentMark& mark : kMarks) {
    if (has_at(head, mark.offset, mark.bytes) && has_at(head, mark.second_offset, mark.second_bytes)) {
      return mark.content;
    }
  }
  if (is_bmp(head)) return kBmp;
  if (is_pnm(head)) return kPnm;
  if (const auto zip = zip_content(head)) return zip;
  if (const auto safetensors = safetensors_content(head)) return safetensors;
  if (is_tfrecord(head)) return data("a TFRecord file");
  if (begins_as_idx(head)) return kIdx;
  if (const auto protobuf = protobuf_content(head)) return protobuf;
  return text_content(head);
}

std::string wrong_content(std::span<const std::uint8_t> head, Expected expected) {
  const auto content = content_of(head);
  if (!content || content->is == expected) return {};
  // A checkpoint holds weights. Any text may be names, classes and the like, whatever it begins with.
  if (expected == Expected::weights && content->is == Expected::checkpoint) return {};
  if (is_written_by_people(expected) && !content->markup && content->is != Expected::net &&
      is_text(as_text(std::as_bytes(head.first(std::min(head.size(), kContentBytes)))))) {
    return {};
  }
  const bool image = expected == Expected::image;
  const std::string_view advice = image && content->advice.empty() ? content->image_advice : content->advice;
  std::string text =
      image && !advice.empty() ? std::string(content->name) : wrong_file(content->name, expected);
  if (!advice.empty()) text.append(": ").append(advice);
  return text;
}

std::string wrong_file(std::string_view name, Expected expected) {
  return std::string(name).append(" where ").append(wording(expected)).append(" expected");
}

std::string read_text_file(const std::string& path, std::uint64_t limit, Expected expected) {
  std::string text = read_text_file(path, limit);
  const std::string wrong = wrong_content(as_u8(as_bytes_of(text)), expected);
  if (!wrong.empty()) throw Error(display_name(path), wrong);
  return text;
}

namespace {

using LineNeed = std::function<std::uint64_t(std::uint64_t bytes, std::uint64_t lines)>;

// The text of a pipe, of which at most `most` bytes and one more are held: nobody knows how
// much comes.
std::string lines_of_pipe(InputFile& file, std::uint64_t most, Expected expected, const LineNeed& need_of,
                          const LineMemory& memory) {
  constexpr std::uint64_t kFirstRead = std::uint64_t{64} << 10;
  const auto check = [&](const std::string& text) {
    const std::string wrong = wrong_content(as_u8(as_bytes_of(text)), expected);
    if (!wrong.empty()) throw Error(file.name(), wrong);
  };
  std::string text;
  while (text.size() <= most) {
    const std::size_t before = text.size();
    const std::uint64_t step = std::min(std::max<std::uint64_t>(before, kFirstRead), most + 1 - before);
    text.resize(before + static_cast<std::size_t>(step));
    const std::size_t got = file.read(std::as_writable_bytes(std::span(text)).subspan(before));
    text.resize(before + got);
    if (got < step) {
      check(text);
      return text;
    }
  }
  check(text);
  const auto lines = static_cast<std::uint64_t>(std::ranges::count(text, memory.separator)) + 1;
  refuse_lines_so_far(text.size(), need_of(text.size(), lines), memory.limit, file.name(),
                      !file.is_regular());
}

}  // namespace

std::string read_list_file(const std::string& path, std::uint64_t limit, Expected expected,
                           const LineMemory& memory) {
  const std::string place = display_name(path);
  const auto need_of = [&](std::uint64_t bytes, std::uint64_t lines) {
    return saturating_add(saturating_mul(bytes, memory.texts), saturating_mul(lines, memory.bytes_a_line));
  };
  std::error_code unknown;
  if (path != kStdStreamName && std::filesystem::is_regular_file(path, unknown)) {
    const std::uint64_t bytes = std::filesystem::file_size(path, unknown);
    if (!unknown) require_memory(need_of(bytes, 1), memory.limit, place, "its lines");
  }
  std::optional<std::string> text;
  const std::uint64_t most = memory.limit.bytes / memory.texts;
  if (most < limit) {
    InputFile file(path);
    if (path == kStdStreamName || !file.is_regular())
      text = lines_of_pipe(file, most, expected, need_of, memory);
  }
  if (!text) text = read_text_file(path, std::min(limit, most), expected);
  const auto lines = static_cast<std::uint64_t>(std::ranges::count(*text, memory.separator)) + 1;
  require_memory(need_of(text->size(), lines), memory.limit, place, "its lines");
  return std::move(*text);
}

}  // namespace convoy
