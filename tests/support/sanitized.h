// Whether AddressSanitizer is there: it takes memory and signals for itself.
#pragma once

namespace convoy::test {

#ifdef __SANITIZE_ADDRESS__
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace convoy::test
