// Names what a file holds when it is not what a tool expects: "a WebP image: convert it to PNG".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/memory.h"

namespace convoy {

// What a tool expects of an input.
enum class Expected {
  image,
  shard,
  weights,
  checkpoint,
  mean,
  features,
  net,
  list,
  labels,
  classes,
  idx,
  options,
  caffe_model,
  caffe_mean
};

// The number of bytes at the start of a file that are looked at.
inline constexpr std::size_t kContentBytes = std::size_t{64} << 10;

// A kind of content. The views are of literals.
struct Content {
  std::string_view name;               // with its article: "a WebP image"
  std::string_view image_advice = {};  // what to do where an image is expected
  std::string_view advice = {};        // what to do wherever it is met
  std::optional<Expected> is = {};     // what it would be right for
  bool picture = false;                // an image of a kind that is not read
  bool markup = false;                 // a text that is neither names nor classes nor a net, such as HTML
};

// A kind of content that is known by fixed bytes at one or two offsets.
struct ContentMark {
  std::size_t offset = 0;
  std::string_view bytes;
  Content content;
  std::size_t second_offset = 0;
  std::string_view second_bytes = {};  // empty: none
};
// All of them; of several that match, the first counts.
[[nodiscard]] std::span<const ContentMark> content_marks();

// The kind of content that begins with `head`, of which at most kContentBytes are looked at; an empty head is
// an empty file. Nothing if it is not known. Bytes from outside: any are allowed.
[[nodiscard]] std::optional<Content> content_of(std::span<const std::uint8_t> head);

// The message about a file that begins with `head` where `expected` was: "a shard where weights are
// expected", "a GIF image: convert it to PNG". Empty if its content is not known, or right.
[[nodiscard]] std::string wrong_content(std::span<const std::uint8_t> head, Expected expected);

// "a shard where weights are expected", for a file that is known to be `name`.
[[nodiscard]] std::string wrong_file(std::string_view name, Expected expected);

// Reads a whole text file; "-" is standard input. Throws Error if it has more than `limit` bytes, or if it is
// known to be something else than `expected`.
[[nodiscard]] std::string read_text_file(const std::string& path, std::uint64_t limit, Expected expected);

// How lines become entries in memory.
struct LineMemory {
  MemoryLimit limit = {};
  std::uint64_t bytes_a_line = 0;  // that an entry takes besides its text
  char separator = '\n';
  std::uint64_t texts = 3;  // how often it is held: as bytes, as text, and in the entries
};
// The same of a text that is a list. Throws Error, too, if the text and its entries would take more memory
// than there is.
[[nodiscard]] std::string read_list_file(const std::string& path, std::uint64_t limit, Expected expected,
                                         const LineMemory& memory);

}  // namespace convoy
