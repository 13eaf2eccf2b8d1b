// What a shard says about its records as a whole: their size, the class table and how the images were
// prepared. Weights files keep it, so that `eval` and `predict` prepare images exactly as `train` got them.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/memory.h"

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

// How imgprep made the pixels of a shard.
struct Preprocessing {
  int size = 256;                  // shorter side and square crop; 0: size not changed (--size=none)
  bool gray = false;               // one channel
  bool exif = false;               // orientation applied
  int background[3] = {0, 0, 0};   // under transparent pixels, R G B  (NOLINT: plain struct)
  std::string filter = "bicubic";  // resampling: antialiased Catmull-Rom (a = -0.5)
  bool operator==(const Preprocessing&) const = default;
};

// A data set, whose images all have the same size.
struct DatasetInfo {
  int width = 0;
  int height = 0;
  int channels = 0;  // 1 or 3
  Codec codec = Codec::raw;
  std::vector<ClassInfo> classes;  // empty: unlabelled
  Preprocessing preprocessing;
  bool operator==(const DatasetInfo&) const = default;
};

// Conversion to and from JSON objects, the form in which shards and weights files store these structures.
// Reading checks every value and throws Error(place, reason). A key that the format does not have is an error
// too, since the reader would not do what it asks for.
[[nodiscard]] nlohmann::json to_json(const Preprocessing& preprocessing);
[[nodiscard]] Preprocessing preprocessing_from_json(const nlohmann::json& value, std::string_view place);
[[nodiscard]] nlohmann::json to_json(const std::vector<ClassInfo>& classes);
[[nodiscard]] nlohmann::json to_json(const DatasetInfo& info);
// The text of that object. The class table, of a million classes perhaps, is never held as JSON.
[[nodiscard]] std::string dataset_text(const DatasetInfo& info);
// From the JSON text, whose class table is never held as JSON. Also throws what parse_json() does, with
// `json_place` and `json_offset` as the place of the text, and what require_memory() does if the text and
// what is made of it would take more memory than there is.
[[nodiscard]] DatasetInfo parse_dataset_info(std::string_view text, std::string_view place,
                                             std::string_view json_place, std::uint64_t json_offset = 0,
                                             const MemoryLimit& memory = {});
// What a class takes in memory besides its texts: in the table while it grows, in its copies, and in what
// finds it by its ID.
inline constexpr std::uint64_t kBytesAClass = 8 * sizeof(ClassInfo);

// Why the text cannot be the id or name of a class: "is not UTF-8" or "has a control character"; empty if
// it can.
[[nodiscard]] std::string class_text_complaint(const std::string& text);

// Throws Error(place, reason) if a value is out of range, a class id is empty or occurs twice or looks like
// another (alike_classes()), or a class id or name is not UTF-8 or has control characters (class tables are
// lines of text).
void check_dataset_info(const DatasetInfo& info, std::string_view place);

// Bytes of one image: height x width x channels.
[[nodiscard]] std::uint64_t image_bytes(const DatasetInfo& info);

// The first difference, for messages: "10 classes against 5", "size 256x256x3 against 224x224x3"; empty if
// there is none.
enum class CompareCodec { no, yes };
[[nodiscard]] std::string describe_difference(const DatasetInfo& a, const DatasetInfo& b, CompareCodec codec);
[[nodiscard]] std::string_view codec_name(Codec codec);  // "raw", "jpeg"

// Key of the __metadata__ of a mean file: the Preprocessing of its images as JSON.
inline constexpr const char* kMetaPreprocessing = "convoy.preprocessing";

}  // namespace convoy
