// Walks through archives, links and archives in archives: a pipe that is copied gives the same members as a
// file that is opened again, and the names of a plain archive's files are those that its reader gives.
#include "lib/prep/archive_walk.h"

#include "lib/prep/temporary_source.h"
#include "tests/fuzz/common/archive_seeds.h"
#include "tests/fuzz/common/pieces.h"

namespace convoy::fuzz {
namespace {

constexpr std::size_t kMostMembers = 300;
constexpr std::size_t kMostErrors = 20;
constexpr std::uint64_t kMostBytes = 1 << 18;

struct Walked {
  std::vector<std::string> members;  // with their contents, and the errors between them
  std::string root;
  bool operator==(const Walked&) const = default;
};

Walked walk(ArchiveWalker&& walker) {
  Walked walked;
  std::size_t errors = 0;
  while (walked.members.size() < kMostMembers && errors < kMostErrors) {
    const auto step = outcome([&] {
      auto member = walker.next();
      if (!member) return false;
      std::string text =
          member->path + "\n" + member->inner + "\n" + member->inner_path + "\n" + member->failure;
      if (member->failure.empty()) {
        const auto bytes = outcome([&] { return read_all(*member->content, "x", kMostBytes); });
        text += "\n" + (bytes.value ? std::string(text_of(*bytes.value)) : bytes.refusal);
      }
      walked.members.push_back(std::move(text));
      return true;
    });
    if (!step.value) {
      ++errors;
      walked.members.push_back(step.refusal);
    } else if (!*step.value) {
      break;
    }
  }
  walked.root = walker.root().folder();
  return walked;
}

Walked walk_file(Input input) {
  const auto open = [input]() -> std::shared_ptr<ByteSource> {
    return std::make_shared<MemorySource>(input);
  };
  return walk(ArchiveWalker(open(), open, "x"));
}

Walked walk_pipe(Input input) {
  Pieces pieces(input);
  const auto pipe = std::make_shared<CopiedPipe>(pieces, "x");
  return walk(ArchiveWalker(
      pipe, [pipe] { return pipe->from_start(); }, "x"));
}

void fuzz(Input input) {
  const auto file = outcome([&] { return walk_file(input); });
  require(outcome([&] { return walk_pipe(input); }) == file, "a pipe has other members than a file");
  require(outcome([&] { return walk_file(input); }) == file, "the second time differs");
}

const AddReader kReader({.name = "archive_walk",
                         .fuzz = fuzz,
                         .seeds = small_archives,
                         .repair = repair_archive,
                         .longest = 8192});

}  // namespace
}  // namespace convoy::fuzz
