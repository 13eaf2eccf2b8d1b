#include "formats/dataset_info.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>

#include "lib/base/count.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

using nlohmann::json;

constexpr int kByteMax = 255;

// The keys are part of the format (man/convoy-shard.5): any other key is an error, since what it would ask
// for is not done here.
void check_keys(const json& value, std::initializer_list<std::string_view> required,
                std::initializer_list<std::string_view> optional, std::string_view what,
                std::string_view place) {
  const std::string where(what);
  if (!value.is_object()) throw Error(place, where + " is not a JSON object");
  for (const std::string_view key : required) {
    if (!value.contains(key)) throw Error(place, where + " lacks \"" + std::string(key) + "\"");
  }
  for (const auto& [key, unused] : value.items()) {
    const auto is_key = [&key = key](std::string_view one) { return one == key; };
    if (std::none_of(required.begin(), required.end(), is_key) &&
        std::none_of(optional.begin(), optional.end(), is_key)) {
      throw Error(place, where + " has the unknown key \"" + key + "\"");
    }
  }
}

int integer_of(const json& value, int least, int most, std::string_view what, std::string_view place) {
  // Compared as 64-bit numbers: 2^32 + 1 must not pass for 1.
  const bool fits =
      value.is_number_integer() &&
      !(value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{kMaxClasses}) &&
      value.get<std::int64_t>() >= least && value.get<std::int64_t>() <= most;
  if (!fits) {
    throw Error(place, std::string(what) + " is not a whole number from " + std::to_string(least) + " to " +
                           std::to_string(most));
  }
  return value.get<int>();
}

bool boolean_of(const json& value, std::string_view what, std::string_view place) {
  if (!value.is_boolean()) throw Error(place, std::string(what) + " is neither true nor false");
  return value.get<bool>();
}

std::string text_of(const json& value, std::string_view what, std::string_view place) {
  if (!value.is_string()) throw Error(place, std::string(what) + " is not a text");
  return value.get<std::string>();
}

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(json(text).dump());
    return true;
  } catch (const json::exception&) {
    return false;
  }
}

void check_text(const std::string& text, const std::string& what, std::string_view place) {
  const std::string complaint = class_text_complaint(text);
  if (!complaint.empty()) throw Error(place, what + " " + complaint);
}

void check_classes(const std::vector<ClassInfo>& classes, std::string_view place) {
  if (classes.size() > static_cast<std::size_t>(kMaxClasses)) {
    throw Error(place, std::to_string(classes.size()) + " classes are more than the limit of " +
                           std::to_string(kMaxClasses));
  }
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const std::string which = "class " + std::to_string(i);
    if (classes[i].id.empty()) throw Error(place, which + " has an empty id");
    check_text(classes[i].id, which + "'s id", place);
    check_text(classes[i].name, which + "'s name", place);
    if (!seen.insert(classes[i].id).second) {
      throw Error(place, "class id '" + classes[i].id + "' occurs twice");
    }
  }
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
  if (preprocessing.filter.empty()) throw Error(place, "preprocessing filter is empty");
  check_text(preprocessing.filter, "preprocessing filter", place);
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
  const auto quoted = [](const ClassInfo& one) {
    return "'" + one.id + (one.name.empty() ? "" : " " + one.name) + "'";
  };
  return "class " + std::to_string(in_a - a.begin()) + " is " + quoted(*in_a) + " against " + quoted(*in_b);
}

}  // namespace

std::string class_text_complaint(const std::string& text) {
  constexpr unsigned char kFirstPrintable = 0x20;
  constexpr unsigned char kDelete = 0x7F;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < kFirstPrintable || byte == kDelete) return "has a control character";
  }
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
  check_keys(value, {"size", "gray", "exif", "background", "filter"}, {}, "preprocessing", place);
  Preprocessing preprocessing;
  preprocessing.size = integer_of(value["size"], 0, kMaxImageSide, "preprocessing size", place);
  preprocessing.gray = boolean_of(value["gray"], "preprocessing gray", place);
  preprocessing.exif = boolean_of(value["exif"], "preprocessing exif", place);
  const json& background = value["background"];
  if (!background.is_array() || background.size() != std::size(preprocessing.background)) {
    throw Error(place, "preprocessing background is not an array of 3 numbers");
  }
  for (std::size_t i = 0; i < background.size(); ++i) {
    preprocessing.background[i] = integer_of(background[i], 0, kByteMax, "background", place);
  }
  preprocessing.filter = text_of(value["filter"], "preprocessing filter", place);
  check_preprocessing(preprocessing, place);
  return preprocessing;
}

json to_json(const std::vector<ClassInfo>& classes) {
  json list = json::array();
  for (const ClassInfo& one : classes) {
    json entry = {{"id", one.id}};
    if (!one.name.empty()) entry["name"] = one.name;
    list.push_back(std::move(entry));
  }
  return list;
}

std::vector<ClassInfo> classes_from_json(const json& value, std::string_view place) {
  if (!value.is_array()) throw Error(place, "classes are not a JSON array");
  std::vector<ClassInfo> classes;
  classes.reserve(value.size());
  for (const json& entry : value) {
    check_keys(entry, {"id"}, {"name"}, "a class", place);
    classes.push_back({text_of(entry["id"], "a class id", place),
                       entry.contains("name") ? text_of(entry["name"], "a class name", place) : ""});
  }
  check_classes(classes, place);
  return classes;
}

json to_json(const DatasetInfo& info) {
  return {{"width", info.width},
          {"height", info.height},
          {"channels", info.channels},
          {"codec", codec_name(info.codec)},
          {"classes", to_json(info.classes)},
          {"preprocessing", to_json(info.preprocessing)}};
}

DatasetInfo dataset_info_from_json(const json& value, std::string_view place) {
  check_keys(value, {"width", "height", "channels", "codec", "classes", "preprocessing"}, {}, "metadata",
             place);
  DatasetInfo info;
  info.width = integer_of(value["width"], 1, kMaxImageSide, "width", place);
  info.height = integer_of(value["height"], 1, kMaxImageSide, "height", place);
  info.channels = integer_of(value["channels"], 1, 3, "channels", place);
  check_channels(info.channels, place);
  const std::string codec = text_of(value["codec"], "codec", place);
  if (codec != codec_name(Codec::raw) && codec != codec_name(Codec::jpeg)) {
    throw Error(place, "codec '" + codec + "' is neither raw nor jpeg");
  }
  info.codec = codec == codec_name(Codec::raw) ? Codec::raw : Codec::jpeg;
  info.classes = classes_from_json(value["classes"], place);
  info.preprocessing = preprocessing_from_json(value["preprocessing"], place);
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
