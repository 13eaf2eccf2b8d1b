#include "lib/prep/image_input.h"

namespace convoy {

void set_failure(ImageInput& input, const Damage& damage) {
  input.place = damage.where();
  input.failure = damage.reason;
  input.loss = damage.loss;
}

void set_failure(ImageInput& input, const Error& error) {
  const bool about_it = error.place() == input.place;
  input.failure = about_it ? error.reason() : error.what();
  if (about_it) input.place = error.where();
}

}  // namespace convoy
