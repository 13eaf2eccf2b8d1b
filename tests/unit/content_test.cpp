// lib/base/content: files of other kinds are named, and none that a user may rightly give is taken for one
// of them.
#include "lib/base/content.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/marks.h"
#include "tests/support/error_message.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using namespace std::string_literals;

std::string wrong(std::string_view head, Expected expected) {
  return wrong_content(as_u8(as_bytes_of(head)), expected);
}

std::string name_of(std::string_view head) {
  const auto content = content_of(as_u8(as_bytes_of(head)));
  return content ? std::string(content->name) : "unknown";
}

std::string bytes(std::string_view hex) {
  std::string text;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    text += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return text;
}

// `part` at an offset behind zero bytes, with as many behind it.
std::string at(std::size_t offset, const std::string& part) {
  return std::string(offset, '\0') + part + std::string(400, '\0');
}

std::string safetensors(const std::string& header) {
  std::string length(8, '\0');
  length[0] = static_cast<char>(header.size() & 0xFFU);
  length[1] = static_cast<char>(header.size() >> 8U);
  return length + header;
}

struct Sample {
  std::string head;
  std::string message;  // where an image is expected
};

// The beginnings of files as other programs write them. A mark without a sample here fails the test below.
std::vector<Sample> samples() {
  return {
      {bytes("47494638376114000a00810000c8643200"), "a GIF image: convert it to PNG"},
      {bytes("47494638396114000a00810000c8643200"), "a GIF image: convert it to PNG"},
      {bytes("52494646440000005745425056503820380000001003009d012a"), "a WebP image: convert it to PNG"},
      {bytes("424d8e020000000000003600000028000000140000000a000000"), "a BMP image: convert it to PNG"},
      {"BM\"\xf0", "a BMP image: convert it to PNG"},
      {bytes("49492a0010000000435202002ee20000"), "a camera raw image (CR2): convert it to PNG"},
      {bytes("49492a00080000000a00000104000100"), "a TIFF image: convert it to PNG"},
      {bytes("4d4d002a00000008000a010000030000"), "a TIFF image: convert it to PNG"},
      {bytes("49492b00080000001000000000000000"), "a TIFF image: convert it to PNG"},
      {bytes("4d4d002b000800000000000000000010"), "a TIFF image: convert it to PNG"},
      {bytes("00000020667479706176696600000000617669666d696631"), "an AVIF image: convert it to PNG"},
      {bytes("00000020667479706176697300000000617669736d696631"), "an AVIF image: convert it to PNG"},
      {bytes("00000018667479706865696300000000686569636d696631"), "a HEIC image: convert it to PNG"},
      {bytes("00000018667479706865697800000000686569786d696631"), "a HEIC image: convert it to PNG"},
      {bytes("00000018667479706865766300000000686576636d696631"), "a HEIC image: convert it to PNG"},
      {bytes("0000001c667479706d696631000000006d69663161766966"), "a HEIC or AVIF image: convert it to PNG"},
      {bytes("0000001c667479706d736631000000006d73663168657663"), "a HEIC or AVIF image: convert it to PNG"},
      {bytes("00000018667479706372782000000001637278206973"), "a camera raw image (CR3): convert it to PNG"},
      {bytes("ff0afa1f00"), "a JPEG XL image: convert it to PNG"},
      {bytes("0000000c4a584c200d0a870a00000014667479706a786c20"), "a JPEG XL image: convert it to PNG"},
      {bytes("0000000c6a5020200d0a870a00000014667479706a703220"), "a JPEG 2000 image: convert it to PNG"},
      {bytes("ff4fff51002f000000000014"), "a JPEG 2000 image: convert it to PNG"},
      {bytes("4949bc0120000000"), "a JPEG XR image: convert it to PNG"},
      {bytes("38425053000100000000000000030000000a00000014"), "a Photoshop image (PSD): convert it to PNG"},
      {"gimp xcf file\0"s, "a GIMP image (XCF): convert it to PNG"},
      {bytes("50360a32302031300a3235350ac86432"), "a PNM image: convert it to PNG"},
      {"P1 2 2 0 1 1 0\n", "a PNM image: convert it to PNG"},
      {"P7\nWIDTH 2\n", "a PNM image: convert it to PNG"},
      {bytes("716f6966000000140000000a0301fec86432"), "a QOI image: convert it to PNG"},
      {bytes("0a050108000000001300090064006400"), "a PCX image: convert it to PNG"},
      {bytes("444453207c0000000f1000000a000000"), "a DDS image: convert it to PNG"},
      {bytes("762f310102000000"), "an OpenEXR image: convert it to PNG"},
      {"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", "a Radiance HDR image: convert it to PNG"},
      {bytes("000001000100140a000000002000500000001600"), "an icon (ICO): convert it to PNG"},
      {bytes("69636e7300002c74544f432000000048"), "an icon (ICNS): convert it to PNG"},
      {bytes("8a4d4e470d0a1a0a0000001c4d484452"), "an MNG image: convert it to PNG"},
      {bytes("425047fb2000"), "a BPG image: convert it to PNG"},
      {bytes("464c494633316363"), "a FLIF image: convert it to PNG"},
      {"FUJIFILMCCD-RAW 0201FF383501X-T1", "a camera raw image (RAF): convert it to PNG"},
      {bytes("4949550018000000"), "a camera raw image (RW2): convert it to PNG"},
      {bytes("4949524f08000000"), "a camera raw image (ORF): convert it to PNG"},
      {bytes("4949525308000000"), "a camera raw image (ORF): convert it to PNG"},
      {bytes("49491a0000004845415043434452"), "a camera raw image (CRW): convert it to PNG"},
      {at(128, "DICM\2\0\0\0UL"s), "a DICOM image: convert it to PNG"},
      {"SIMPLE  =                    T / conforms to FITS standard", "a FITS image: convert it to PNG"},
      {"AT&TFORM\0\0\1\0DJVU"s, "a DjVu document: convert it to PNG"},
      {"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", "a PDF document: save its images as PNG"},
      {"%!PS-Adobe-3.0 EPSF-3.0\n", "a PostScript document: convert it to PNG"},

      {bytes("000000206674797069736f6d0000020069736f6d69736f32"), "a video (MP4): save its frames as images"},
      {bytes("00000014667479707174202000000000"), "a video (MP4): save its frames as images"},
      {bytes("000004d26d6f6f760000006c6d766864"), "a video (QuickTime): save its frames as images"},
      {bytes("000fffff6d6461740000000000000000"), "a video (QuickTime): save its frames as images"},
      {bytes("5249464600100000415649204c495354"), "a video (AVI): save its frames as images"},
      {bytes("1a45dfa39f4286810142f7810142f281"), "a video (Matroska or WebM): save its frames as images"},
      {bytes("464c56010500000009"), "a video (FLV): save its frames as images"},
      {bytes("000001ba44000400040100"), "a video (MPEG): save its frames as images"},
      {bytes("000001b31600f0c4"), "a video (MPEG): save its frames as images"},
      {bytes("3026b2758e66cf11a6d900aa0062ce6c"), "a video (WMV): save its frames as images"},
      {bytes("4f676753000200000000"), "a video or sound (Ogg): save its frames as images"},
      {bytes("524946462400000057415645666d7420"), "a sound (WAV) where an image is expected"},
      {bytes("494433030000000000"), "a sound (MP3) where an image is expected"},
      {bytes("664c614300000022"), "a sound (FLAC) where an image is expected"},

      {"photos/" + std::string(250, '\0') + "ustar\0"s + "00", "a tar archive where an image is expected"},
      {bytes("504b03041400000000000a5b7b5dc241243503000000030000000900") + "\0\0cat/1.jpgabc"s,
       "a zip archive: unpack it or make a tar"},
      {bytes("504b0506000000000000000000000000000000000000"), "a zip archive: unpack it or make a tar"},
      {bytes("504b0708504b0304"), "a zip archive: unpack it or make a tar"},
      {bytes("504b0304"), "a zip archive: unpack it or make a tar"},
      {bytes("504b0304140000000000000021002ee3f9bc98000000980000000500") + "\x14\0"s + "a.npy",
       "a NumPy archive (.npz): save its images as PNG"},
      {bytes("504b030400000808000000000000000000000000000000000000") + "\x10\0\x12\0"s + "archive/data.pkl",
       "a PyTorch file: convoy-netpack(1) says how to convert it"},
      {bytes("504b030414000600080000002100000000000000000000000000") + "\x13\0\0\0"s + "[Content_Types].xml",
       "an office document where an image is expected"},
      {bytes("377abcaf271c0004"), "a 7z archive: unpack it or make a tar"},
      {bytes("526172211a0700cf90"), "a RAR archive: unpack it or make a tar"},
      {bytes("526172211a070100"), "a RAR archive: unpack it or make a tar"},
      {"07070100000001000081a4", "a cpio archive: unpack it or make a tar"},
      {"07070200000001000081a4", "a cpio archive: unpack it or make a tar"},
      {"0707070000010000011006", "a cpio archive: unpack it or make a tar"},
      {bytes("c7710100010000"), "a cpio archive: unpack it or make a tar"},
      {"!<arch>\ndebian-binary   ", "an ar archive: unpack it or make a tar"},
      {bytes("4d534346000000000010000000000000"), "a cabinet archive: unpack it or make a tar"},
      {"hsqs\1\0\0\0"s, "a squashfs image: unpack it or make a tar"},
      {"xar!\0\x1c\0\1"s, "a xar archive: unpack it or make a tar"},
      {bytes("1f8b08006568096b02ff4b4c4a0600c2"), "a gzip-compressed file: unpack it"},
      {bytes("28b52ffd0458090000"), "a zstd-compressed file: unpack it"},
      {bytes("425a6839314159265359648cbb730000"), "a bzip2-compressed file: unpack it"},
      {bytes("fd377a585a000004e6d6b44602002101"), "an xz-compressed file: unpack it"},
      {bytes("5d00008000ffffffffffffffff00309888"), "an LZMA-compressed file: unpack it"},
      {bytes("4c5a4950010c"), "an lzip-compressed file: unpack it"},
      {bytes("04224d186440a70100008078"), "an LZ4-compressed file: unpack it"},
      {bytes("1f9d9061c48c"), "a file compressed with compress (.Z): unpack it"},
      {bytes("894c5a4f000d0a1a0a1040"), "an LZO-compressed file: unpack it"},
      {bytes("ff060000734e61507059"), "a Snappy-compressed file: unpack it"},

      {bytes("934e554d5059010076007b276465736372273a20"), "a NumPy array (.npy): save its images as PNG"},
      {bytes("894844460d0a1a0a000000000008080004001000"), "an HDF5 file: save its images as PNG"},
      {"MATLAB 5.0 MAT-file, Platform: GLNXA64", "a MATLAB file: save its images as PNG"},
      {"MATLAB 7.3 MAT-file, Platform: GLNXA64", "a MATLAB file: save its images as PNG"},
      {bytes("00000000000000000000080000000000dec0efbe01000000"), "an LMDB database: save its images as PNG"},
      {bytes("0a23d7ce18000000"), "an MXNet RecordIO file: save its images as PNG"},
      {bytes("504152311504151015144c1502150012"), "a Parquet file: save its images as PNG"},
      {bytes("4152524f57310000ffffffff78000000"), "an Arrow file: save its images as PNG"},
      {"SQLite format 3\0\x10"s, "an SQLite database: save its images as PNG"},
      {bytes("80028a0a6cfc9c46f9206aa850192e80024de903"),
       "a PyTorch file: convoy-netpack(1) says how to convert it"},
      {bytes("80027d710058010000006171015d7102"), "a Python pickle: save its images as PNG"},
      {bytes("80037d710058010000006171015d7102"), "a Python pickle: save its images as PNG"},
      {bytes("80049510000000000000007d948c0161"), "a Python pickle: save its images as PNG"},
      {bytes("80059510000000000000007d948c0161"), "a Python pickle: save its images as PNG"},
      {bytes("0a00000000000000aea3bf3a") + "an example", "a TFRecord file: save its images as PNG"},
      {bytes("0500000000000000eab2043e") + "hello", "a TFRecord file: save its images as PNG"},
      {"GGUF\3\0\0\0"s, "a GGUF model where an image is expected"},
      {bytes("1c00000054464c3314002000"), "a TensorFlow Lite model where an image is expected"},
      {bytes("080712") + "\7pytorch\x1a\0061.13.1:\xad\x87"s, "an ONNX model where an image is expected"},
      {bytes("08083a90870a0a3e0a06") + "images", "an ONNX model where an image is expected"},
      {bytes("0a07") + "AlexNet" + bytes("a206440a0464617461"), "a Caffe model: netpack makes weights of it"},
      {bytes("a206440a0464617461"), "a Caffe model: netpack makes weights of it"},
      {bytes("0a09") + "CaffeNet0" + bytes("12420a0464617461"), "a Caffe model: netpack makes weights of it"},
      {bytes("0a03") + "net" + bytes("1a04") + "data" + bytes("200a200320e30120e301a206440a0464617461"),
       "a Caffe model: netpack makes weights of it"},
      {bytes("080110031880022080022a80801800"), "a mean of Caffe: netpack takes it as --mean"},
      {bytes("00000803000000640000001c0000001c"), "an IDX file: see --idx of imgprep"},
      {bytes("00000801000000640001020304050607"), "an IDX file: see --idx of imgprep"},
      {bytes("00000d020000000a0000000300000000"), "an IDX file: see --idx of imgprep"},

      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
       "a Git LFS pointer: run git lfs pull"},
      {"/annex/objects/SHA256E-s123--abc.jpg\n", "a git-annex pointer: run git annex get"},
      {"outs:\n- md5: d41d8cd9\n  path: a.jpg\n", "a DVC pointer: run dvc pull"},
      {"XSym\n0005\n", "a symbolic link, written as a file: copy what it leads to"},
      {"!<symlink>\xff\xfe", "a symbolic link, written as a file: copy what it leads to"},
      {bytes("d0cf11e0a1b11ae1000000000000"), "a Thumbs.db, or another OLE file where an image is expected"},
      {bytes("0000000142756431"), "a .DS_Store file where an image is expected"},
      {bytes("000516070002000000"), "an AppleDouble file (._NAME of a Mac) where an image is expected"},
      {bytes("4c0000000114020000000000"), "a Windows shortcut where an image is expected"},
      {bytes("7f454c4602010100"), "a program where an image is expected"},
      {bytes("4d5a9000030000000400"), "a Windows program where an image is expected"},

      {"", "an empty file where an image is expected"},
      {std::string(1, '\0'), "zero bytes: the copy or the download failed"},
      {std::string(100000, '\0'), "zero bytes: the copy or the download failed"},
      {std::string(kShardMark) + std::string(100, '\0'), "a shard where an image is expected"},
      {safetensors(R"({"__metadata__":{"convoy.dataset":"{}","convoy.net":"x"},"a":{}})"),
       "weights where an image is expected"},
      {safetensors(R"({"__metadata__":{"convoy.checkpoint":"{}","convoy.dataset":"{}"},"a":{}})"),
       "a checkpoint where an image is expected"},
      {safetensors(R"({"__metadata__":{"convoy.preprocessing":"{}"},"color_products":{}})"),
       "a mean file where an image is expected"},
      {safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"),
       "a safetensors file where an image is expected"},

      {"<!DOCTYPE html>\n<html lang=en><body>404</body></html>\n", "an HTML page: the download failed"},
      {"\xef\xbb\xbf\r\n <HTML><head>", "an HTML page: the download failed"},
      {"<?xml version=\"1.0\"?>\n<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0\">\n<html>",
       "an HTML page: the download failed"},
      {"<html>404</html>", "an HTML page: the download failed"},
      {"<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\">",
       "an SVG image: convert it to PNG"},
      {"<svg width=\"10\">", "an SVG image: convert it to PNG"},
      {"<!-- drawn -->\n<svg width=\"10\">", "an SVG image: convert it to PNG"},
      {"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code></Error>",
       "an XML file where an image is expected"},
      {"<annotation>\n\t<folder>val</folder>\n", "an XML file where an image is expected"},
      {"{\"message\": \"Not Found\"}", "a JSON file where an image is expected"},
      {"[\n  {\"id\": 1}]", "a JSON file where an image is expected"},
      {"[1, 2]", "a JSON file where an image is expected"},
      {"{}\n", "a JSON file where an image is expected"},
      {"# my net\n\ninput 227x227x3\nconv c1 8 3x3\n", "a net where an image is expected"},
      {"hello\n", "a text where an image is expected"},
      {"caf\xc3\xa9, tab\there\r\n", "a text where an image is expected"},
  };
}

