// Marks a function that runs on both the host and the GPU: nvcc needs attributes that C++ does not have.
#pragma once

#ifdef __CUDACC__
#define CONVOY_HOST_DEVICE __host__ __device__
#else
#define CONVOY_HOST_DEVICE
#endif
