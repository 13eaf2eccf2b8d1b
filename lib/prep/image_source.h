// All images that the operands of a command line stand for, in order: files, folders, archives, lists, IDX
// files, standard input. The kinds are recognized by content.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/idx.h"
#include "lib/base/own_files.h"
#include "lib/prep/archive_walk.h"
#include "lib/prep/image_input.h"
#include "lib/prep/labeller.h"
#include "lib/prep/names.h"
#include "lib/prep/prepare.h"

namespace convoy {

// What is no input: files in folders and archives, and bytes in a stream.
struct LeftOut {
  std::uint64_t passed_over = 0;    // no images
  std::uint64_t other_classes = 0;  // images of classes that are not in the table
  std::uint64_t outside = 0;        // images outside --root
  std::uint64_t trailers = 0;       // images in a stream with unknown bytes behind them
  // ", 8 images of other classes left out, 5 other files passed over", to stand behind another count; empty
  // if there were none.
  [[nodiscard]] std::string appended() const;
};

struct InputOptions {
  std::vector<std::string> operands = {};  // "-" is standard input
  std::string files_from = {};             // a list of more operands, perhaps with labels; empty: none
  std::string list_root = {};              // the folder that paths in the list are below; empty: none
  bool nul = false;                        // entries of that list end in a NUL byte
  bool idx = false;                        // operands are IDX files: images, perhaps followed by their labels
  LabelRules labels = {};
  bool labelled = true;      // whether labels and a class table are needed; if not, no input is read twice
  bool whole_paths = false;  // images in folders are named by their whole paths; only without labels
  // Whether shards and IDX files are accepted as inputs, and texts whose first line begins with the name of a
  // file as lists. Only without labels.
  bool shards_and_lists = false;
  // Called for each shard that is opened, with its name for messages. If it throws an Error, the whole shard
  // is one failure with that reason.
  std::function<void(const DatasetInfo&, const std::string&)> check_shard = {};
  ImageLimits limits = {};
  MemoryLimit memory_limit = {};        // what lists may take
  const ImageMemory* memory = nullptr;  // what an image may take; it must outlive the source
  Preprocessing preprocessing = {};     // by which a class is known to have an image that can be used
  NameRules names = {};                 // which files in folders and archives are inputs
  // The folder whose sub-folders are the classes: below a folder operand, in an archive, or in a path.
  // Without it: the operand itself; in an archive, the one that ClassRoot finds.
  std::optional<std::string> root = {};
  bool classes_only = false;  // leave out images of classes that are not in the table
  // Whether begin_again() may be called: inputs that come but once are copied to temporary files.
  bool again = false;
  std::function<void(const std::string&)> detail = {};  // called with each file that is passed over
  std::shared_ptr<LeftOut> left_out = {};               // counts for the caller; made if there is none
  // Files that the run writes. They are skipped in folders. If one would replace an image or an archive in a
  // folder, or another input, next() throws UsageError when it meets that.
  std::vector<RunOutput> outputs = {};
};

// Returns the images one at a time, in the order of the operands. If options.labelled is set and no class
// table is given, it first goes through the names in folders and archives to collect the classes; an archive
// that arrives through a pipe is then copied to a temporary file. Use from one thread at a time.
class ImageSource {
 public:
  // Throws Error, TextError (about a list or a label in it) or UsageError.
  explicit ImageSource(InputOptions options);
  ImageSource(const ImageSource&) = delete;
  ImageSource& operator=(const ImageSource&) = delete;
  ImageSource(ImageSource&&) = delete;
  ImageSource& operator=(ImageSource&&) = delete;
  ~ImageSource();

  [[nodiscard]] const std::vector<ClassInfo>& classes() const { return labeller_.classes(); }
  // The number of images, or 0 if it is not known in advance.
  [[nodiscard]] std::uint64_t total() const { return total_known_ ? total_ : 0; }
  // Whether the user probably expects images to have classes: there is a class table, or a folder or archive
  // among the operands that have been looked at so far.
  [[nodiscard]] bool expects_classes() const;
  // See Labeller::unused_note(); call after the last image.
  [[nodiscard]] std::string unused_labels() const { return labeller_.unused_note(); }
  // Whether the classes of images are given as numbers.
  [[nodiscard]] bool numbered() const { return numbered_ || labeller_.numbered(); }
  // Operands that were copied to a temporary file.
  [[nodiscard]] const std::vector<std::string>& spooled() const { return spooled_; }
  // What the user should know of how inputs were read, a sentence each.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

  // What has been left out so far.
  [[nodiscard]] const LeftOut& left_out() const { return *options_.left_out; }

  // The next image, or nothing at the end. What is wrong with an input becomes its `failure`, but for IDX
  // files of options.idx: half of one is no set, so it throws Error.
  std::optional<ImageInput> next() { return step(Reading::images); }
  // The next image without its content, of which no more is read than what tells that it is an image; in a
  // stream of images, its end is looked for. What is wrong with the content does not show. pass() and next()
  // may follow each other, and count the same images.
  std::optional<ImageInput> pass() { return step(Reading::names); }

