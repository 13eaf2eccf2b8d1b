// From the batches of the data side to those of the backends.
#pragma once

#include "lib/net/compiled_net.h"
#include "lib/runs/loader.h"

namespace convoy {

// The view lives as long as `batch` stays as it is.
[[nodiscard]] inline BatchView view_of(const Batch& batch) {
  return {.images = batch.images,
          .crops = batch.crops,
          .labels = batch.labels,
          .records = batch.records,
          .epochs = batch.epochs};
}

}  // namespace convoy
