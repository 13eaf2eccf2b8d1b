// Marks a function that both the host and the GPU run. nvcc wants to be told; the language has no word for
// it.
#pragma once

#ifdef __CUDACC__
#define CONVOY_HOST_DEVICE __host__ __device__
#else
#define CONVOY_HOST_DEVICE
#endif