TEST(Content, NamesWhatOtherProgramsWrite) {
  for (const auto& [head, message] : samples()) {
    EXPECT_EQ(wrong(head, Expected::image), message) << testing::PrintToString(head.substr(0, 40));
  }
}

TEST(Content, HasASampleForEachMark) {
  std::set<const ContentMark*> met;
  for (const auto& [head, message] : samples()) {
    for (const ContentMark& mark : content_marks()) {
      const bool first = head.size() >= mark.offset && head.substr(mark.offset).starts_with(mark.bytes);
      const bool second =
          head.size() >= mark.second_offset && head.substr(mark.second_offset).starts_with(mark.second_bytes);
      if (!first || !second) continue;
      met.insert(&mark);
      break;
    }
  }
  for (const ContentMark& mark : content_marks()) {
    const bool right = mark.content.is == Expected::image;
    EXPECT_TRUE(right || met.contains(&mark))
        << "no sample: " << mark.content.name << ", " << testing::PrintToString(std::string(mark.bytes));
  }
}

TEST(Content, OfImagesIsRightWhereImagesAreExpected) {
  for (const std::string_view mark : {kJpegMark, kPngMark}) {
    EXPECT_EQ(wrong(mark, Expected::image), "");
  }
  EXPECT_EQ(wrong(kJpegMark, Expected::shard), "a JPEG image where a shard is expected");
  EXPECT_EQ(wrong(kPngMark, Expected::weights), "a PNG image where weights are expected");
}

