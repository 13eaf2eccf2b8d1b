// What a shard says about its records as a whole, and what a weights file keeps of it: the class table and
// how images were prepared, so that `eval` and `predict` repeat exactly what `train` saw.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace convoy {

inline constexpr int kMaxClasses = 1 << 20;
inline constexpr int kMaxImageSide = 65535;
inline constexpr int kNoLabel = -1;

// One class; its index in the table is the label.
struct ClassInfo {
  std::string id;    // "n01440764", a folder's name, or the label as text: unique in the table
  std::string name;  // readable, may be empty
  bool operator==(const ClassInfo&) const = default;
};

enum class Codec { raw, jpeg };

// How imgprep made the pixels.
struct Preprocessing {
  int size = 256;                  // shorter side and square crop; 0: sizes kept (--size=none)
  bool gray = false;               // one channel
  bool exif = false;               // orientation applied
  int background[3] = {0, 0, 0};   // under transparent pixels, R G B  (NOLINT: plain struct)
  std::string filter = "bicubic";  // resampling: antialiased Catmull-Rom (a = -0.5)
  bool operator==(const Preprocessing&) const = default;
};

// Images of one data set: all of one size.
struct DatasetInfo {
  int width = 0;
  int height = 0;
  int channels = 0;  // 1 or 3
  Codec codec = Codec::raw;
  std::vector<ClassInfo> classes;  // empty: unlabelled
  Preprocessing preprocessing;
  bool operator==(const DatasetInfo&) const = default;
};

// As JSON objects, the form in which shards and weights files store them. Reading checks every value and
// throws Error(place, reason).
[[nodiscard]] nlohmann::json to_json(const Preprocessing& preprocessing);
[[nodiscard]] Preprocessing preprocessing_from_json(const nlohmann::json& value, std::string_view place);
[[nodiscard]] nlohmann::json to_json(const std::vector<ClassInfo>& classes);
[[nodiscard]] nlohmann::json to_json(const DatasetInfo& info);
[[nodiscard]] DatasetInfo dataset_info_from_json(const nlohmann::json& value, std::string_view place);

// What keeps a text from being a class's id or name: "is not UTF-8", "has a control character"; empty:
// nothing.
[[nodiscard]] std::string class_text_complaint(const std::string& text);

// Throws Error(place, reason) where a value is outside its range, a class id is empty, occurs twice or, like
// a class name, is not UTF-8 or has control characters (tables of classes are lines of text).
void check_dataset_info(const DatasetInfo& info, std::string_view place);

// Bytes of one image: height x width x channels.
[[nodiscard]] std::uint64_t image_bytes(const DatasetInfo& info);

// What differs, for messages: "10 classes against 5", "size 256x256x3 against 224x224x3"; empty where nothing
// does.
enum class CompareCodec { no, yes };
[[nodiscard]] std::string describe_difference(const DatasetInfo& a, const DatasetInfo& b, CompareCodec codec);
[[nodiscard]] std::string_view codec_name(Codec codec);  // "raw", "jpeg"

// Key of the __metadata__ of a mean file: the Preprocessing of its images as JSON.
inline constexpr const char* kMetaPreprocessing = "convoy.preprocessing";

}  // namespace convoy
