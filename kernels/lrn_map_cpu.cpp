#include "kernels/lrn_map.h"

#include <omp.h>

#include <algorithm>
#include <array>

#include "kernels/lrn_lanes.h"

namespace convoy::cpu {
namespace {

// A plane is what lies together of one image: the pixels of a block of channels. A row of it has width *
// block adjacent elements, in which horizontal neighbours are `block` elements apart, so that all layouts are
// worked on alike: sums over the columns of a window are kept for the rows that windows see, in rings of
// rows, and are added up over these rows. All sums are formed anew for every pixel: running sums would lose
// what is small beside the squares that have left the window.
struct Geometry {
  explicit Geometry(const LrnMapShape& shape)
      : height(shape.tensor.height),
        block(shape.tensor.block),
        elements(std::int64_t{shape.tensor.width} * shape.tensor.block),
        floats((elements + kLanes - 1) / kLanes * kLanes),
        rows(std::min(shape.reach(), shape.tensor.height - 1)),
        columns(std::min(shape.reach(), shape.tensor.width - 1)),
        halo(std::int64_t{columns} * block) {}

  int height;
  int block;
  std::int64_t elements;  // of a row
  std::int64_t floats;    // of a row in scratch: whole runs of lanes
  int rows;               // that a window reaches up and down; beyond the image's there are none
  int columns;            // and to the left and the right
  std::int64_t halo;      // zeros before and after a row whose columns are summed

  [[nodiscard]] int first_row(int h) const { return std::max(h - rows, 0); }
  [[nodiscard]] int end_row(int h) const { return std::min(h + rows + 1, height); }
};

// The last `count` rows, row h at h % count.
class Ring {
 public:
  Ring(float* memory, int count, std::int64_t floats) : memory_(memory), count_(count), floats_(floats) {}
  [[nodiscard]] float* row(int h) const { return memory_ + h % count_ * floats_; }

 private:
  float* memory_;
  int count_;
  std::int64_t floats_;
};

// One thread's scratch memory.
struct Scratch {
  Scratch(const Geometry& g, float* memory)
      : padded(memory + g.halo),
        sums(memory + 2 * g.halo + g.floats),
        zeros(sums + g.floats),
        squares(zeros + g.floats, 2 * g.rows + 1, g.floats),
        terms(zeros + g.floats * (2 * g.rows + 2), 2 * g.rows + 1, g.floats),
        direct(zeros + g.floats * (4 * g.rows + 3), g.rows + 1, g.floats) {
    std::fill_n(memory, 2 * g.halo + g.floats, 0.0F);
    std::fill_n(zeros, g.floats, 0.0F);
  }
  float* padded;  // a row with zeros around it
  float* sums;    // a row
  float* zeros;   // a row
  Ring squares;   // sums of x^2 over columns
  Ring terms;     // sums of dy * x * s^-(beta + 1) over columns
  Ring direct;    // dy * s^-beta
};
// padded, sums and zeros, the three rings, and a cache line to keep the threads apart.
std::int64_t scratch_floats(const Geometry& g) {
  return 2 * g.halo + g.floats * (3 + 2 * (2 * std::int64_t{g.rows} + 1) + g.rows + 1) + 16;
}

// The first `count` of kLanes elements, zero for the others.
template <typename T>
[[gnu::always_inline]] inline Lanes load_part(const T* from, std::int64_t count) {
  if (count >= kLanes) return load(from);
  std::array<float, kLanes> values{};
  for (std::int64_t l = 0; l < count; ++l) values[static_cast<std::size_t>(l)] = to_float(from[l]);
  return load(values.data());
}
template <typename T>
[[gnu::always_inline]] inline void store_part(const Lanes& lanes, T* to, std::int64_t count) {
  if (count >= kLanes) return store(lanes, to);
  std::array<float, kLanes> values{};
  store(lanes, values.data());
  for (std::int64_t l = 0; l < count; ++l) to[l] = from_float<T>(values[static_cast<std::size_t>(l)]);
}

// Asks for what comes a kilobyte later: a row of the image is read for the first time between much other
// work, and the processor's own guesses come too late.
template <typename T>
[[gnu::always_inline]] inline void prefetch_later(const T* from) {
  __builtin_prefetch(from + 1024 / sizeof(T));
}

// sums[i] = the sum of padded[i + j * block] for j from -reach to reach. kReach: the reach if there is code
// for it, else 0.
template <int kReach>
void sum_columns(const Geometry& g, const float* padded, float* sums) {
  const std::int64_t step = g.block;
  for (std::int64_t i = 0; i < g.floats; i += kLanes) {
    const float* const at = padded + i;
    Lanes sum = load(at);
    if constexpr (kReach == 0) {
      for (std::int64_t j = 1; j <= g.columns; ++j) sum = sum + (load(at - j * step) + load(at + j * step));
    } else {
#pragma GCC unroll 2
      for (int j = 1; j <= kReach; ++j) sum = sum + (load(at - j * step) + load(at + j * step));
    }
    store(sum, sums + i);
  }
}

// The sums over the rows of the window of row h, kLanes at a time.
template <int kReach>
class RowSums {
 public:
  RowSums(const Geometry& g, const Scratch& scratch, const Ring& ring, int h) {
    if constexpr (kReach == 0) {
      std::copy_n(ring.row(g.first_row(h)), g.floats, scratch.sums);
      for (int row = g.first_row(h) + 1; row < g.end_row(h); ++row) {
        const float* const from = ring.row(row);
#pragma omp simd
        for (std::int64_t i = 0; i < g.floats; ++i) scratch.sums[i] += from[i];
      }
      rows_[0] = scratch.sums;
    } else {
      int row = h - kReach;
      for (const float*& one : rows_) {
        one = row >= 0 && row < g.height ? ring.row(row) : scratch.zeros;
        ++row;
      }
    }
  }
  [[nodiscard, gnu::always_inline]] Lanes at(std::int64_t i) const {
    Lanes sum = load(rows_[0] + i);
#pragma GCC unroll 4
    for (std::size_t j = 1; j < kRows; ++j) sum = sum + load(rows_[j] + i);
    return sum;
  }

