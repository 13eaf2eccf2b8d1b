// What marks the contents of files: the bytes that they begin with, and what only the files of the project
// itself contain.
#pragma once

#include <string_view>

namespace convoy {

inline constexpr std::string_view kJpegMark{"\xff\xd8\xff"};
inline constexpr std::string_view kPngMark{"\x89PNG\r\n\x1a\n"};
inline constexpr std::string_view kGzipMark{"\x1f\x8b"};
inline constexpr std::string_view kZstdMark{"\x28\xb5\x2f\xfd"};
inline constexpr std::string_view kBzip2Mark{"BZh"};
inline constexpr std::string_view kXzMark{
    "\xfd"
    "7zXZ\0",
    6};

// Of each chunk of a shard.
inline constexpr std::string_view kShardMark{
    "\x89"
    "CVY\r\n\x1a\n"};

// Keys of the metadata in safetensors files: weights and checkpoints have the first two; only checkpoints
// have the third.
inline constexpr const char* kMetaNet = "convoy.net";
inline constexpr const char* kMetaDataset = "convoy.dataset";
inline constexpr const char* kMetaCheckpoint = "convoy.checkpoint";
// Only files of features have it.
inline constexpr const char* kMetaLayer = "convoy.layer";
// A tensor that only the files of meanimg have.
inline constexpr const char* kColorProductsTensor = "color_products";

}  // namespace convoy