TEST(Content, WordsSayWhatWasExpected) {
  const std::string shard = std::string(kShardMark) + std::string(100, '\0');
  EXPECT_EQ(wrong(shard, Expected::shard), "");
  EXPECT_EQ(wrong(shard, Expected::weights), "a shard where weights are expected");
  EXPECT_EQ(wrong(shard, Expected::checkpoint), "a shard where a checkpoint is expected");
  EXPECT_EQ(wrong(shard, Expected::mean), "a shard where a mean file is expected");
  EXPECT_EQ(wrong(shard, Expected::net), "a shard where a net is expected");
  EXPECT_EQ(wrong(shard, Expected::list), "a shard where a list of names is expected");
  EXPECT_EQ(wrong(shard, Expected::labels), "a shard where a list of labels is expected");
  EXPECT_EQ(wrong(shard, Expected::classes), "a shard where a class table is expected");
  EXPECT_EQ(wrong(shard, Expected::idx), "a shard where an IDX file is expected");
  EXPECT_EQ(wrong(shard, Expected::options), "a shard where a file of options is expected");
  // What helps everywhere is said everywhere; how to make an image of it only where one is expected.
  EXPECT_EQ(wrong("version https://git-lfs.github.com/spec/v1\n", Expected::weights),
            "a Git LFS pointer where weights are expected: run git lfs pull");
  EXPECT_EQ(wrong("GIF89a\1\0"s, Expected::shard), "a GIF image where a shard is expected");
  EXPECT_EQ(wrong("PK\3\4"s, Expected::weights), "a zip archive where weights are expected");
  EXPECT_EQ(wrong(std::string(8, '\0'), Expected::weights),
            "zero bytes where weights are expected: the copy or the download failed");
  EXPECT_EQ(wrong("", Expected::weights), "an empty file where weights are expected");
  EXPECT_EQ(wrong("input 12x12x1\n", Expected::shard), "a net where a shard is expected");
  EXPECT_EQ(wrong("cat\ndog\n", Expected::shard), "a text where a shard is expected");
  // A checkpoint holds weights, but weights hold no checkpoint.
  const std::string weights = safetensors(R"({"__metadata__":{"convoy.dataset":"{}"}})");
  const std::string checkpoint = safetensors(R"({"__metadata__":{"convoy.checkpoint":"{}"}})");
  EXPECT_EQ(wrong(checkpoint, Expected::weights), "");
  EXPECT_EQ(wrong(weights, Expected::checkpoint), "weights where a checkpoint is expected");
  EXPECT_EQ(wrong(weights, Expected::shard), "weights where a shard is expected");
}

