#include "lib/pictures/results.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "lib/base/checked.h"
#include "lib/base/content.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/lines.h"
#include "lib/base/table.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

using Fields = std::vector<std::string_view>;

Fields fields_of(std::string_view line) {
  Fields fields;
  for (;;) {
    const std::size_t tab = line.find('\t');
    fields.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return fields;
    line.remove_prefix(tab + 1);
  }
}

// The text of a table, whose lines take so much memory each besides. Throws Error if it is none: `wanted` is
// "a table of predict", for the message.
std::string read_table(const std::string& path, std::string_view wanted, std::uint64_t bytes_a_line,
                       const MemoryLimit& memory) {
  constexpr std::uint64_t kTexts = 4;  // as read, as text, in fields, and what is gained while these grow
  const std::string place = display_name(path);
  std::string text = read_text_file(path, std::min(kMaxResultBytes, memory.bytes / kTexts));
  if (text.empty()) throw Error(place, "is empty");
  if (const std::string_view head = std::string_view(text).substr(0, kContentBytes); !is_text(head)) {
    const auto content = content_of(as_u8(as_bytes_of(head)));
    throw Error(place, std::string(content ? content->name : "no text") + " where " + std::string(wanted) +
                           " is expected");
  }
  const auto lines = static_cast<std::uint64_t>(std::ranges::count(text, '\n')) + 1;
  require_memory(saturating_add(saturating_mul(kTexts, text.size()), saturating_mul(lines, bytes_a_line)),
                 memory, place, "its lines");
  return text;
}

// A field of the table as text. Throws TextError.
std::string text_of(std::string_view field, const std::string& place, std::uint64_t line) {
  auto text = tsv_text(field);
  if (!text) throw TextError(place, line, 0, "a backslash that begins no escape");
  return std::move(*text);
}

double real_of(std::string_view field, const char* what, const std::string& place, std::uint64_t line) {
  const auto value = number_from<double>(field);
  if (!value || !std::isfinite(*value) || *value < 0) {
    throw TextError(place, line, 0, std::string(what) + " is not a number of 0 or more");
  }
  return *value;
}

double probability_of(std::string_view field, const std::string& place, std::uint64_t line) {
  const double value = real_of(field, "the probability", place, line);
  if (value > 1) throw TextError(place, line, 0, "the probability is more than 1");
  return value;
}

// The rank must be the one after those that there are; a rank of 1 begins another image, even one of the same
// name. Whether it does.
bool begins_image(std::string_view rank, std::size_t before, bool same_name, const std::string& place,
                  std::uint64_t line) {
  const auto number = number_from<std::uint64_t>(rank);
  if (number && *number == 1) return true;
  if (!number || *number == 0)
    throw TextError(place, line, 0, "the second field is no rank: is this a table of predict?");
  if (!same_name)
    throw TextError(place, line, 0, "the rank is not 1: lines of this image are missing before it");
  if (*number != before + 1) {
    throw TextError(place, line, 0,
                    "the rank is " + std::to_string(*number) + " where " + std::to_string(before + 1) +
                        " is expected: lines are missing, or stand twice");
  }
  return false;
}

// Lines of predict: name, rank, class ID, class, probability.
std::vector<AnsweredImage> answers_of_predict(std::string_view text, const std::string& place) {
  constexpr std::size_t kFields = 5;
  std::vector<AnsweredImage> images;
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t number) {
    const Fields fields = fields_of(line);
    if (fields.size() != kFields)
      throw TextError(place, number, 0, "is not a line of predict or eval --predictions");
    std::string name = text_of(fields[0], place, number);
    if (fields[1].empty()) {
      images.push_back(
          {.name = std::move(name), .line = number, .failure = text_of(fields[4], place, number)});
      return;
    }
    const bool same = !images.empty() && images.back().name == name && images.back().failure.empty();
    if (begins_image(fields[1], same ? images.back().answers.size() : 0, same, place, number)) {
      images.push_back({.name = std::move(name), .line = number});
    }
    images.back().answers.push_back({text_of(fields[2], place, number), text_of(fields[3], place, number),
                                     probability_of(fields[4], place, number)});
  });
  return images;
}