 private:
  static constexpr std::size_t kRows = 2 * kReach + 1;
  std::array<const float*, kRows> rows_;
};

// Leaves the sums over columns of the squares of a row in the ring.
template <int kReach, typename T>
void add_squares(const Geometry& g, const Scratch& scratch, const T* x, int h) {
  const T* const row = x + h * g.elements;
  for (std::int64_t i = 0; i < g.elements; i += kLanes) {
    prefetch_later(row + i);
    const Lanes value = load_part(row + i, g.elements - i);
    store(value * value, scratch.padded + i);
  }
  sum_columns<kReach>(g, scratch.padded, scratch.squares.row(h));
}

// Rows [first, last) of a plane.
template <int kReach, typename T>
void forward(const LrnMapShape& shape, const Geometry& g, const Scratch& scratch, const T* x, T* y, int first,
             int last) {
  int next = g.first_row(first);  // row whose squares come next
  for (int h = first; h < last; ++h) {
    for (; next < g.end_row(h); ++next) add_squares<kReach>(g, scratch, x, next);
    const RowSums<kReach> sums(g, scratch, scratch.squares, h);
    const std::int64_t row = h * g.elements;
    for (std::int64_t i = 0; i < g.elements; i += kLanes) {
      const std::int64_t left = g.elements - i;
      store_part(load_part(x + row + i, left) * lrn_powers(shape, LanesOf<1>{sums.at(i)}).power[0],
                 y + row + i, left);
    }
  }
}

// Leaves the sums over columns of the terms of a row in their ring, and dy * s^-beta in its own.
template <int kReach, typename T>
void add_terms(const LrnMapShape& shape, const Geometry& g, const Scratch& scratch, const T* x, const T* dy,
               int h) {
  const RowSums<kReach> sums(g, scratch, scratch.squares, h);
  const std::int64_t row = h * g.elements;
  float* const direct = scratch.direct.row(h);
  for (std::int64_t i = 0; i < g.elements; i += kLanes) {
    const std::int64_t left = g.elements - i;
    prefetch_later(dy + row + i);
    const LrnPowers<1> powers = lrn_powers(shape, LanesOf<1>{sums.at(i)});
    const Lanes straight = load_part(dy + row + i, left) * powers.power[0];
    store(straight, direct + i);
    store(straight * load_part(x + row + i, left) * powers.inverse[0], scratch.padded + i);
  }
  sum_columns<kReach>(g, scratch.padded, scratch.terms.row(h));
}

template <int kReach, typename T>
void backward(const LrnMapShape& shape, const Geometry& g, const Scratch& scratch, const T* x, const T* dy,
              T* dx, bool relu_input, int first, int last) {
  const float factor = 2.0F * shape.scale * shape.beta;
  int next_term = g.first_row(first);
  int next_square = g.first_row(next_term);
  for (int h = first; h < last; ++h) {
    for (; next_term < g.end_row(h); ++next_term) {
      for (; next_square < g.end_row(next_term); ++next_square) {
        add_squares<kReach>(g, scratch, x, next_square);
      }
      add_terms<kReach>(shape, g, scratch, x, dy, next_term);
    }
    const RowSums<kReach> sums(g, scratch, scratch.terms, h);
    const std::int64_t row = h * g.elements;
    const float* const direct = scratch.direct.row(h);
    for (std::int64_t i = 0; i < g.elements; i += kLanes) {
      const std::int64_t left = g.elements - i;
      const Lanes value = load_part(x + row + i, left);
      const Lanes gradient{load(direct + i).v - factor * value.v * sums.at(i).v};
      store_part(relu_input ? relu_backward(value, gradient) : gradient, dx + row + i, left);
    }
  }
}

// Calls body(first element of a plane, first row, end of rows, this thread's scratch): whole planes if there
// are enough of them for the threads, otherwise bands of rows.
template <typename Body>
void for_each_band(const TensorShape& tensor, const Geometry& g, std::span<float> scratch, Body&& body) {
  const std::int64_t planes = std::int64_t{tensor.images} * tensor.blocks();
  const int threads = omp_get_max_threads();
  const int bands = planes >= threads ? 1 : std::min(threads, tensor.height);
  const std::int64_t each = scratch_floats(g);
#pragma omp parallel for collapse(2) schedule(static)
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    for (int band = 0; band < bands; ++band) {
      body(plane * g.height * g.elements, tensor.height * band / bands, tensor.height * (band + 1) / bands,
           Scratch(g, scratch.data() + each * omp_get_thread_num()));
    }
  }
}

// Calls body(std::integral_constant of the reach): that of all windows if there is code for it, else 0.
template <typename Body>
void with_reach(const Geometry& g, Body&& body) {
  if (g.rows == 1 && g.columns == 1) return body(std::integral_constant<int, 1>());
  if (g.rows == 2 && g.columns == 2) return body(std::integral_constant<int, 2>());
  body(std::integral_constant<int, 0>());
}

}  // namespace