// Others begin with the same fields.
TEST(Content, OfOtherProtocolBuffersIsUnknown) {
  for (const char* hex : {"0801", "080112", "0801120a0a080a06676c6f6261", "0a03", "0a0361620a12",
                          "0a0f0a01781209506c616365686f6c64", "08011003", "0801100318"}) {
    EXPECT_EQ(name_of(bytes(hex)), "unknown") << hex;
  }
}

TEST(Content, OfTextsThatPeopleWriteMayBeginWithAnything) {
  for (const std::string text : {"GIF89a.png\n", "BMW\n", "P5 a.png\n", "P1\n", "RIFF\n", "LZIP.png 1\n",
                                 "qoif\n", "ID3/a.jpg\n", "07070100\n", "{curly}.png\n", "[1].jpg\n",
                                 "<odd\n", "OggS\n", "BZh9\n", "cat\n", "", "\n", "%PDF-dir/a.png\n"}) {
    for (const auto expected :
         {Expected::list, Expected::labels, Expected::classes, Expected::net, Expected::options}) {
      EXPECT_EQ(wrong(text, expected), "") << text;
    }
  }
  for (const auto expected : {Expected::list, Expected::labels, Expected::classes, Expected::options}) {
    EXPECT_NE(wrong("<html><body>404", expected), "");
    EXPECT_NE(wrong("version https://git-lfs.github.com/spec/v1\noid", expected), "");
    EXPECT_NE(wrong("{\"0\": [\"n01440764\", \"tench\"]}", expected), "");
    EXPECT_NE(wrong("input 227x227x3\nconv c 1 1x1\n", expected), "");
    EXPECT_NE(wrong("GIF89a\1\0"s, expected), "");
  }
  EXPECT_EQ(wrong("input 227x227x3\n", Expected::net), "");
}

