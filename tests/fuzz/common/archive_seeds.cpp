#include "tests/fuzz/common/archive_seeds.h"

#include <zlib.h>

#include "lib/base/marks.h"
#include "tests/fuzz/common/pictures.h"
#include "tests/support/archives.h"

namespace convoy::fuzz {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kChecksum = 148;
constexpr std::size_t kChecksumBytes = 8;
constexpr std::size_t kMostUnpacked = 1 << 18;

void put_checksum(Bytes& tar, std::size_t at) {
  std::fill_n(tar.begin() + static_cast<std::ptrdiff_t>(at + kChecksum), kChecksumBytes, std::uint8_t{' '});
  unsigned sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) sum += tar[at + i];
  for (std::size_t i = 0; i < 6; ++i) {
    tar[at + kChecksum + i] = static_cast<std::uint8_t>('0' + (sum >> (3 * (5 - i)) & 7U));
  }
  tar[at + kChecksum + 6] = 0;
}

// The size of a member, which its header has in octal.
std::size_t member_size(Input header) {
  std::size_t size = 0;
  for (std::size_t i = 124; i < 136 && header[i] >= '0' && header[i] <= '7'; ++i)
    size = size * 8 + header[i] - '0';
  return size;
}

void repair_tar(Bytes& tar) {
  for (std::size_t at = 0; at + kBlock <= tar.size();) {
    const Input header = std::span(tar).subspan(at, kBlock);
    if (header[0] == 0) return;
    put_checksum(tar, at);
    at += kBlock + (std::min(member_size(header), tar.size()) + kBlock - 1) / kBlock * kBlock;
  }
}

void repair_gzip(Bytes& gzip) {
  z_stream stream{};
  if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK) return;
  Bytes into(kMostUnpacked);
  stream.next_in = gzip.data();
  stream.avail_in = static_cast<uInt>(gzip.size());
  stream.next_out = into.data();
  stream.avail_out = static_cast<uInt>(into.size());
  const int status = inflate(&stream, Z_FINISH);
  const std::size_t used = gzip.size() - stream.avail_in;
  const std::size_t size = into.size() - stream.avail_out;
  inflateEnd(&stream);
  // Stops at a wrong checksum or size, which are the last 8 bytes that it has read.
  if (status != Z_DATA_ERROR || used < 18 || gzip.size() - used > 8) return;
  gzip.resize(used);
  if (gzip.size() < 18) return;
  const auto crc =
      static_cast<std::uint32_t>(crc32(crc32(0, nullptr, 0), into.data(), static_cast<uInt>(size)));
  put_little_endian(gzip, gzip.size() - 8, 4, crc);
  put_little_endian(gzip, gzip.size() - 4, 4, size);
}

using Files = std::vector<std::pair<std::string, Bytes>>;

// A link is a member without content; its header is changed by hand.
Bytes with_link(Bytes tar, std::size_t block, char type, std::string_view target) {
  const std::size_t at = block * kBlock;
  tar.at(at + 156) = static_cast<std::uint8_t>(type);
  std::copy(target.begin(), target.end(), tar.begin() + static_cast<std::ptrdiff_t>(at + 157));
  put_checksum(tar, at);
  return tar;
}

}  // namespace

std::vector<Bytes> small_archives() {
  const Bytes image = small_jpegs()[1];
  const Bytes text = bytes_of("read me\n");
  const Files files = {
      {"set/", {}}, {"set/cat/1.jpg", image}, {"set/dog/2.jpg", text}, {"set/.hidden", text}};
  const Bytes inner = test::make_tar({{"1.jpg", image}, {"2.txt", text}});
  std::vector<Bytes> all;
  for (const std::string dialect : {"ustar", "gnutar", "pax", "v7tar"}) {
    all.push_back(test::make_tar(files, test::Packing::plain, dialect));
  }
  all.push_back(test::make_tar({{std::string(150, 'a') + "/" + std::string(120, 'b'), text}},
                               test::Packing::plain, "gnutar"));
  all.push_back(test::make_tar({{"n01.tar", inner}, {"n02.tar.gz", test::pack(inner, test::Packing::gzip)}}));
  all.push_back(with_link(test::make_tar({{"a/1.jpg", text}, {"b/2.jpg", {}}}), 2, '1', "a/1.jpg"));
  all.push_back(with_link(test::make_tar({{"a/1.jpg", text}, {"b", {}}, {"c/3", text}}), 2, '2', "a"));
  all.push_back(with_link(test::make_tar({{"b", {}}, {"a/1.jpg", text}}), 0, '2', "a"));
  for (const test::Packing packing :
       {test::Packing::gzip, test::Packing::zstd, test::Packing::bzip2, test::Packing::xz}) {
    all.push_back(test::make_tar({{"a.jpg", text}, {"b", text}}, packing));
    all.push_back(test::pack(image, packing));
  }
  return all;
}

void repair_archive(Bytes& bytes) {
  if (text_of(bytes).starts_with(kGzipMark)) {
    repair_gzip(bytes);
  } else {
    repair_tar(bytes);
  }
}

}  // namespace convoy::fuzz
