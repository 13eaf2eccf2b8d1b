// The first pass of ImageSource: which classes have an image that can be used.
#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "formats/image_stream.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/prep/feeds.h"
#include "lib/prep/pool.h"
#include "lib/prep/walk.h"

namespace convoy {
namespace {

// Classes that a note names; of more, it counts the rest.
constexpr std::size_t kNamedClasses = 3;
// Archives whose classes notes describe; of more, a note counts the rest.
constexpr std::size_t kDescribedArchives = 8;

// The name of the folder that an archive was made of; empty if it is the top.
std::string packed_name(const ClassRoot& root) {
  std::string_view folder = root.folder();
  folder.remove_suffix(folder.empty() ? 0 : 1);
  return std::string(last_component(folder));
}

std::string stem_of(std::string_view path) { return without_archive_extension(last_component(path)); }

}  // namespace

// Finds out which images can be used: a class without one is none.
class ImageSource::Prover {
 public:
  explicit Prover(const InputOptions& options)
      : how_(options.preprocessing), limits_(options.limits), memory_(options.memory) {}

  [[nodiscard]] bool can_use_file(const std::string& path) {
    ImageInput input;
    input.path = input.place = path;
    return can_use(input);
  }
  [[nodiscard]] bool can_use_member(ByteSource& content) {
    ImageInput input;
    input.place = "member";
    try {
      input.bytes = read_image(content, input.place);
    } catch (const Error& error) {
      if (error.place() != input.place) throw;  // of the archive
      return false;
    }
    return can_use(input);
  }

 private:
  bool can_use(ImageInput& input) {
    try {
      if (!preparer_) preparer_.emplace(how_, limits_, 0, memory_);
      static_cast<void>(prepare_input(input, *preparer_, memory_));
      return true;
    } catch (const Error&) {
      preparer_.reset();
      return false;
    }
  }
  Preprocessing how_;
  ImageLimits limits_;
  const ImageMemory* memory_;
  std::optional<Preparer> preparer_;
};

void ImageSource::gather_classes() {
  Prover prover(options_);
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    if (operands_[i].kind == Kind::unknown) classify(i);
    const bool read_twice = operands_[i].kind == Kind::archive && options_.labels.labels_file.empty();
    if (read_twice && opened_.count(i) > 0) spool(i);  // a failure ends the run: the rest would not be missed
    try {
      scan(i, prover);
    } catch (const Error&) {
      // Damage is found again, and reported, when the images are read.
      total_known_ = false;
    }
  }
  name_flat_archives();
  note_archives();
  labeller_.finish();
}

void ImageSource::scan(std::size_t index, Prover& prover) {
  Operand& operand = operands_[index];
  switch (operand.kind) {
    case Kind::file: {
      if (operand.labelled) break;
      const std::string folder = file_class(operand.path);
      if (labeller_.wants(operand.path, folder) && prover.can_use_file(operand.path)) {
        labeller_.note(operand.path, folder);
      }
      break;
    }
    case Kind::folder:
      scan_folder(operand.path, prover);
      break;
    case Kind::archive:
      // A list of labels by name suffices: the names need not be known in advance.
      if (!options_.labels.labels_file.empty()) {
        total_known_ = false;
        break;
      }
      scan_archive(index, prover);
      break;
    case Kind::unknown:
    case Kind::stream:
    case Kind::shard:
    case Kind::idx:
    case Kind::list:
    case Kind::text:
    case Kind::missing:
      break;
  }
}

void ImageSource::scan_folder(const std::string& folder, Prover& prover) {
  std::set<std::string, std::less<>> found;
  bool archives = false;
  for (const FolderEntry& entry : list_folder(folder, options_.outputs)) {
    if (is_excluded(entry.path, options_.names) || is_outside(entry.path)) continue;
    const std::string path = folder + "/" + entry.path;
    const Use use = entry.failure.empty() ? use_of(path, entry.path) : Use::image;
    if (use == Use::none) continue;
    if (use == Use::archive) {
      archives = true;
      total_known_ = false;
      if (options_.labels.labels_file.empty()) scan_inner_archive(path, entry.path, prover);
      continue;
    }
    if (!is_selected(entry.path, options_.names)) continue;
    ++total_;
    if (!entry.failure.empty()) continue;
    const std::string_view name = folder_class(entry.path);
    if (!name.empty()) found.emplace(name);
    if (labeller_.wants(entry.path, name) && prover.can_use_file(path)) labeller_.note(entry.path, name);
  }
  if (found.size() == 1 && !archives && !options_.root && !labeller_.has_pattern() &&
      options_.labels.labels_file.empty()) {
    notes_.push_back(display_name(folder) + ": all images are in one class folder: " + *found.begin() +
                     " (--root=FOLDER names the folder above the class folders)");
  }
}