TEST(Content, IsUnknownForBytesWithoutAMark) {
  std::mt19937 random(7);
  int named = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string head(64, '\0');
    for (char& c : head) c = static_cast<char>(random() & 0xFFU);
    named += name_of(head) == "unknown" ? 0 : 1;
  }
  EXPECT_LE(named, 10);  // six marks have two bytes only
}

TEST(Content, OfAnyLengthIsSafe) {
  for (const auto& [head, message] : samples()) {
    for (std::size_t length = 0; length <= std::min<std::size_t>(head.size(), 600); ++length) {
      (void)wrong(head.substr(0, length), Expected::image);
    }
  }
  for (const std::size_t length : {kContentBytes - 1, kContentBytes, kContentBytes + 1, 3 * kContentBytes}) {
    std::string text;
    while (text.size() < length) text += "caf\xc3\xa9 ";
    for (std::size_t shift = 0; shift < 4; ++shift)
      EXPECT_EQ(name_of(text.substr(shift)), "a text") << length;
  }
  EXPECT_EQ(name_of("PK\3\4" + std::string(22, 'x') + "\xff\xff" + std::string(4, 'x')), "a zip archive");
  EXPECT_EQ(name_of(std::string(8, '\xff') + "{\"a\":1}"), "unknown");
}

TEST(Content, ATextFileThatIsNoneIsRefused) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "list";
  OutputFile out(path, OutputFile::Content::text);
  out.write(std::string_view("\x89PNG\r\n\x1a\n\0\0\0\x0d", 12));
  out.commit();
  EXPECT_EQ(test::error_of([&] { (void)read_text_file(path, 100, Expected::classes); }),
            path + ": a PNG image where a class table is expected");
}

}  // namespace
}  // namespace convoy
