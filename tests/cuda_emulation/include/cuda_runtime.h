// What nvcc provides without an include, for g++: the keywords and intrinsics of CUDA that this project's
// kernels use, implemented with tests/cuda_emulation/scheduler.h. Found before the toolkit's own file when
// kernels are compiled for the emulated device.
//
// `__shared__` is missing on purpose: kernels take shared memory from block_shared<T>() and
// dynamic_shared<T>() of kernels/cuda/launch.cuh, which poison and guard it here.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tests/cuda_emulation/scheduler.h"

// Keywords that are macros in the toolkit's headers too.
#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__

struct dim3 {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
  constexpr dim3(unsigned width = 1, unsigned height = 1, unsigned depth = 1)
      : x(width), y(height), z(depth) {}
};

#define threadIdx (::convoy::emulation::current_block->running->index)
#define blockIdx (::convoy::emulation::current_block->index)
#define blockDim (::convoy::emulation::current_block->shape->block)
#define gridDim (::convoy::emulation::current_block->shape->grid)

inline void __syncthreads(const convoy::emulation::CallSite where = convoy::emulation::CallSite::current()) {
  convoy::emulation::block_barrier("__syncthreads", where);
}

namespace convoy::emulation {

// One lane's part of a shuffle: at most 8 bytes, as bits.
struct Shuffle {
  std::uint64_t value = 0;
  unsigned source = 0;  // lane
  std::uint64_t result = 0;
};
inline void compute_shuffle(const std::array<Shuffle*, kWarpSize>& lanes) {
  for (Shuffle* lane : lanes) lane->result = lanes[lane->source]->value;
}

struct Vote {
  bool value = false;
  unsigned ballot = 0;
};
inline void compute_vote(const std::array<Vote*, kWarpSize>& lanes) {
  unsigned ballot = 0;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) ballot |= (lanes[lane]->value ? 1U : 0U) << lane;
  for (Vote* lane : lanes) lane->ballot = ballot;
}

inline void compute_nothing(const std::array<int*, kWarpSize>& /*lanes*/) {}

inline unsigned current_lane() { return current_block->running->lane(); }

inline void check_mask(unsigned mask, const char* what) {
  if (mask != 0xFFFFFFFFU) fault(std::string(what) + ": only whole warps (mask 0xFFFFFFFF) are supported");
}

template <typename T>
T shuffle(const char* what, unsigned mask, T value, unsigned source,
          const convoy::emulation::CallSite& where) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
  check_mask(mask, what);
  Shuffle mine;
  std::memcpy(&mine.value, &value, sizeof(T));
  mine.source = source % kWarpSize;
  warp_collective<Shuffle, compute_shuffle>(what, where, mine);
  T result;
  std::memcpy(&result, &mine.result, sizeof(T));
  return result;
}

inline unsigned vote(const char* what, unsigned mask, bool value, const convoy::emulation::CallSite& where) {
  check_mask(mask, what);
  Vote mine;
  mine.value = value;
  warp_collective<Vote, compute_vote>(what, where, mine);
  return mine.ballot;
}

}  // namespace convoy::emulation

inline void __syncwarp(unsigned mask = 0xFFFFFFFFU,
                       const convoy::emulation::CallSite where = convoy::emulation::CallSite::current()) {
  convoy::emulation::check_mask(mask, "__syncwarp");
  int nothing = 0;
  convoy::emulation::warp_collective<int, convoy::emulation::compute_nothing>("__syncwarp", where, nothing);
}
template <typename T>
T __shfl_sync(unsigned mask, T value, int source,
              const convoy::emulation::CallSite where = convoy::emulation::CallSite::current()) {
  return convoy::emulation::shuffle("__shfl_sync", mask, value, static_cast<unsigned>(source), where);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lanes,
                  const convoy::emulation::CallSite where = convoy::emulation::CallSite::current()) {
  const unsigned source = convoy::emulation::current_lane() ^ static_cast<unsigned>(lanes);
  return convoy::emulation::shuffle("__shfl_xor_sync", mask, value, source, where);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned lanes,
                   const convoy::emulation::CallSite where = convoy::emulation::CallSite::current()) {
  const unsigned lane = convoy::emulation::current_lane();
  const unsigned source = lane + lanes < convoy::emulation::kWarpSize ? lane + lanes : lane;
  return convoy::emulation::shuffle("__shfl_down_sync", mask, value, source, where);
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned lanes,
                 const convoy::emulation::CallSite where = convoy::emulation::CallSite::current()) {
  const unsigned lane = convoy::emulation::current_lane();
  const unsigned source = lane >= lanes ? lane - lanes : lane;
  return convoy::emulation::shuffle("__shfl_up_sync", mask, value, source, where);
}
inline unsigned __ballot_sync(
    unsigned mask, int predicate,
    const convoy::emulation::CallSite where = convoy::emulation::CallSite::current()) {
  return convoy::emulation::vote("__ballot_sync", mask, predicate != 0, where);
}
inline int __any_sync(unsigned mask, int predicate,
                      const convoy::emulation::CallSite where = convoy::emulation::CallSite::current()) {
  return convoy::emulation::vote("__any_sync", mask, predicate != 0, where) != 0 ? 1 : 0;
}
inline int __all_sync(unsigned mask, int predicate,
                      const convoy::emulation::CallSite where = convoy::emulation::CallSite::current()) {
  return convoy::emulation::vote("__all_sync", mask, predicate != 0, where) == 0xFFFFFFFFU ? 1 : 0;
}

template <typename T>
T __ldg(const T* at) {
  return *at;
}
inline void __threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }

// Blocks run on several host threads; these are atomic among them.
template <typename T>
T atomicAdd(T* at, std::type_identity_t<T> value) {
  return std::atomic_ref<T>(*at).fetch_add(value);
}
template <typename T>
T atomicExch(T* at, std::type_identity_t<T> value) {
  return std::atomic_ref<T>(*at).exchange(value);
}
template <typename T>
T atomicCAS(T* at, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  std::atomic_ref<T>(*at).compare_exchange_strong(expected, value);
  return expected;
}
template <typename T>
T atomicMax(T* at, std::type_identity_t<T> value) {
  std::atomic_ref<T> target(*at);
  T old = target.load();
  while (old < value && !target.compare_exchange_weak(old, value)) {
  }
  return old;
}
template <typename T>
T atomicMin(T* at, std::type_identity_t<T> value) {
  std::atomic_ref<T> target(*at);
  T old = target.load();
  while (value < old && !target.compare_exchange_weak(old, value)) {
  }
  return old;
}

inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __clz(int bits) { return std::countl_zero(static_cast<unsigned>(bits)); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((std::uint64_t{a} * b) >> 32);
}