  // Makes next() begin with the first image, and left_out() what it was before that. Only with options.again.
  void begin_again();
  // Whether options.detail is called.
  void report(bool details) { details_ = details; }
  // Counts what is left out from here on.
  void forget_left_out() { *options_.left_out = {}; }

 private:
  // What is read of images.
  enum class Reading { images, names };
  enum class Kind { unknown, file, folder, archive, stream, shard, idx, list, text, missing };
  struct Operand {
    std::string path;
    Kind kind = Kind::unknown;
    std::int32_t label = kNoLabel;  // from a list
    bool labelled = false;
    std::string failure = {};  // of Kind::missing
  };
  class Feed;
  class FolderFeed;
  class Prover;
  enum class Use { image, archive, none };
  // How an archive's images get their classes.
  struct ArchiveClasses {
    ClassRoot root;
    std::vector<std::string> folders;  // with images, in ClassRoot's order of adding
    bool inner = false;                // whether there are images in archives inside it
    std::string all;                   // the class of all images; empty: that of their folder
  };
  class ArchiveFeed;
  class StreamFeed;
  class ShardFeed;
  class ListFeed;
  struct Opened;
  struct IdxStream;
  struct IdxOperand;
  class IdxFeed;

  std::optional<ImageInput> step(Reading reading);
  void say_detail(const std::string& text) const;
  void keep_pipes();
  void read_list();
  void read_idx_operands();
  void add_idx_labels(const std::string& images, IdxReader& reader);
  void gather_classes();
  void classify(std::size_t index);
  [[nodiscard]] Kind kind_of(Opened& opened, const std::string& path) const;
  void spool(std::size_t index);
  void scan(std::size_t index, Prover& prover);
  void scan_folder(const std::string& folder, Prover& prover);
  void scan_archive(std::size_t index, Prover& prover);
  void scan_inner_archive(const std::string& path, const std::string& entry, Prover& prover);
  void name_flat_archives();
  void note_archives();
  // What is said about the classes of an archive.
  [[nodiscard]] std::string archive_classes(std::size_t index) const;
  [[nodiscard]] std::unique_ptr<Opened> open(std::size_t index);
  [[nodiscard]] ArchiveWalker walk(std::size_t index);
  [[nodiscard]] static ArchiveWalker walk_file(const std::string& path);
  [[nodiscard]] std::unique_ptr<Feed> make_feed(std::size_t index);
  [[nodiscard]] std::unique_ptr<Feed> make_idx_feed(std::size_t index);
  [[nodiscard]] static std::unique_ptr<IdxStream> open_idx(std::unique_ptr<Opened> opened,
                                                           const std::string& name);
  // If there is no label for the input, the reason becomes its failure. Whether the image is to be used.
  bool set_label(ImageInput& input, std::string_view folder) const;
  [[nodiscard]] std::string member_class(const ArchiveWalker::Member& member, std::size_t index) const;
  [[nodiscard]] std::string table_class(const ArchiveWalker::Member& member, std::size_t index) const;
  // The class of a path below a folder operand, or of a file operand.
  [[nodiscard]] std::string_view folder_class(std::string_view path) const;
  // The class of a file that was named, from its path. Empty: none.
  [[nodiscard]] std::string file_class(const std::string& path) const;
  [[nodiscard]] bool is_outside(std::string_view path) const;
  // Whether a member of an archive is an input; if it is only no image, that is counted. place: for messages.
  [[nodiscard]] bool is_input(const ArchiveWalker::Member& member, const std::string& place) const;
  // What the file at `path`, called `name` below its folder, is used for.
  [[nodiscard]] Use use_of(const std::string& path, const std::string& name) const;
  void pass_over(const std::string& place) const;

  InputOptions options_;
  OwnFiles own_;
  Labeller labeller_;
  std::vector<Operand> operands_;
  std::map<std::size_t, std::unique_ptr<Opened>> opened_;  // by operand: what cannot be opened twice
  std::map<std::size_t, std::string> reopened_;            // by operand: another path to open it by
  std::vector<TemporaryFile> spools_;
  std::map<std::size_t, ArchiveClasses> archives_;  // by archive that has been looked through
  std::vector<IdxOperand> idx_;                     // by operand, if options_.idx
  std::uint64_t idx_labels_ = 0;                    // in all of them
  std::vector<std::string> spooled_;
  std::vector<std::string> notes_;
  std::uint64_t total_ = 0;
  bool total_known_ = true;
  bool numbered_ = false;
  LeftOut left_out_before_ = {};  // before the first image
  bool details_ = true;
  std::size_t at_ = 0;  // operand
  std::unique_ptr<Feed> feed_;
};

}  // namespace convoy
