// What a program that waits for an answer sends: the names of images, one a line, or images in frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "formats/byte_source.h"
#include "lib/base/file.h"
#include "lib/base/options.h"
#include "lib/prep/image_input.h"
#include "lib/prep/image_source.h"

namespace convoy {

// Longest name with its label, in bytes: twice PATH_MAX. The rest of a longer one is passed over.
inline constexpr std::size_t kMaxRequestBytes = 8192;

// Names of images, each ended by `separator`, which the last may lack. Every line is one input, also if it
// cannot be read or names no image: what is wrong is then the input's failure. A line is read as
// parse_list() or, for NUL bytes, parse_nul_list() reads it, and its label is ignored. Reads nothing behind
// the separator, so that a line is returned as soon as it is there. Memory is bounded by kMaxRequestBytes.
class NameRequests {
 public:
  // place: of the lines in messages. The source must outlive this.
  // root: the folder that paths are below, empty: none.
  NameRequests(ByteSource& source, std::string place, bool nul, std::string root = {})
      : source_(source), place_(std::move(place)), nul_(nul), root_(std::move(root)) {}
  // The next request, or nothing at the end.
  std::optional<ImageInput> next();

 private:
  // Whether there is a line; sets `too_long` if `line` is only its beginning.
  bool read_line(std::string& line, bool& too_long);

  ByteSource& source_;
  std::string place_;
  bool nul_;
  std::string root_;
  std::uint64_t number_ = 0;
};

// Images in frames: a decimal length, a newline, and so many bytes. Every frame is one input, called
// "PLACE:NUMBER"; what is wrong with it is its failure. A frame larger than kMaxImageFileBytes is passed
// over. After a length that is none, nothing tells where the next frame begins: that is the last input.
class FramedRequests {
 public:
  // The source must outlive this.
  FramedRequests(ByteSource& source, std::string place) : source_(source), place_(std::move(place)) {}
  // The next request, or nothing at the end.
  std::optional<ImageInput> next();
  // Whether the input ended in a length that is none.
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  void read_frame(ImageInput& input);
  std::optional<std::uint64_t> read_length(ImageInput& input);

  ByteSource& source_;
  std::string place_;
  std::uint64_t number_ = 0;
  bool ended_ = false;
  bool broken_ = false;
};

// Whether the names of a list come one by one: it is standard input or a file, and not a regular one. The
// file is not opened.
[[nodiscard]] bool comes_line_by_line(const std::string& list);

// Either kind of requests, from an open file.
class Requests {
 public:
  // Frames on standard input.
  Requests() : file_(std::string(kStdStreamName)), frames_(std::in_place, source_, file_.name()) {}
  // The names in `list`; "-" is standard input. Throws Error if it cannot be opened.
  Requests(const std::string& list, bool nul, const std::string& root)
      : file_(list), names_(std::in_place, source_, file_.name(), nul, root) {}
  std::optional<ImageInput> next() { return frames_ ? frames_->next() : names_->next(); }
  [[nodiscard]] bool broken() const { return frames_ && frames_->broken(); }

 private:
  InputFile file_;
  FileSource source_{file_};
  std::optional<FramedRequests> frames_;
  std::optional<NameRequests> names_;
};

// The requests that the options ask for: frames (--framed), or the names of a list that is no regular file,
// which is then taken out of `inputs`. Nothing for other inputs. Throws UsageError, and Error if the list
// cannot be opened.
[[nodiscard]] std::optional<Requests> requests_from(const Options& options, InputOptions& inputs);

}  // namespace convoy
