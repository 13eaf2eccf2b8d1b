#include "lib/data/inputs_rejects.h"

#include "lib/base/error.h"

namespace convoy {
namespace {

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '\t':
        result += "\\t";
        break;
      case '\n':
        result += "\\n";
        break;
      case '\\':
        result += "\\\\";
        break;
      default:
        result += c;
    }
  }
  return result;
}

}  // namespace

Rejects::Rejects(const std::string& path, bool stop, Console& console) : stop_(stop), console_(console) {
  if (!path.empty()) list_.emplace(path, OutputFile::Content::text);
}

void Rejects::add(std::string_view place, std::string_view reason) {
  ++count_;
  if (list_) list_->write(escaped(place) + "\t" + escaped(reason) + "\n");
  if (stop_) {
    commit();
    throw Error(place, reason);
  }
  console_.error(std::string(place) + ": " + std::string(reason));
}

std::string Rejects::summary() const {
  return count_ == 0 ? std::string() : std::to_string(count_) + " rejected";
}

void Rejects::commit() {
  if (list_) list_->commit();
  list_.reset();
}

void reject_damage(Rejects& rejects, const std::string& message) {
  constexpr std::string_view kOffset = ": offset ";
  constexpr std::string_view kColon = ": ";
  const std::string_view text = message;
  const std::size_t offset = text.find(kOffset);
  const std::size_t end = text.find(kColon, offset == std::string_view::npos ? 0 : offset + kOffset.size());
  rejects.add(text.substr(0, end),
              end == std::string_view::npos ? std::string_view() : text.substr(end + kColon.size()));
}

}  // namespace convoy
