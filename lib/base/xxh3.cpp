#include "lib/base/xxh3.h"

// Inlined, xxHash is compiled for this machine's vector units, not for the oldest ones that the distribution
// supports. GCC's own AVX-512 intrinsics then warn of their undefined arguments (GCC bug 105593).
#define XXH_INLINE_ALL
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <xxhash.h>
#pragma GCC diagnostic pop

namespace convoy {

struct Xxh3::State {
  XXH3_state_t hash;
};

void Xxh3::Release::operator()(State* state) const { delete state; }

std::uint64_t xxh3(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

Xxh3::Xxh3() : state_(new State) { XXH3_64bits_reset(&state_->hash); }

void Xxh3::add(std::span<const std::byte> bytes) {
  XXH3_64bits_update(&state_->hash, bytes.data(), bytes.size());
}

std::uint64_t Xxh3::value() const { return XXH3_64bits_digest(&state_->hash); }

}  // namespace convoy
