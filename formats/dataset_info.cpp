#include "formats/dataset_info.h"

#include <algorithm>
#include <optional>
#include <span>

#include "formats/class_names.h"
#include "lib/base/console.h"
#include "lib/base/count.h"
#include "lib/base/counted_memory.h"
#include "lib/base/error.h"
#include "lib/base/json.h"
#include "lib/base/lines.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

using nlohmann::json;

constexpr int kByteMax = 255;
constexpr std::size_t kClassesAtOnce = 1024;
constexpr std::size_t kLongestFilter = 40;  // in a message

void check_text(const std::string& text, const std::string& what, std::string_view place) {
  const std::string complaint = class_text_complaint(text);
  if (!complaint.empty()) throw Error(place, what + " " + complaint);
}

void check_class_count(std::size_t count, std::string_view place) {
  if (count > static_cast<std::size_t>(kMaxClasses)) {
    throw Error(place,
                std::to_string(count) + " classes are more than the limit of " + std::to_string(kMaxClasses));
  }
}

// An ID that two classes have; of several, the first in the order of bytes.
std::optional<std::string> repeated_id(const std::vector<ClassInfo>& classes) {
  std::vector<std::string_view> ids;
  ids.reserve(classes.size());
  for (const ClassInfo& one : classes) ids.emplace_back(one.id);
  std::ranges::sort(ids);
  const auto found = std::ranges::adjacent_find(ids);
  return found == ids.end() ? std::nullopt : std::optional(std::string(*found));
}

void check_classes(const std::vector<ClassInfo>& classes, std::string_view place) {
  check_class_count(classes.size(), place);
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const std::string which = "class " + std::to_string(i);
    if (classes[i].id.empty()) throw Error(place, which + " has an empty id");
    check_text(classes[i].id, which + "'s id", place);
    check_text(classes[i].name, which + "'s name", place);
  }
  if (const auto twice = repeated_id(classes)) throw Error(place, "class id '" + *twice + "' occurs twice");
  if (const auto alike = alike_classes(classes)) {
    throw Error(place, alike_complaint(classes[alike->first].id, classes[alike->second].id));
  }
}

void append_class(std::vector<ClassInfo>& classes, const json& entry, std::string_view place) {
  const JsonObject object(entry, "class " + std::to_string(classes.size()), place);
  object.check_keys({"id"}, {"name"});
  check_class_count(classes.size() + 1, place);
  classes.push_back({object.text("id"), object.has("name") ? object.text("name") : ""});
}

// What the text of metadata, and what is made of it, take at most. Values but those of the class table are
// held together.
std::uint64_t parsing_bytes(std::string_view text) {
  constexpr std::uint64_t kTexts = 5;  // as read, of each value, in the table and its copy, to compare
  constexpr std::uint64_t kBytesAValue = 128;
  const auto count = [&](char c) { return static_cast<std::uint64_t>(std::ranges::count(text, c)); };
  const std::uint64_t classes = std::min<std::uint64_t>(count('{'), kMaxClasses);
  const std::uint64_t values = std::min<std::uint64_t>(count(','), kMaxJsonValues);
  return kTexts * text.size() + kBytesAClass * classes + kBytesAValue * values;
}

void check_range(int value, int least, int most, std::string_view what, std::string_view place) {
  if (value < least || value > most) {
    throw Error(place, std::string(what) + " " + std::to_string(value) + " is not from " +
                           std::to_string(least) + " to " + std::to_string(most));
  }
}

void check_channels(int channels, std::string_view place) {
  if (channels != 1 && channels != 3) {
    throw Error(place, "channels " + std::to_string(channels) + " is neither 1 nor 3");
  }
}

void check_preprocessing(const Preprocessing& preprocessing, std::string_view place) {
  check_range(preprocessing.size, 0, kMaxImageSide, "preprocessing size", place);
  for (const int value : preprocessing.background) check_range(value, 0, kByteMax, "background", place);
  if (preprocessing.filter != Preprocessing().filter) {
    throw Error(place, "preprocessing filter '" + shortened(preprocessing.filter, kLongestFilter) +
                           "' is not known: only " + Preprocessing().filter + " is");
  }
}

std::string size_text(const DatasetInfo& info) {
  return std::to_string(info.width) + "x" + std::to_string(info.height) + "x" + std::to_string(info.channels);
}

std::string class_difference(const std::vector<ClassInfo>& a, const std::vector<ClassInfo>& b) {
  if (a.size() != b.size()) {
    return count_of(a.size(), "class") + " against " + std::to_string(b.size());
  }
  const auto [in_a, in_b] = std::mismatch(a.begin(), a.end(), b.begin());
  if (in_a == a.end()) return {};
  const auto text_of = [](const ClassInfo& one) { return one.id + (one.name.empty() ? "" : " " + one.name); };
  std::string text = "class " + std::to_string(in_a - a.begin()) + " is '" + text_of(*in_a) + "' against '" +
                     text_of(*in_b) + "'";
  // Unicode has several codes for letters with marks, and blanks that look like others.
  const std::string a_text = text_of(*in_a);
  const std::string b_text = text_of(*in_b);
  const auto beyond_ascii = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
  if (std::ranges::any_of(a_text + b_text, beyond_ascii)) {
    text += " (" + in_bytes(a_text, b_text) + ")";
  }
  return text;
}

json to_json(const ClassInfo& one) {
  json entry = {{"id", one.id}};
  if (!one.name.empty()) entry["name"] = one.name;
  return entry;
}

}  // namespace

