#include "tests/fuzz/common/png_repair.h"

#include <zlib.h>

#include "lib/base/marks.h"

namespace convoy::fuzz {
namespace {

constexpr std::size_t kHeader = 8;  // length, type
constexpr std::size_t kCrc = 4;
constexpr std::size_t kMostPixels = 1 << 18;  // bytes that are unpacked for their checksum

// The checksum of what the compressed bytes hold, or nothing if they do not end where it should stand.
std::optional<std::uint32_t> adler_of(const Bytes& compressed) {
  constexpr std::size_t kZlibHeader = 2;
  if (compressed.size() < kZlibHeader + kCrc) return std::nullopt;
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return std::nullopt;
  Bytes into(kMostPixels);
  stream.next_in = const_cast<Bytef*>(compressed.data()) + kZlibHeader;
  stream.avail_in = static_cast<uInt>(compressed.size() - kZlibHeader);
  stream.next_out = into.data();
  stream.avail_out = static_cast<uInt>(into.size());
  const int status = inflate(&stream, Z_FINISH);
  const std::size_t rest = stream.avail_in;
  const std::size_t size = into.size() - stream.avail_out;
  inflateEnd(&stream);
  if (status != Z_STREAM_END || rest != kCrc) return std::nullopt;
  return static_cast<std::uint32_t>(adler32(adler32(0, nullptr, 0), into.data(), static_cast<uInt>(size)));
}

}  // namespace

void repair_png(Bytes& bytes) {
  if (!text_of(bytes).starts_with(kPngMark)) return;
  Bytes compressed;
  std::size_t last_end = 0;  // of the last chunk of pixels
  const auto each_chunk = [&](auto&& visit) {
    for (std::size_t at = kPngMark.size(); at + kHeader + kCrc <= bytes.size();) {
      const std::size_t most = bytes.size() - at - kHeader - kCrc;
      const std::size_t length = std::min<std::size_t>(big_endian(bytes, at), most);
      put_big_endian(bytes, at, static_cast<std::uint32_t>(length));
      visit(at, length);
      at += kHeader + length + kCrc;
    }
  };
  each_chunk([&](std::size_t at, std::size_t length) {
    if (text_of(bytes).substr(at + 4, 4) != "IDAT") return;
    const auto data = std::span(bytes).subspan(at + kHeader, length);
    compressed.insert(compressed.end(), data.begin(), data.end());
    last_end = length < kCrc ? 0 : at + kHeader + length;
  });
  if (const auto adler = adler_of(compressed); adler && last_end != 0)
    put_big_endian(bytes, last_end - kCrc, *adler);
  each_chunk([&](std::size_t at, std::size_t length) {
    const uLong crc = crc32(crc32(0, nullptr, 0), bytes.data() + at + 4, static_cast<uInt>(length + 4));
    put_big_endian(bytes, at + kHeader + length, static_cast<std::uint32_t>(crc));
  });
}

}  // namespace convoy::fuzz
