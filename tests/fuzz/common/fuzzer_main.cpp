// What libFuzzer calls, in a program with one harness.
//
//   NAME --seeds=FOLDER      writes the inputs to begin with into a folder
//   NAME [-FLAG=VALUE]... [CORPUS | INPUT]...      as libFuzzer says: NAME -help=1
#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "tests/fuzz/common/reader.h"

using convoy::fuzz::Bytes;
using convoy::fuzz::Reader;

namespace {

const Reader& reader() { return convoy::fuzz::readers().front(); }

void write_seeds(const std::string& folder) {
  std::size_t number = 0;
  for (const Bytes& seed : reader().seeds()) {
    std::ofstream out(folder + "/seed-" + std::to_string(number++), std::ios::binary);
    out.write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
    if (!out.flush()) std::abort();
  }
}

}  // namespace

extern "C" {

// libFuzzer looks these up by name, and has no header for the mutator that it brings.
std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t longest);

int LLVMFuzzerInitialize(int* argc, char*** argv) {
  const std::string_view option = "--seeds=";
  for (int i = 1; i < *argc; ++i) {
    const std::string_view word = (*argv)[i];
    if (!word.starts_with(option)) continue;
    write_seeds(std::string(word.substr(option.size())));
    std::exit(0);
  }
  return 0;
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  reader().fuzz({data, size});
  return 0;
}

// One mutation in eight keeps its checksums wrong: what happens then must be tried too.
std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t longest,
                                    unsigned seed) {
  size = LLVMFuzzerMutate(data, size, longest);
  if (reader().repair == nullptr || seed % 8 == 0) return size;
  Bytes bytes(data, data + size);
  reader().repair(bytes);
  size = std::min(bytes.size(), longest);
  std::copy_n(bytes.begin(), size, data);
  return size;
}

}  // extern "C"
