// Texts of any script: how much room they take, with the fonts that the machine has.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "lib/pictures/drawing.h"

namespace convoy {

// Bytes of a text that are drawn at most: what is longer is shortened in its middle. A line of that many
// would be wider than any page, and shaping it takes time.
inline constexpr std::size_t kMaxDrawnBytes = 512;
inline constexpr double kAnyWidth = std::numeric_limits<double>::infinity();

// The text as it is drawn: control characters and bytes that are no UTF-8 are escaped by escape_controls().
[[nodiscard]] std::string drawable_text(std::string_view text);

struct TextSize {
  double width = 0;
  double height = 0;
};

struct FontHandles;

// The fonts of the machine, through Pango and fontconfig. Sizes do not depend on the format of the picture.
// Use from one thread.
class Fonts {
 public:
  // Throws Error if there is no font, and SystemError if the limit on address space is too low.
  Fonts();
  Fonts(const Fonts&) = delete;
  Fonts& operator=(const Fonts&) = delete;
  Fonts(Fonts&&) = delete;
  Fonts& operator=(Fonts&&) = delete;
  ~Fonts();

  // The room that a label takes: `text` is what drawable_text() gives.
  [[nodiscard]] TextSize measure(const std::string& text, const TextStyle& style, double most = kAnyWidth,
                                 int lines = 1) const;
  // The height of a line in Latin letters.
  [[nodiscard]] double line_height(const TextStyle& style) const;

  // For render().
  [[nodiscard]] const FontHandles& handles() const { return *handles_; }

 private:
  std::unique_ptr<FontHandles> handles_;
};

}  // namespace convoy
