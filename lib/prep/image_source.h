// All images that a user's operands mean, in order: files, folders, archives, lists, IDX pairs, standard
// input, told apart by content.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/idx.h"
#include "lib/prep/image_input.h"
#include "lib/prep/labeller.h"
#include "lib/prep/own_files.h"
#include "lib/prep/walk.h"

namespace convoy {

struct InputOptions {
  std::vector<std::string> operands = {};  // "-" is standard input
  std::string files_from = {};             // a list with more of them, perhaps labelled; empty: none
  bool nul = false;                        // entries of that list end in a NUL byte
  bool idx = false;                        // operands are pairs of IDX files, images and labels
  LabelRules labels = {};
  bool labelled = true;      // whether labels and a class table are wanted; without, nothing is read twice
  bool whole_paths = false;  // images in folders are named by their whole paths; only without labels
  // Whether shards are inputs too, and texts whose first line begins with the name of a file are taken for
  // lists. Only without labels.
  bool shards_and_lists = false;
  // Called with each shard that is opened and its name in messages; an Error thrown here is the shard's one
  // failure.
  std::function<void(const DatasetInfo&, const std::string&)> check_shard = {};
  ImageLimits limits = {};
  // Files that the run writes. In folders they are passed over; where one would replace an image or an
  // archive there, or another input, a UsageError says so when it is come upon.
  std::vector<RunOutput> outputs = {};
};

// Gives images in the order of the operands, one at a time, holding none of them. With options.labelled and
// no class table given, the names in folders and archives are looked through first to learn the classes; an
// archive that comes through a pipe is then copied to a temporary file. Use from one thread at a time.
class ImageSource {
 public:
  // Throws Error, TextError (a list, a label in it) or UsageError before anything is delivered.
  explicit ImageSource(InputOptions options);
  ImageSource(const ImageSource&) = delete;
  ImageSource& operator=(const ImageSource&) = delete;
  ImageSource(ImageSource&&) = delete;
  ImageSource& operator=(ImageSource&&) = delete;
  ~ImageSource();

  [[nodiscard]] const std::vector<ClassInfo>& classes() const { return labeller_.classes(); }
  // Images to come, where that is known before reading them; else 0.
  [[nodiscard]] std::uint64_t total() const { return total_known_ ? total_ : 0; }
  // Whether images without a class are a surprise: there is a table, or a folder or an archive, where classes
  // are looked for. Of the operands looked at so far.
  [[nodiscard]] bool expects_classes() const;
  // Operands that were copied to a temporary file.
  [[nodiscard]] const std::vector<std::string>& spooled() const { return spooled_; }

  // The next image, or nothing at the end. What is wrong with one input becomes its `failure`.
  std::optional<ImageInput> next();

 private:
  enum class Kind { unknown, file, folder, archive, stream, shard, list, text, missing };
  struct Operand {
    std::string path;
    Kind kind = Kind::unknown;
    std::int32_t label = kNoLabel;  // from a list
    bool labelled = false;
  };
  class Feed;
  class FolderFeed;
  class ArchiveFeed;
  class StreamFeed;
  class IdxFeed;
  class ShardFeed;
  class ListFeed;
  struct Opened;

  void read_list();
  void read_idx_pairs();
  void gather_classes();
  void classify(std::size_t index);
  [[nodiscard]] Kind kind_of(Opened& opened, const std::string& path) const;
  void spool(std::size_t index);
  void scan(std::size_t index);
  std::uint64_t scan_archive(std::size_t index);
  [[nodiscard]] std::unique_ptr<Opened> open(std::size_t index);
  [[nodiscard]] std::unique_ptr<Feed> make_feed(std::size_t index);
  // The name or class that failed goes into the input's failure.
  void set_label(ImageInput& input, std::string_view folder) const;
  [[nodiscard]] std::string member_class(const ArchiveWalker::Member& member, std::size_t index) const;

  InputOptions options_;
  OwnFiles own_;
  Labeller labeller_;
  std::vector<Operand> operands_;
  std::map<std::size_t, std::unique_ptr<Opened>> opened_;  // what cannot be opened twice, by operand
  std::map<std::size_t, std::string> reopened_;            // other paths of what operands name
  std::vector<Fd> spools_;
  std::map<std::size_t, std::string> common_;  // folder that all members of an archive have in common
  std::deque<IdxPair> idx_;
  std::vector<std::string> spooled_;
  std::uint64_t total_ = 0;
  bool total_known_ = true;
  std::size_t at_ = 0;  // operand
  std::unique_ptr<Feed> feed_;
};

}  // namespace convoy
