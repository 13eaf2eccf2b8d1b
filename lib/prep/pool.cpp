#include "lib/prep/pool.h"

#include <algorithm>
#include <new>
#include <span>
#include <utility>

#include "formats/image_stream.h"
#include "lib/base/error.h"
#include "lib/base/file.h"

namespace convoy {

namespace {

// What a file takes in memory, also unpacked if it is compressed.
std::uint64_t bytes_in_memory(std::uint64_t bytes, std::span<const std::uint8_t> head) {
  const bool compressed = detect_content(head) == ContentKind::compressed;
  return std::min(bytes, kMaxImageFileBytes) + (compressed ? kMaxImageFileBytes : 0);
}

std::vector<std::byte> read_input(ImageInput& input, const ImageMemory* memory) {
  return read_image_file(input.path, [&](std::uint64_t bytes, std::span<const std::uint8_t> head) {
    if (memory == nullptr) return;
    const std::uint64_t taken = bytes_in_memory(bytes, head);
    memory->check_encoded(taken, input.place);
    input.memory.encoded.claim(taken);
  });
}

Image read_and_prepare(ImageInput& input, Preparer& preparer, const ImageMemory* memory) {
  if (input.by_system) throw SystemError(input.place, input.failure);
  if (!input.failure.empty()) throw Error(input.place, input.failure);
  if (input.prepared) return *input.pixels;
  MemoryShare* const share = &input.memory.decoded;
  if (input.pixels) return preparer.prepare(*input.pixels, input.place, share);
  if (!input.path.empty()) {
    return preparer.prepare(as_u8(read_input(input, memory)), input.place, share);
  }
  return preparer.prepare(input.bytes, input.place, share);
}

}  // namespace

void admit(ImageInput& input, ImageMemory& memory) {
  input.memory = memory.next();
  if (!input.failure.empty()) return;
  std::uint64_t bytes = input.pixels ? input.pixels->pixels.size() : 0;
  if (!input.bytes.empty()) {
    const auto head = std::span(input.bytes).first(std::min(input.bytes.size(), kImageSignatureBytes));
    bytes += bytes_in_memory(input.bytes.size(), head);
  }
  const auto refuse = [&](const auto& error) {
    set_failure(input, error);
    input.bytes = {};
    input.pixels.reset();
  };
  try {
    memory.check_encoded(bytes, input.place);
  } catch (const Error& error) {
    return refuse(error);
  } catch (const SystemError& error) {  // for prepare_input() to throw
    return refuse(error);
  }
  if (bytes > 0) input.memory.encoded.claim(bytes);
}

Image prepare_input(ImageInput& input, Preparer& preparer, const ImageMemory* memory) {
  try {
    return read_and_prepare(input, preparer, memory);
  } catch (const std::bad_alloc&) {
    throw SystemError(input.place, "out of memory");
  }
}

std::unique_ptr<Preparer> PreparerPool::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Preparer>(how_, limits_, fit_, &memory_);
  auto preparer = std::move(idle_.back());
  idle_.pop_back();
  return preparer;
}

Image PreparerPool::prepare(ImageInput& input) {
  // If it throws, the preparer is dropped; the next caller makes a new one.
  auto preparer = take();
  Image image = prepare_input(input, *preparer, &memory_);
  if (!input.prepared && preparer->fitted()) ++fitted_;
  if (preparer->taken() > memory_.kept()) return image;
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(preparer));
  return image;
}

}  // namespace convoy