// The table of eval --predictions: a head; then name, class ID, and IDs of the best classes.
std::vector<AnsweredImage> answers_of_eval(std::string_view text, const std::string& place) {
  std::vector<AnsweredImage> images;
  std::size_t columns = 0;
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t number) {
    const Fields fields = fields_of(line);
    if (number == 1) {
      columns = fields.size();
      return;
    }
    if (fields.size() != columns) throw TextError(place, number, 0, "has other columns than the head line");
    AnsweredImage image{.name = text_of(fields[0], place, number),
                        .line = number,
                        .truth = text_of(fields[1], place, number)};
    for (std::size_t i = 2; i < fields.size(); ++i)
      image.answers.push_back({.id = text_of(fields[i], place, number)});
    images.push_back(std::move(image));
  });
  return images;
}

// Calls take(object, place, number) for each line, which is one object of JSON.
template <typename Take>
void for_each_object(std::string_view text, const std::string& place, Take&& take) {
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t number) {
    const std::string at = place + ":" + std::to_string(number);
    const nlohmann::json value = parse_json(line, at);
    take(JsonObject(value, "answer", at), at, number);
  });
}

std::vector<AnsweredImage> answers_of_json(std::string_view text, const std::string& place) {
  std::vector<AnsweredImage> images;
  for_each_object(text, place, [&](const JsonObject& object, const std::string& at, std::uint64_t number) {
    AnsweredImage image{.name = object.text("name"), .line = number};
    if (object.has("error")) {
      image.failure = object.text("error");
    } else {
      const nlohmann::json& list = object.member("predictions");
      if (!list.is_array()) throw Error(at, "'predictions' is no list");
      for (const nlohmann::json& one : list) {
        const JsonObject answer(one, "prediction", at);
        const double probability = answer.real("probability");
        if (!(probability >= 0 && probability <= 1)) throw Error(at, "a probability is not from 0 to 1");
        image.answers.push_back({answer.text("class_id"), answer.text("class"), probability});
      }
    }
    images.push_back(std::move(image));
  });
  return images;
}

std::vector<ImageNeighbours> neighbours_of_json(std::string_view text, const std::string& place) {
  std::vector<ImageNeighbours> images;
  for_each_object(text, place, [&](const JsonObject& object, const std::string& at, std::uint64_t number) {
    ImageNeighbours image{.name = object.text("name"), .line = number};
    if (object.has("error")) {
      image.failure = object.text("error");
    } else {
      const nlohmann::json& list = object.member("neighbours");
      if (!list.is_array()) throw Error(at, "'neighbours' is no list");
      for (const nlohmann::json& one : list) {
        const JsonObject near(one, "neighbour", at);
        const double distance = near.real("distance");
        if (!(distance >= 0) || !std::isfinite(distance))
          throw Error(at, "a distance is not a number of 0 or more");
        image.near.push_back({near.text("name"), distance});
      }
    }
    images.push_back(std::move(image));
  });
  return images;
}

// The classes of a confusion table while it is read.
class Classes {
 public:
  // The index of the class with that ID, which is added if it is new.
  std::uint32_t index_of(const std::string& id) {
    const auto [at, added] = indices_.try_emplace(id, static_cast<std::uint32_t>(ids_.size()));
    if (added) ids_.push_back(id);
    return at->second;
  }
  [[nodiscard]] std::size_t size() const { return ids_.size(); }
  [[nodiscard]] std::vector<std::string> take() { return std::move(ids_); }

 private:
  std::vector<std::string> ids_;
  std::unordered_map<std::string, std::uint32_t> indices_;
};

std::uint64_t count_from(std::string_view field, const std::string& place, std::uint64_t line) {
  constexpr std::uint64_t kMostImages = std::uint64_t{1} << 48;  // so that no sum of a table overflows
  const auto count = number_from<std::uint64_t>(field);
  if (!count || *count > kMostImages)
    throw TextError(place, line, 0, "a count is not a whole number, or too large");
  return *count;
}

// Adds a count; the table may need far more memory than its text, of which zeros are the most.
void add_count(std::vector<ConfusionCount>& counts, const ConfusionCount& one, const std::string& place,
               const MemoryLimit& memory) {
  if (one.count == 0) return;
  if (counts.size() == counts.capacity()) {
    constexpr std::uint64_t kGrown = 3;  // the old ones, and twice as many
    require_memory(kGrown * sizeof(ConfusionCount) * (counts.size() + 1), memory, place, "its counts");
  }
  counts.push_back(one);
}

