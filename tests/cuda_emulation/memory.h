// Memory of the emulated device: allocations with known bounds, initialised to a pattern that reads as NaN.
#pragma once

#include <cstddef>
#include <cstdint>

namespace convoy::emulation {

inline constexpr int kPoison = 0xFF;  // four such bytes are a NaN in fp32, two in bf16

// `bytes` of poisoned device memory, aligned to 256, or null if the emulated device has less left of its
// CONVOY_EMULATION_MEMORY bytes (8 GB if that is not set). Writes past the end are found when the memory
// is freed.
[[nodiscard]] void* allocate_device(std::uint64_t bytes);
void free_device(void* data);  // null is allowed
[[nodiscard]] std::uint64_t device_total_bytes();
[[nodiscard]] std::uint64_t device_free_bytes();
// Whether all of [at, at + bytes) lies in one allocation.
[[nodiscard]] bool is_device_memory(const void* at, std::uint64_t bytes);

// Tells AddressSanitizer that memory must not be touched, or may be again; does nothing in other builds.
void forbid(const void* at, std::size_t bytes);
void allow(const void* at, std::size_t bytes);

}  // namespace convoy::emulation
