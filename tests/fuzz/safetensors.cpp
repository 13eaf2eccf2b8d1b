// Safetensors: parse(write(x)) is x. Whether Python's reader judges the same files alike is tested in
// tests/fuzz/common/safetensors_test.cpp.
#include "formats/safetensors.h"

#include "tests/fuzz/common/safetensors_repair.h"
#include "tests/support/shards.h"

namespace convoy::fuzz {
namespace {

void write(const std::string& path, std::span<const TensorView> tensors, const Metadata& metadata) {
  OutputFile out(path, OutputFile::Content::binary);
  write_safetensors(out, tensors, metadata);
  out.commit();
}

void require_same(const SafetensorsFile& a, const SafetensorsFile& b) {
  require(a.metadata() == b.metadata(), "metadata that are written and read differ");
  require(a.tensors().size() == b.tensors().size(), "the numbers of tensors differ");
  for (const TensorView& tensor : a.tensors()) {
    const TensorView& other = b.get(tensor.name);
    require(tensor.type == other.type && tensor.shape == other.shape, "a tensor's type or shape differs");
    require(std::ranges::equal(tensor.data, other.data), "a tensor's values differ");
    require(tensor.elements() * dtype_bytes(tensor.type) == tensor.data.size(), "a tensor has another size");
  }
}

void fuzz(Input input) {
  const std::string path = file_with(input);
  std::optional<SafetensorsFile> file;
  if (!outcome([&] { return file.emplace(path, Expected::weights).tensors().size(); }).value) return;
  const std::string copy = scratch("tensors");
  write(copy, file->tensors(), file->metadata());
  const Bytes bytes = test::bytes_of_file(copy);
  const SafetensorsFile again(copy, Expected::weights);
  require_same(*file, again);
  write(copy, again.tensors(), again.metadata());
  require(test::bytes_of_file(copy) == bytes, "what is written twice differs");
}

std::vector<Bytes> seeds() {
  const std::vector<float> values = {1.5F, -2.0F, 0.25F, 3.0F, 1e-30F, 7.0F};
  const auto data = std::as_bytes(std::span(values));
  std::vector<Bytes> all;
  const auto add = [&](std::span<const TensorView> tensors, const Metadata& metadata) {
    write(scratch("seed"), tensors, metadata);
    all.push_back(test::bytes_of_file(scratch("seed")));
  };
  add({}, {});
  add({}, {{"format", "pt"}, {"k\u00e9y", "\n\"\\"}});
  const std::vector<TensorView> tensors = {{"a", DType::f32, {2, 3}, data},
                                           {"b", DType::u8, {3}, data.first(3)},
                                           {"c", DType::f64, {}, data.first(8)},
                                           {"d", DType::bf16, {0, 7}, {}},
                                           {"e", DType::i16, {1, 2, 1}, data.first(4)}};
  add(tensors, {{"format", "pt"}});
  return all;
}

const AddReader kReader(
    {.name = "safetensors", .fuzz = fuzz, .seeds = seeds, .repair = repair_safetensors, .longest = 4096});

}  // namespace
}  // namespace convoy::fuzz