ConfusionTable confusion_of_pairs(std::string_view text, const std::string& place,
                                  const MemoryLimit& memory) {
  constexpr std::size_t kFields = 3;
  ConfusionTable table;
  Classes classes;
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t number) {
    if (number == 1) return;
    const Fields fields = fields_of(line);
    if (fields.size() != kFields) throw TextError(place, number, 0, "is not a line of eval --confusion");
    const std::uint32_t truth = classes.index_of(text_of(fields[0], place, number));
    const std::uint32_t predicted = classes.index_of(text_of(fields[1], place, number));
    add_count(table.counts, {truth, predicted, count_from(fields[2], place, number)}, place, memory);
  });
  table.ids = classes.take();
  return table;
}

ConfusionTable confusion_of_matrix(std::string_view text, const std::string& place,
                                   const MemoryLimit& memory) {
  ConfusionTable table;
  Classes classes;
  std::size_t columns = 0;
  std::vector<bool> seen;
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t number) {
    const Fields fields = fields_of(line);
    if (number == 1) {
      for (std::size_t i = 1; i < fields.size(); ++i)
        (void)classes.index_of(text_of(fields[i], place, number));
      columns = fields.size();
      if (classes.size() + 1 != columns)
        throw TextError(place, number, 0, "a class stands twice in the head line");
      seen.resize(classes.size());
      return;
    }
    if (fields.size() != columns) throw TextError(place, number, 0, "has other columns than the head line");
    const std::uint32_t truth = classes.index_of(text_of(fields[0], place, number));
    if (truth >= seen.size() || seen[truth])
      throw TextError(place, number, 0, "a class that is not in the head line, or stands twice");
    seen[truth] = true;
    for (std::size_t i = 1; i < fields.size(); ++i) {
      add_count(table.counts,
                {truth, static_cast<std::uint32_t>(i - 1), count_from(fields[i], place, number)}, place,
                memory);
    }
  });
  table.ids = classes.take();
  return table;
}

}  // namespace

std::vector<AnsweredImage> read_answers(const std::string& path, const MemoryLimit& memory) {
  const std::string place = display_name(path);
  const std::string text =
      read_table(path, "a table of predict or eval", sizeof(AnsweredImage) + 2 * sizeof(Answer), memory);
  std::vector<AnsweredImage> images =
      text.starts_with('{') ? answers_of_json(text, place)
      : text.starts_with("name\tclass\trank1\t") || text.starts_with("name\tclass\trank1\n")
          ? answers_of_eval(text, place)
          : answers_of_predict(text, place);
  if (images.empty()) throw Error(place, "has no images");
  return images;
}

std::vector<ImageNeighbours> read_neighbours(const std::string& path, const MemoryLimit& memory) {
  constexpr std::size_t kFields = 4;
  const std::string place = display_name(path);
  const std::string text = read_table(path, "a table of predict --nearest",
                                      sizeof(ImageNeighbours) + 2 * sizeof(NearImage), memory);
  if (text.starts_with('{')) return neighbours_of_json(text, place);
  std::vector<ImageNeighbours> images;
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t number) {
    const Fields fields = fields_of(line);
    if (fields.size() != kFields) throw TextError(place, number, 0, "is not a line of predict --nearest");
    std::string name = text_of(fields[0], place, number);
    if (fields[1].empty()) {
      images.push_back(
          {.name = std::move(name), .line = number, .failure = text_of(fields[3], place, number)});
      return;
    }
    const bool same = !images.empty() && images.back().name == name && images.back().failure.empty();
    if (begins_image(fields[1], same ? images.back().near.size() : 0, same, place, number)) {
      images.push_back({.name = std::move(name), .line = number});
    }
    images.back().near.push_back(
        {text_of(fields[2], place, number), real_of(fields[3], "the distance", place, number)});
  });
  return images;
}

ConfusionTable read_confusion(const std::string& path, const MemoryLimit& memory) {
  const std::string place = display_name(path);
  // A count takes two bytes of a matrix at least, and most are 0.
  const std::string text =
      read_table(path, "a table of eval --confusion", sizeof(ConfusionCount) + sizeof(std::string), memory);
  const bool matrix = text.starts_with("class\t");
  if (!matrix && !text.starts_with("true\tpredicted\tcount\n"))
    throw Error(place, "is no table of eval --confusion");
  ConfusionTable table =
      matrix ? confusion_of_matrix(text, place, memory) : confusion_of_pairs(text, place, memory);
  if (table.counts.empty()) throw Error(place, "counts no images");
  return table;
}

}  // namespace convoy
