#include "lib/prep/requests.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "formats/image.h"
#include "formats/list.h"
#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/prep/list_text.h"
#include "lib/prep/walk.h"

namespace convoy {
namespace {

constexpr std::size_t kShownOfLine = 100;
constexpr std::size_t kMaxLengthDigits = 20;  // of a 64-bit number

// Why the path cannot be read as a file without waiting or reading for ever; empty if it can.
std::string not_a_file(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) throw_errno(path, errno);
  if (S_ISDIR(info.st_mode)) return "a folder: each line names one image";
  if (!S_ISREG(info.st_mode)) return std::string(kNotRegular);
  // Files of the kernel, such as /proc/kmsg, have no size either, and reading some of them waits.
  return info.st_size == 0 ? "empty file" : "";
}

// The next bytes of another source. Memory grows with what arrives, not with what the length promises.
class Frame : public ByteSource {
 public:
  Frame(ByteSource& source, std::uint64_t length) : source_(source), rest_(length) {}

 protected:
  std::size_t fill(std::span<std::byte> into) override {
    const auto there = rest_ == 0 ? std::span<const std::uint8_t>() : source_.peek(1);
    const auto got = static_cast<std::size_t>(std::min<std::uint64_t>({there.size(), into.size(), rest_}));
    if (got > 0) std::memcpy(into.data(), there.data(), got);
    source_.take(got);
    rest_ -= got;
    return got;
  }
  std::uint64_t seek_ahead(std::uint64_t bytes) override {
    const std::uint64_t skipped = source_.skip(std::min(bytes, rest_));
    rest_ -= skipped;
    return skipped;
  }

 private:
  ByteSource& source_;
  std::uint64_t rest_;
};

}  // namespace

bool comes_line_by_line(const std::string& list) {
  struct stat info {};
  const bool there = list == kStdStreamName ? ::fstat(STDIN_FILENO, &info) == 0
                                            : !list.empty() && ::stat(list.c_str(), &info) == 0;
  return there && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

bool NameRequests::read_line(std::string& line, bool& too_long) {
  const std::uint8_t separator = nul_ ? 0 : '\n';
  bool any = false;
  while (true) {
    const auto there = source_.peek(1);
    if (there.empty()) return any;
    any = true;
    const auto end = std::find(there.begin(), there.end(), separator);
    const auto got = static_cast<std::size_t>(end - there.begin());
    const std::size_t kept = std::min(got, kMaxRequestBytes - line.size());
    line.append(there.begin(), there.begin() + static_cast<std::ptrdiff_t>(kept));
    too_long = too_long || kept < got;
    const bool ended = end != there.end();
    source_.take(got + (ended ? 1 : 0));
    if (ended) return true;
  }
}

std::optional<ImageInput> NameRequests::next() {
  std::string line;
  bool too_long = false;
  if (!read_line(line, too_long)) return std::nullopt;
  const std::string place = place_ + ":" + std::to_string(++number_);
  ImageInput input;
  input.place = place;
  if (too_long) {
    input.name = line.substr(0, kShownOfLine) + "...";
    input.failure = "longer than " + std::to_string(kMaxRequestBytes) + " bytes";
    return input;
  }
  input.name = line;
  try {
    // An empty text would be no line at all.
    line += nul_ ? '\0' : '\n';
    const std::vector<ListEntry> entries = nul_ ? parse_nul_list(line, place) : parse_list(line, place);
    input.name = input.path = input.place = below_root(root_, entries.front().path);
    input.failure = not_a_file(input.path);
  } catch (const Error& error) {
    input.failure = error.reason();
  } catch (const SystemError& error) {
    set_failure(input, error);
  }
  return input;
}

std::optional<ImageInput> FramedRequests::next() {
  if (ended_ || source_.peek(1).empty()) return std::nullopt;
  ImageInput input;
  input.name = input.place = place_ + ":" + std::to_string(++number_);
  read_frame(input);
  return input;
}

// The digits before the newline; if they are no length, the reason becomes the input's failure.
std::optional<std::uint64_t> FramedRequests::read_length(ImageInput& input) {
  std::string digits;
  while (true) {
    const auto there = source_.peek(1);
    if (there.empty()) {
      ended_ = true;
      input.failure = "the input ends within the length of a frame";
      return std::nullopt;
    }
    const char next = static_cast<char>(there[0]);
    source_.take(1);
    if (next == '\n' && !digits.empty()) break;
    const bool digit = next >= '0' && next <= '9';
    if (!digit || digits.size() == kMaxLengthDigits) {
      ended_ = broken_ = true;
      input.failure = digit ? "the length of the frame has more than 20 digits"
                            : "not the length of a frame: a decimal number and a newline";
      return std::nullopt;
    }
    digits += next;
  }
  const auto length = number_from<std::uint64_t>(digits);
  if (!length) {
    ended_ = broken_ = true;
    input.failure = "the length of the frame, " + digits + ", is not a 64-bit number";
  }
  return length;
}

void FramedRequests::read_frame(ImageInput& input) {
  const auto length = read_length(input);
  if (!length) return;
  std::uint64_t got = 0;
  if (*length > kMaxImageFileBytes) {
    input.failure = "a frame larger than the limit of " + std::to_string(kMaxImageFileBytes) + " bytes";
    got = source_.skip(*length);
  } else {
    Frame frame(source_, *length);
    input.bytes = read_image(frame, input.place);
    got = frame.taken() + frame.skip(*length);
  }
  if (got < *length) {
    ended_ = true;
    input.failure = "the input ends after " + std::to_string(got) + " of the " + std::to_string(*length) +
                    " bytes of a frame";
  } else if (*length == 0) {
    input.failure = "empty frame";
  }
}

std::optional<Requests> requests_from(const Options& options, InputOptions& inputs) {
  if (options.flag("framed")) {
    if (!options.operands().empty()) throw UsageError("--framed", "frames come on standard input alone");
    inputs.operands.clear();
    return std::optional<Requests>(std::in_place);
  }
  if (!comes_line_by_line(inputs.files_from)) return std::nullopt;
  if (inputs.files_from == kStdStreamName && std::ranges::count(inputs.operands, kStdStreamName) > 0) {
    throw UsageError("--files-from", "standard input is an operand already");
  }
  return std::optional<Requests>(std::in_place, std::exchange(inputs.files_from, {}), inputs.nul,
                                 inputs.list_root);
}

}  // namespace convoy
