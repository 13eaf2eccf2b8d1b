#include "lib/base/protobuf_content.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>

namespace convoy {
namespace {

constexpr Content kOnnx{.name = "an ONNX model"};
constexpr Content kCaffeModel{
    .name = "a Caffe model", .advice = "netpack makes weights of it", .is = Expected::caffe_model};
constexpr Content kCaffeMean{
    .name = "a mean of Caffe", .advice = "netpack takes it as --mean", .is = Expected::caffe_mean};

// The fields at the start of a protocol buffer, one after another.
class ProtobufHead {
 public:
  explicit ProtobufHead(std::string_view head) : head_(head) {}

  // Whether the next field has this tag, which says its number and its type, and is not cut; then it is
  // taken. Of bytes, take_number() takes the length alone.
  bool take_number(std::uint64_t tag) { return take_tag(tag) && varint(); }
  bool take_bytes(std::uint64_t tag) {
    const std::string_view before = head_;
    const auto length = take_tag(tag) ? varint() : std::nullopt;
    if (!length || *length > head_.size()) {
      head_ = before;
      return false;
    }
    bytes_ = head_.substr(0, *length);
    head_.remove_prefix(*length);
    return true;
  }
  // Those of the last such field.
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  // Whether it is a name, as people give one.
  [[nodiscard]] bool is_name() const {
    return !bytes_.empty() &&
           std::ranges::all_of(bytes_, [](unsigned char c) { return std::isprint(c) != 0; });
  }
  [[nodiscard]] bool next_is(std::uint64_t tag) const { return ProtobufHead(head_).take_tag(tag); }

 private:
  bool take_tag(std::uint64_t tag) {
    const std::string_view before = head_;
    if (varint() == tag) return true;
    head_ = before;
    return false;
  }
  std::optional<std::uint64_t> varint() {
    constexpr std::size_t kMostBytes = 5;  // of a length in such a file
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < std::min(kMostBytes, head_.size()); ++i) {
      const auto byte = static_cast<std::uint8_t>(head_[i]);
      value |= std::uint64_t{byte & 0x7FU} << (7 * i);
      if (byte >= 0x80U) continue;
      head_.remove_prefix(i + 1);
      return value;
    }
    return std::nullopt;
  }

  std::string_view head_;
  std::string_view bytes_;
};

constexpr std::uint64_t number_tag(std::uint64_t field) { return field << 3U; }
constexpr std::uint64_t bytes_tag(std::uint64_t field) { return field << 3U | 2U; }

}  // namespace

std::optional<Content> protobuf_content(std::string_view head) {
  ProtobufHead onnx(head);  // its version, and the name of the program that wrote it, or the graph
  if (onnx.take_number(number_tag(1)) && !onnx.next_is(number_tag(2))) {
    if (onnx.take_bytes(bytes_tag(2)) ? onnx.is_name() : onnx.next_is(bytes_tag(7))) return kOnnx;
  }
  ProtobufHead mean(head);  // num, channels, height, width
  if (mean.take_number(number_tag(1)) && mean.take_number(number_tag(2)) && mean.take_number(number_tag(3)) &&
      mean.take_number(number_tag(4))) {
    return kCaffeMean;
  }
  ProtobufHead model(head);  // its name, inputs and their extents, and layers, each with its name first
  const bool named = model.take_bytes(bytes_tag(1));
  if (named && !model.is_name()) return std::nullopt;
  while (model.take_bytes(bytes_tag(3)) || model.take_number(number_tag(4)) ||
         model.take_bytes(bytes_tag(8))) {
  }
  if (named && model.next_is(bytes_tag(2))) return kCaffeModel;
  constexpr std::uint64_t kLayer = 100;
  if (model.take_number(bytes_tag(kLayer)) && model.next_is(bytes_tag(1))) return kCaffeModel;
  return std::nullopt;
}

}  // namespace convoy
