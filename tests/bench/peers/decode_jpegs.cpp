// decode_jpegs LIST: decodes every JPEG of a list to RGB with libjpeg-turbo and does nothing else: the bare
// decoding, which image preparation cannot beat. Uses one thread. Prints images per second.

#include <chrono>
#include <cstddef>
#include <cstdio>  // before jpeglib.h, which needs both
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <jpeglib.h>

namespace {

void decode(const std::vector<char>& bytes, std::vector<JSAMPLE>& row) {
  jpeg_decompress_struct decoder{};
  jpeg_error_mgr errors{};
  decoder.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&decoder);
  jpeg_mem_src(&decoder, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&decoder, TRUE);
  if (decoder.jpeg_color_space != JCS_CMYK && decoder.jpeg_color_space != JCS_YCCK) {
    decoder.out_color_space = JCS_RGB;
  }
  jpeg_start_decompress(&decoder);
  row.resize(static_cast<std::size_t>(decoder.output_width) *
             static_cast<std::size_t>(decoder.output_components));
  JSAMPROW rows[1] = {row.data()};
  while (decoder.output_scanline < decoder.output_height) jpeg_read_scanlines(&decoder, rows, 1);
  jpeg_finish_decompress(&decoder);
  jpeg_destroy_decompress(&decoder);
}

std::vector<char> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: decode_jpegs LIST\n", stderr);
    return 2;
  }
  std::ifstream list(argv[1]);
  std::vector<JSAMPLE> row;
  int images = 0;
  const auto start = std::chrono::steady_clock::now();
  for (std::string path; std::getline(list, path); ++images) decode(read_file(path), row);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("%.1f\n", images / seconds.count());
  return images > 0 ? 0 : 1;
}
