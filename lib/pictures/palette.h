// The colours of all pictures.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "lib/pictures/drawing.h"

namespace convoy {

inline constexpr Color kWhite{255, 255, 255};
inline constexpr Color kInk{34, 34, 34};      // of texts
inline constexpr Color kSoftInk{95, 95, 95};  // of captions and tick labels; 6:1 on white
inline constexpr Color kGrid{228, 228, 228};
inline constexpr Color kAxis{120, 120, 120};
inline constexpr Color kBand{246, 246, 246};  // of every other row of a table

// Colours that people with any kind of colour blindness tell apart (Okabe and Ito 2008, without their yellow,
// which is too light for a line on white), ordered so that neighbours differ in lightness.
inline constexpr std::array<Color, 7> kSeries{
    {{0, 114, 178}, {230, 159, 0}, {0, 0, 0}, {204, 121, 167}, {0, 120, 90}, {86, 180, 233}, {190, 75, 0}}};

// Bars: of the right class, and of others. In greyscale the right one is the darker.
inline constexpr Color kRightBar{236, 112, 20};
inline constexpr Color kOtherBar{190, 215, 236};
inline constexpr Color kBar{106, 158, 204};

// Between a at 0 and b at 1; t is clamped.
[[nodiscard]] inline Color mix(const Color& a, const Color& b, double t) {
  const double part = t > 0 ? (t < 1 ? t : 1) : 0;
  const auto channel = [&](std::uint8_t from, std::uint8_t to) {
    return static_cast<std::uint8_t>(std::lround(from + (to - from) * part));
  };
  return {channel(a.red, b.red), channel(a.green, b.green), channel(a.blue, b.blue)};
}

// From white at 0 to a dark blue at 1, ever darker: a share. Also in greyscale a larger share is darker.
[[nodiscard]] inline Color shade_of(double share) {
  constexpr std::array<Color, 5> kStops{
      {{255, 255, 255}, {198, 219, 239}, {107, 174, 214}, {33, 113, 181}, {8, 40, 92}}};
  const double place = (share > 0 ? (share < 1 ? share : 1) : 0) * (kStops.size() - 1);
  const auto stop = static_cast<std::size_t>(place);
  if (stop + 1 >= kStops.size()) return kStops.back();
  return mix(kStops[stop], kStops[stop + 1], place - static_cast<double>(stop));
}

// The lightness that an eye sees, from 0 to 1, roughly (Rec. 601's weights).
[[nodiscard]] inline double lightness(const Color& color) {
  return (0.299 * color.red + 0.587 * color.green + 0.114 * color.blue) / 255;
}

}  // namespace convoy
