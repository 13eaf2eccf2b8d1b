// Writes a drawing as PNG, SVG or PDF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/base/memory.h"
#include "lib/pictures/drawing.h"
#include "lib/pictures/fonts.h"

namespace convoy {

enum class PictureFormat { png, svg, pdf };

// The format that a file of this name has, by its extension in letters of any case; nothing if it is another.
[[nodiscard]] std::optional<PictureFormat> format_of(std::string_view name);

// Limits on a picture in pixels, with its scale; cairo's surfaces have no longer side.
inline constexpr int kMaxPictureSide = 32'000;
inline constexpr std::uint64_t kMaxPicturePixels = std::uint64_t{1} << 27;
inline constexpr int kMaxPictureScale = 8;

// The bytes of the file, which depend only on the drawing, the fonts of the machine and the versions of the
// libraries; of an SVG also on what this process has drawn before, since cairo numbers its parts. scale:
// pixels of a PNG for a length of one; SVG and PDF do not change. SVG shows letters as outlines, so that it
// looks the same without the fonts; the title and the texts are in its <title> and <desc>. Throws Error if
// the picture is larger than the limits or the memory.
[[nodiscard]] std::vector<std::byte> render(const Drawing& drawing, const Fonts& fonts, PictureFormat format,
                                            int scale, const MemoryLimit& memory = {});

}  // namespace convoy
