// The types that activations, and the weights that products read, are stored in.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

#include "lib/base/bf16.h"

namespace convoy {

enum class Element { f32, bf16 };

[[nodiscard]] constexpr std::size_t element_bytes(Element element) { return element == Element::f32 ? 4 : 2; }

// The name of options and reports: "fp32" or "bf16".
[[nodiscard]] constexpr std::string_view element_name(Element element) {
  return element == Element::f32 ? "fp32" : "bf16";
}

template <typename T>
inline constexpr Element kElementOf = Element::f32;
template <>
inline constexpr Element kElementOf<Bf16> = Element::bf16;

// Returns body(std::type_identity<T>()), where T is the element's type: float or Bf16.
template <typename Body>
decltype(auto) with_type_of(Element element, Body&& body) {
  if (element == Element::f32) return body(std::type_identity<float>());
  return body(std::type_identity<Bf16>());
}

}  // namespace convoy
