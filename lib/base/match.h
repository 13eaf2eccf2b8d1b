// A choice by the alternative of a std::variant that does not compile until every alternative has a case.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

namespace convoy {

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

// Returns what the case for the variant's alternative returns; all cases return the same type. Each case is a
// function object that takes one alternative, with its type written out: `auto` would take those forgotten.
template <typename Variant, typename... Cases>
decltype(auto) match(const Variant& variant, Cases... cases) {
  const Overloaded<Cases...> overloaded{std::move(cases)...};
  return std::visit(
      [&]<typename Alternative>(const Alternative& alternative) -> decltype(auto) {
        static_assert(std::is_invocable_v<const Overloaded<Cases...>&, const Alternative&>,
                      "an alternative has no case");
        return overloaded(alternative);
      },
      variant);
}

}  // namespace convoy