std::int64_t lrn_map_scratch(const LrnMapShape& shape) { return scratch_floats(Geometry(shape)); }

template <typename T>
void lrn_map_forward(const LrnMapShape& shape, const T* x, T* y, std::span<float> scratch) {
  const Geometry g(shape);
  with_reach(g, [&](auto reach) {
    for_each_band(shape.tensor, g, scratch, [&](std::int64_t at, int first, int last, const Scratch& own) {
      forward<reach()>(shape, g, own, x + at, y + at, first, last);
    });
  });
}

template <typename T>
void lrn_map_backward(const LrnMapShape& shape, const T* x, const T* dy, T* dx, bool relu_input,
                      std::span<float> scratch) {
  const Geometry g(shape);
  with_reach(g, [&](auto reach) {
    for_each_band(shape.tensor, g, scratch, [&](std::int64_t at, int first, int last, const Scratch& own) {
      backward<reach()>(shape, g, own, x + at, dy + at, dx + at, relu_input, first, last);
    });
  });
}

template void lrn_map_forward<float>(const LrnMapShape&, const float*, float*, std::span<float>);
template void lrn_map_forward<Bf16>(const LrnMapShape&, const Bf16*, Bf16*, std::span<float>);
template void lrn_map_backward<float>(const LrnMapShape&, const float*, const float*, float*, bool,
                                      std::span<float>);
template void lrn_map_backward<Bf16>(const LrnMapShape&, const Bf16*, const Bf16*, Bf16*, bool,
                                     std::span<float>);

}  // namespace convoy::cpu
