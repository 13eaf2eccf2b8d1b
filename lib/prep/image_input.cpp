#include "lib/prep/image_input.h"

#include <algorithm>

#include "formats/archive.h"
#include "formats/image.h"
#include "formats/image_stream.h"
#include "lib/base/content.h"
#include "lib/base/file.h"

namespace convoy {
namespace {

// Whether a decoder wants more than the beginning.
bool is_decoded(std::span<const std::uint8_t> head) {
  const ContentKind kind = detect_content(head);
  return kind == ContentKind::jpeg || kind == ContentKind::png || kind == ContentKind::compressed;
}

}  // namespace

std::vector<std::uint8_t> read_image(ByteSource& content, std::string_view place) {
  if (is_decoded(content.peek(kDetectBytes))) return read_all(content, place, kMaxImageFileBytes);
  const auto there = content.peek(kContentBytes);
  return {there.begin(), there.begin() + static_cast<std::ptrdiff_t>(std::min(there.size(), kContentBytes))};
}

std::vector<std::byte> read_image_file(const std::string& path, const OnImageSize& on_size) {
  InputFile file(path);
  if (!file.is_regular() || file.size() == 0) return file.read_all(kMaxImageFileBytes);
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), kDetectBytes)));
  const std::size_t head = file.read(bytes);
  const std::uint64_t most = is_decoded(as_u8(bytes)) ? kMaxImageFileBytes : kContentBytes;
  if (most == kMaxImageFileBytes && file.size() > most) {
    throw Error(file.name(), "larger than the limit of " + std::to_string(most) + " bytes");
  }
  if (on_size) on_size(std::min(file.size(), most), as_u8(bytes));
  bytes.resize(static_cast<std::size_t>(std::min(file.size(), most)));
  bytes.resize(head + file.read(std::span(bytes).subspan(head)));
  return bytes;
}

void set_failure(ImageInput& input, const Damage& damage) {
  input.place = damage.where();
  input.failure = damage.reason;
  input.loss = damage.loss;
}

void set_failure(ImageInput& input, const Error& error) {
  const bool about_it = error.place() == input.place;
  input.failure = about_it ? error.reason() : error.what();
  if (about_it) input.place = error.where();
}

void set_failure(ImageInput& input, const SystemError& error) {
  input.failure = error.place() == input.place ? error.reason() : error.what();
  input.by_system = true;
}

}  // namespace convoy
