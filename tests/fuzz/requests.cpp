// What a program that waits for predict sends: the same requests whether they come at once or in pieces, and
// frames that are written again are the same frames.
#include "lib/prep/requests.h"

#include "tests/fuzz/common/pieces.h"

namespace convoy::fuzz {
namespace {

struct Request {
  std::string name;
  std::string path;
  std::string failure;
  Bytes bytes;
  bool operator==(const Request&) const = default;
};

template <typename Requests>
std::vector<Request> all_of(Requests&& requests) {
  std::vector<Request> all;
  while (auto input = requests.next())
    all.push_back({input->name, input->path, input->failure, input->bytes});
  return all;
}

std::vector<Request> framed(ByteSource& source) { return all_of(FramedRequests(source, "x")); }

void check_frames(Input input) {
  MemorySource whole(input);
  const std::vector<Request> first = framed(whole);
  Pieces pieces(input);
  require(framed(pieces) == first, "frames in pieces differ");
  Bytes written;
  std::vector<Bytes> sent;
  for (const Request& request : first) {
    if (!request.failure.empty()) continue;
    const Bytes length = bytes_of(std::to_string(request.bytes.size()) + "\n");
    written.insert(written.end(), length.begin(), length.end());
    written.insert(written.end(), request.bytes.begin(), request.bytes.end());
    sent.push_back(request.bytes);
  }
  Pieces again(written);
  std::vector<Bytes> received;
  for (Request& request : framed(again)) {
    require(request.failure.empty(), "a frame that is written again is refused");
    received.push_back(std::move(request.bytes));
  }
  require(received == sent, "frames that are written again differ");
}

void check_names(Input input, bool nul) {
  MemorySource whole(input);
  const std::vector<Request> first = all_of(NameRequests(whole, "x", nul, "/nowhere"));
  Pieces pieces(input);
  require(all_of(NameRequests(pieces, "x", nul, "/nowhere")) == first, "names in pieces differ");
  const char separator = nul ? '\0' : '\n';
  const std::string_view text = text_of(input);
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, separator));
  require(first.size() == lines + (text.empty() || text.ends_with(separator) ? 0 : 1),
          "not one request a line");
}

void fuzz(Input input) {
  check_frames(input);
  check_names(input, false);
  check_names(input, true);
}

std::vector<Bytes> seeds() {
  return {bytes_of("3\nabc0\n12\nhello, world10\nabc"), bytes_of("a.jpg\nb.png 3\nc\td\n\n/etc/x\r\n"),
          bytes_of(std::string_view("a.jpg\0b\0", 8)), bytes_of("99999999999999999999\nx"),
          bytes_of("300000000\nabc")};
}

const AddReader kReader({.name = "requests", .fuzz = fuzz, .seeds = seeds, .longest = 128});

}  // namespace
}  // namespace convoy::fuzz