// An archive in a folder. Damage is reported when the images are read.
void ImageSource::scan_inner_archive(const std::string& path, const std::string& entry, Prover& prover) {
  try {
    ArchiveWalker walker = walk_file(path);
    const std::string stem = stem_of(entry);
    while (const auto member = walker.next()) {
      const std::string name = stem + "/" + member->path;
      if (!member->failure.empty() || !is_selected(name, options_.names) || is_outside(name)) continue;
      const std::string& folder = member->inner.empty() ? stem : member->inner;
      if (!labeller_.wants(name, folder)) {
        if (labeller_.has_pattern()) continue;
        if (member->inner.empty()) break;
        walker.leave_inner();
        continue;
      }
      if (has_image_suffix(member->path) || has_image_content(member->content->peek(kDetectBytes))) {
        if (prover.can_use_member(*member->content)) labeller_.note(name, folder);
      }
    }
  } catch (const Error&) {
    total_known_ = false;
  }
}

void ImageSource::scan_archive(std::size_t index, Prover& prover) {
  ArchiveWalker walker = walk(index);
  std::unordered_set<std::string> proved;  // folders with an image that can be used
  ArchiveClasses& found = archives_[index];
  const auto look_at = [&](const ArchiveWalker::Member& member) {
    if (!is_selected(member.path, options_.names) || is_excluded(member.inner_path, options_.names)) return;
    if (member.inner.empty() && is_outside(member.path)) return;
    if (!member.failure.empty()) {
      ++total_;
      return;
    }
    if (!has_image_suffix(member.path) && !has_image_content(member.content->peek(kDetectBytes))) return;
    ++total_;
    if (labeller_.has_pattern() || !member.inner.empty()) {
      if (!member.inner.empty()) found.inner = true;
      if (labeller_.wants(member.path, member.inner)) {
        if (prover.can_use_member(*member.content)) labeller_.note(member.path, member.inner);
      } else if (!labeller_.has_pattern()) {
        total_known_ = false;
        walker.leave_inner();
      }
      return;
    }
    std::string folders(folders_of(member.path));
    if (proved.contains(folders) || !prover.can_use_member(*member.content)) return;
    found.folders.push_back(folders);
    proved.insert(std::move(folders));
  };
  while (true) {
    try {
      const auto member = walker.next();
      if (!member) break;
      look_at(*member);
    } catch (const Error&) {
      total_known_ = false;  // damage is reported when the images are read
    }
  }
  found.root = walker.root();
  for (const std::string& folders : found.folders) found.root.add_images(folders);
  found.root.decide(options_.root);
  for (const std::string& folders : found.folders) labeller_.note({}, found.root.class_of(folders));
}

// Several archives, each with images that are in no class folder, are a class each.
void ImageSource::name_flat_archives() {
  if (labeller_.has_pattern() || options_.root) return;
  std::vector<std::size_t> flat;
  std::set<std::string, std::less<>> folders;
  for (const auto& [index, archive] : archives_) {
    if (archive.inner) return;
    if (archive.folders.empty()) continue;
    for (const std::string& folder : archive.folders) {
      if (!archive.root.class_of(folder).empty()) return;
    }
    flat.push_back(index);
    folders.insert(packed_name(archive.root));
  }
  if (flat.size() < 2) return;
  // The folder that each was made of, if they tell the archives apart, or else the archive's name.
  const bool by_folder = folders.size() == flat.size() && !folders.contains("");
  for (const std::size_t index : flat) {
    ArchiveClasses& archive = archives_.at(index);
    archive.all = by_folder ? packed_name(archive.root) : stem_of(operands_[index].path);
    labeller_.note({}, archive.all);
  }
}

// Of many archives, the first are described.
void ImageSource::note_archives() {
  if (labeller_.has_pattern()) return;
  std::size_t described = 0;
  std::size_t more = 0;
  for (const auto& [index, archive] : archives_) {
    if (archive.folders.empty()) continue;
    std::string text = archive_classes(index);
    if (described < kDescribedArchives) {
      ++described;
      notes_.push_back(std::move(text));
    } else {
      ++more;
      if (options_.detail) options_.detail(text);
    }
  }
  if (more > 0) notes_.push_back("and " + count_of(more, "more archive") + " (-v lists their classes, too)");
}

std::string ImageSource::archive_classes(std::size_t index) const {
  const ArchiveClasses& archive = archives_.at(index);
  const std::string name = display_name(operands_[index].path);
  if (!archive.all.empty()) {
    return name + ": no class folders: all images are of class " + archive.all;
  }
  std::set<std::string, std::less<>> found;
  for (const std::string& folder : archive.folders) {
    const std::string_view one = archive.root.class_of(folder);
    if (!one.empty()) found.emplace(one);
  }
  const std::string& root = archive.root.folder();
  const std::string below = archive.root.in_parts()
                                ? "each folder in " + (root.empty() ? "the archive" : root)
                            : root.empty() ? "the top of the archive"
                                           : root;
  std::string text = name + ": classes are the folders below " + below + ": ";
  // One that is left over is named as briefly as it is counted.
  const std::size_t named = found.size() > kNamedClasses + 1 ? kNamedClasses : found.size();
  const std::vector<std::string> names(found.begin(),
                                       std::next(found.begin(), static_cast<std::ptrdiff_t>(named)));
  text += found.empty() ? "none" : first_of(names, found.size());
  if (found.size() < 2 || !archive.root.is_sure()) text += " (--root=FOLDER names another folder)";
  return text;
}

}  // namespace convoy
