// One function object out of several, for std::visit: an alternative that none of them takes does not
// compile.
#pragma once

namespace convoy {

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace convoy
