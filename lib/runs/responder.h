// What predict answers an image with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "formats/image.h"

namespace convoy {

class Responder {
 public:
  Responder() = default;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  Responder(Responder&&) = delete;
  Responder& operator=(Responder&&) = delete;
  virtual ~Responder() = default;

  // What prepare(images) takes at least, whatever the number of threads.
  [[nodiscard]] virtual std::uint64_t least_bytes(std::size_t images) const = 0;
  // Why an image of that name can have no answer; empty if it can.
  [[nodiscard]] virtual std::string refusal(const std::string& /*name*/) const { return {}; }
  // Compiles what it takes to answer so many images at a time. Called once, before compute().
  virtual void prepare(std::size_t images) = 0;
  // Computes the answers to images that check_image() accepts, at most as many as it was prepared for.
  virtual void compute(std::span<const Image> images) = 0;
  // Writes the answer to image `index` of those of the last compute(), called in their order. Throws
  // NotFiniteError(place, ...) if an output of a net is not a number.
  virtual void answer(std::size_t index, const std::string& name, const std::string& place) = 0;
  // Writes why there is no answer, if that belongs to the output.
  virtual void reject(const std::string& name, const std::string& reason) = 0;
  // Completes the output.
  virtual void commit() = 0;
  // Whether what has been written is with its reader at once, and stands whatever happens later.
  [[nodiscard]] virtual bool is_stream() const = 0;
};

}  // namespace convoy