std::string class_text_complaint(const std::string& text) {
  if (has_control(text)) return "has a control character";
  return is_utf8(text) ? "" : "is not UTF-8";
}

json to_json(const Preprocessing& preprocessing) {
  return {
      {"size", preprocessing.size},
      {"gray", preprocessing.gray},
      {"exif", preprocessing.exif},
      {"background", {preprocessing.background[0], preprocessing.background[1], preprocessing.background[2]}},
      {"filter", preprocessing.filter}};
}

Preprocessing preprocessing_from_json(const json& value, std::string_view place) {
  const JsonObject object(value, "preprocessing", place);
  object.check_keys({"size", "gray", "exif", "background", "filter"});
  Preprocessing preprocessing;
  preprocessing.size = object.integer("size", 0, kMaxImageSide);
  preprocessing.gray = object.boolean("gray");
  preprocessing.exif = object.boolean("exif");
  std::ranges::copy(object.integers("background", std::size(preprocessing.background), 0, kByteMax),
                    preprocessing.background);
  preprocessing.filter = object.text("filter");
  check_preprocessing(preprocessing, place);
  return preprocessing;
}

json to_json(const std::vector<ClassInfo>& classes) {
  json list = json::array();
  for (const ClassInfo& one : classes) list.push_back(to_json(one));
  return list;
}

json to_json(const DatasetInfo& info) {
  return {{"width", info.width},
          {"height", info.height},
          {"channels", info.channels},
          {"codec", codec_name(info.codec)},
          {"classes", to_json(info.classes)},
          {"preprocessing", to_json(info.preprocessing)}};
}

std::string dataset_text(const DatasetInfo& info) {
  constexpr std::string_view kEmpty = "\"classes\":[";  // only "channels", a number, is before it
  const DatasetInfo without{.width = info.width,
                            .height = info.height,
                            .channels = info.channels,
                            .codec = info.codec,
                            .classes = {},
                            .preprocessing = info.preprocessing};
  const std::string text = to_json(without).dump();
  const std::size_t at = text.find(kEmpty) + kEmpty.size();
  std::string whole = text.substr(0, at);
  // Some at a time, as a serializer is made for each text.
  for (std::size_t from = 0; from < info.classes.size(); from += kClassesAtOnce) {
    const auto some = std::span(info.classes).subspan(from);
    json list = json::array();
    for (const ClassInfo& one : some.first(std::min(some.size(), kClassesAtOnce))) {
      list.push_back(to_json(one));
    }
    const std::string block = list.dump();
    if (from > 0) whole += ',';
    whole.append(block, 1, block.size() - 2);  // without the brackets
  }
  return whole + text.substr(at);
}

DatasetInfo parse_dataset_info(std::string_view text, std::string_view place, std::string_view json_place,
                               std::uint64_t json_offset, const MemoryLimit& memory) {
  require_counted_memory(parsing_bytes(text), memory, place, "metadata of " + format_bytes(text.size()));
  DatasetInfo info;
  const TakeElement take = [&](const json& entry) { append_class(info.classes, entry, place); };
  const json value = parse_json_but_array(text, "classes", take, json_place, json_offset);
  const JsonObject object(value, "metadata", place);
  object.check_keys({"width", "height", "channels", "codec", "classes", "preprocessing"});
  info.width = object.integer("width", 1, kMaxImageSide);
  info.height = object.integer("height", 1, kMaxImageSide);
  info.channels = object.integer("channels", 1, 3);
  check_channels(info.channels, place);
  const std::string codec = object.text("codec");
  if (codec != codec_name(Codec::raw) && codec != codec_name(Codec::jpeg)) {
    throw Error(place, "codec '" + codec + "' is neither raw nor jpeg");
  }
  info.codec = codec == codec_name(Codec::raw) ? Codec::raw : Codec::jpeg;
  if (!object.member("classes").is_array()) throw Error(place, "classes are not a JSON array");
  check_classes(info.classes, place);
  info.preprocessing = preprocessing_from_json(object.member("preprocessing"), place);
  return info;
}

void check_dataset_info(const DatasetInfo& info, std::string_view place) {
  check_range(info.width, 1, kMaxImageSide, "width", place);
  check_range(info.height, 1, kMaxImageSide, "height", place);
  check_channels(info.channels, place);
  check_classes(info.classes, place);
  check_preprocessing(info.preprocessing, place);
}

std::uint64_t image_bytes(const DatasetInfo& info) {
  return static_cast<std::uint64_t>(info.width) * static_cast<std::uint64_t>(info.height) *
         static_cast<std::uint64_t>(info.channels);
}

std::string describe_difference(const DatasetInfo& a, const DatasetInfo& b, CompareCodec codec) {
  if (size_text(a) != size_text(b)) return "size " + size_text(a) + " against " + size_text(b);
  if (std::string text = class_difference(a.classes, b.classes); !text.empty()) return text;
  if (a.preprocessing != b.preprocessing) {
    return "preprocessing " + to_json(a.preprocessing).dump() + " against " + to_json(b.preprocessing).dump();
  }
  if (codec == CompareCodec::yes && a.codec != b.codec) {
    return "codec " + std::string(codec_name(a.codec)) + " against " + std::string(codec_name(b.codec));
  }
  return {};
}

std::string_view codec_name(Codec codec) { return codec == Codec::raw ? "raw" : "jpeg"; }

}  // namespace convoy
