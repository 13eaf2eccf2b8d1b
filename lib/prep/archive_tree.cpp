#include "lib/prep/archive_tree.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "lib/base/console.h"
#include "lib/base/error.h"
#include "lib/prep/names.h"
#include "lib/prep/walk.h"

namespace convoy {
namespace {

std::string key_of(std::string path) {
  std::replace(path.begin(), path.end(), '/', '\0');
  return path;
}

void push_components(std::deque<std::string>& rest, std::string_view path) {
  const std::vector<std::string_view> parts = components_of(path);
  rest.insert(rest.begin(), parts.begin(), parts.end());
}

std::string parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? std::string_view() : path.substr(0, slash));
}

std::string join(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

std::string too_long() {
  return "a link with a path or a target of more than " + std::to_string(kMaxLinkPath) + " bytes";
}

Error not_there(const std::string& target) {
  return Error("a link to '" + target + "', which is not in the archive (tar -h packs what links lead to)");
}

}  // namespace

// What has been found, and the folders from the top of the archive to the current one, by their names
// without links.
struct ArchiveTree::Walk {
  std::vector<std::string> above;
  std::uint64_t& steps;
  std::vector<Linked> found = {};
  void fail(const std::string& shown, const std::string& reason) { found.push_back({shown, 0, reason}); }
};

void ArchiveTree::add(const ArchiveEntry& entry, std::uint64_t ordinal) {
  if (entry.path.starts_with('/')) absolute_ = true;
  // Of a target that is too long, enough is kept to show that it is.
  Node node{entry.type, entry.target.substr(0, kMaxLinkPath + 1), ordinal};
  if (entry.type == ArchiveEntry::Type::hard_link) {
    // It is what its target is now: a later entry of that name, as in joined archives, is another file.
    const Node* target = find(clean_path(entry.target));
    if (target != nullptr && target->type != ArchiveEntry::Type::folder) node = *target;
  }
  std::string key = key_of(clean_path(entry.path));
  if (key.size() > kMaxLinkPath) return;
  name_bytes_ += key.size() + node.target.size();
  if (name_bytes_ > kMaxLinkedNameBytes) {
    throw Error("more than " + format_bytes(kMaxLinkedNameBytes) + " of names in an archive with links");
  }
  nodes_[std::move(key)] = std::move(node);
  if (nodes_.size() > kMaxLinkedNames) {
    throw Error("more than " + std::to_string(kMaxLinkedNames) + " names in an archive with links");
  }
}

const ArchiveTree::Node* ArchiveTree::find(const std::string& path) const {
  const auto found = nodes_.find(key_of(path));
  return found == nodes_.end() ? nullptr : &found->second;
}

bool ArchiveTree::is_folder(const std::string& path) const {
  if (path.empty()) return true;
  if (const Node* node = find(path); node != nullptr) return node->type == ArchiveEntry::Type::folder;
  // The archive may have no entry for the folder itself.
  const std::string inside = key_of(path + "/");
  const auto next = nodes_.lower_bound(inside);
  return next != nodes_.end() && next->first.starts_with(inside);
}

std::string ArchiveTree::resolve(const std::string& path, std::size_t& components) const {
  std::deque<std::string> rest;
  push_components(rest, path);
  std::string at;
  int links = 0;
  while (!rest.empty()) {
    const std::string part = std::move(rest.front());
    rest.pop_front();
    ++components;
    if (part == "..") {
      if (at.empty()) throw Error("a link to a place outside the archive (tar -h packs what links lead to)");
      at = parent_of(at);
      continue;
    }
    std::string next = join(at, part);
    const Node* node = find(next);
    const bool link = node != nullptr && (node->type == ArchiveEntry::Type::symbolic_link ||
                                          node->type == ArchiveEntry::Type::hard_link);
    if (!link) {
      at = std::move(next);
      continue;
    }
    if (++links > kMaxLinkChain) throw Error("a link that leads to itself, or through too many links");
    const std::string& target = node->target;
    if (target.size() > kMaxLinkPath) throw Error(too_long());
    if (node->type == ArchiveEntry::Type::hard_link) {
      // Counted from the top, whatever folder the link is in. A hard link to a symbolic link is that link.
      const std::string linked = clean_path(target);
      const Node* other = find(linked);
      if (other == nullptr) throw not_there(target);
      if (other->type == ArchiveEntry::Type::symbolic_link) {
        if (other->target.size() > kMaxLinkPath) throw Error(too_long());
        if (other->target.starts_with('/')) at.clear();
        push_components(rest, other->target);
        continue;
      }
      at.clear();
      push_components(rest, linked);
      continue;
    }
    if (target.starts_with('/')) {
      if (!absolute_)
        throw Error("a link to '" + target +
                    "', which is outside the archive (tar -h packs what links lead to)");
      at.clear();
    }
    push_components(rest, target);
  }
  if (find(at) == nullptr && !is_folder(at)) {
    throw not_there(at);
  }
  return at;
}

std::vector<ArchiveTree::Linked> ArchiveTree::follow(const std::string& path, std::uint64_t& steps) const {
  if (path.size() > kMaxLinkPath) return {{path, 0, too_long()}};
  Walk walk{.above = {}, .steps = steps};
  for (std::string folder = parent_of(path); !folder.empty(); folder = parent_of(folder)) {
    walk.above.push_back(folder);
  }
  walk.above.emplace_back();
  std::reverse(walk.above.begin(), walk.above.end());
  follow_to(path, path, walk);
  return std::move(walk.found);
}

void ArchiveTree::count(std::uint64_t steps, Walk& walk) const {
  walk.steps += steps;
  if (walk.steps > most_steps()) {
    throw Error("links that stand for more than " + std::to_string(most_steps()) + " files and folders");
  }
}

void ArchiveTree::follow_to(const std::string& target, const std::string& shown, Walk& walk) const {
  count(1 + shown.size() / kNameBytesPerStep, walk);
  std::string place;
  std::size_t components = 0;
  try {
    place = resolve(target, components);
  } catch (const Error& error) {
    count(components / kComponentsPerStep, walk);
    return walk.fail(shown, error.reason());
  }
  count(components / kComponentsPerStep, walk);
  if (is_folder(place)) return list(place, shown, walk);
  const Node& node = *find(place);
  if (node.type != ArchiveEntry::Type::file) return walk.fail(shown, std::string(kNotRegular));
  walk.found.push_back({shown, node.ordinal, {}});
}

void ArchiveTree::list(const std::string& folder, const std::string& shown, Walk& walk) const {
  if (std::find(walk.above.begin(), walk.above.end(), folder) != walk.above.end()) {
    return walk.fail(shown, std::string(kLeadsBack));
  }
  if (walk.above.size() >= static_cast<std::size_t>(kMaxFolderDepth)) {
    return walk.fail(shown, nested_too_deep());
  }
  walk.above.push_back(folder);
  const std::string inside = folder.empty() ? std::string() : key_of(folder + "/");
  std::string last;  // of the names in the folder
  for (auto at = nodes_.lower_bound(inside); at != nodes_.end() && at->first.starts_with(inside);) {
    const std::string name =
        at->first.substr(inside.size(), at->first.find('\0', inside.size()) - inside.size());
    if (!name.empty() && !name.starts_with('.')) follow_to(join(folder, name), shown + "/" + name, walk);
    // Behind all that is below the name.
    at = nodes_.lower_bound(inside + name + '\1');
    if (name.empty()) at = std::next(nodes_.lower_bound(inside));
  }
  walk.above.pop_back();
}

}  // namespace convoy
