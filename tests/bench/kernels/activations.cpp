// The layers between the products: lrn, lrn_map, pooling, relu, tanh and logistic, in the shapes of AlexNet
// and of the CIFAR-10 nets.
#include <omp.h>

#include "kernels/logistic.h"
#include "kernels/lrn.h"
#include "kernels/lrn_map.h"
#include "kernels/lrn_pool.h"
#include "kernels/pool.h"
#include "kernels/relu.h"
#include "kernels/tanh.h"
#include "tests/bench/kernels/kernel_case.h"

namespace convoy::bench {
namespace {

constexpr int kBlock = 16;

template <typename T>
double bytes_of(const TensorShape& shape) {
  return static_cast<double>(shape.elements()) * sizeof(T);
}

template <typename T>
void add_lrn(std::vector<Kernel>& kernels, const std::string& name, const TensorShape& tensor, int groups) {
  const LrnShape shape{tensor, 5, 2.0F, 1e-4F, 0.75F, groups};
  const auto scratch = [shape] {
    return small_values<float>(cpu::lrn_scratch(shape) * omp_get_max_threads());
  };
  const std::string type(element_name(kElementOf<T>));
  kernels.push_back({name + "/forward/" + type, kElementOf<T>, [=] {
                       const auto x = small_values<T>(tensor.elements());
                       const auto y = small_values<T>(tensor.elements());
                       const auto room = scratch();
                       return KernelCase{
                           0.0, 2 * bytes_of<T>(tensor), [=] {
                             cpu::lrn_forward(shape, x.data(), y.data(), {room.data(), room.size()});
                           }};
                     }});
  kernels.push_back(
      {name + "/backward/" + type, kElementOf<T>, [=] {
         const auto x = small_values<T>(tensor.elements());
         const auto dy = small_values<T>(tensor.elements());
         const auto dx = small_values<T>(tensor.elements());
         const auto room = scratch();
         return KernelCase{
             0.0, 3 * bytes_of<T>(tensor), [=] {
               cpu::lrn_backward(shape, x.data(), dy.data(), dx.data(), true, {room.data(), room.size()});
             }};
       }});
}

template <typename T>
void add_lrn_map(std::vector<Kernel>& kernels, const std::string& name, const TensorShape& tensor, int size) {
  const LrnMapShape shape{tensor, size, 1.0F, 4e-5F, 0.75F};
  const std::string type(element_name(kElementOf<T>));
  for (const bool forward : {true, false}) {
    kernels.push_back(
        {name + (forward ? "/forward/" : "/backward/") + type, kElementOf<T>, [=] {
           const auto x = small_values<T>(tensor.elements());
           const auto dy = small_values<T>(tensor.elements());
           const auto to = small_values<T>(tensor.elements());
           const auto room = small_values<float>(cpu::lrn_map_scratch(shape) * omp_get_max_threads());
           return KernelCase{
               0.0, (forward ? 2 : 3) * bytes_of<T>(tensor), [=] {
                 if (forward) {
                   cpu::lrn_map_forward<T>(shape, x.data(), to.data(), {room.data(), room.size()});
                 } else {
                   cpu::lrn_map_backward<T>(shape, x.data(), dy.data(), to.data(), true,
                                            {room.data(), room.size()});
                 }
               }};
         }});
  }
}

template <typename T>
void add_lrn_maxpool(std::vector<Kernel>& kernels, const std::string& name, const PoolShape& pool,
                     int groups) {
  const LrnPoolShape shape{{pool.in, 5, 2.0F, 1e-4F, 0.75F, groups}, pool, true, false};
  const std::string type(element_name(kElementOf<T>));
  const auto where_bytes = static_cast<double>(pool.out.elements()) * sizeof(LrnPoolIndex);
  kernels.push_back(
      {name + "/forward/" + type, kElementOf<T>, [=] {
         const auto x = small_values<T>(pool.in.elements());
         const auto y = small_values<T>(pool.out.elements());
         const auto where = Values<LrnPoolIndex>(pool.out.elements());
         const auto room = small_values<T>(cpu::lrn_pool_scratch(shape) * omp_get_max_threads());
         return KernelCase{
             0.0, bytes_of<T>(pool.in) + bytes_of<T>(pool.out) + where_bytes, [=] {
               cpu::lrn_pool_forward<T>(shape, x.data(), y.data(), where.data(), {room.data(), room.size()});
             }};
       }});
  kernels.push_back({name + "/backward/" + type, kElementOf<T>, [=] {
                       const auto x = small_values<T>(pool.in.elements());
                       const auto dx = small_values<T>(pool.in.elements());
                       const auto dy = small_values<T>(pool.out.elements());
                       const auto where = Values<LrnPoolIndex>(pool.out.elements());
                       return KernelCase{
                           0.0, 2 * bytes_of<T>(pool.in) + bytes_of<T>(pool.out) + where_bytes, [=] {
                             cpu::lrn_pool_backward<T>(shape, x.data(), where.data(), dy.data(), dx.data());
                           }};
                     }});
}

template <typename T>
void add_maxpool(std::vector<Kernel>& kernels, const std::string& name, const PoolShape& shape) {
  const std::string type(element_name(kElementOf<T>));
  const double where_bytes = static_cast<double>(shape.out.elements()) * sizeof(PoolIndex);
  const double moved = bytes_of<T>(shape.in) + bytes_of<T>(shape.out) + where_bytes;
  kernels.push_back({name + "/forward/" + type, kElementOf<T>, [=] {
                       const auto x = small_values<T>(shape.in.elements());
                       const auto y = small_values<T>(shape.out.elements());
                       const auto where = Values<PoolIndex>(shape.out.elements());
                       return KernelCase{
                           0.0, moved,
                           [=] { cpu::maxpool_forward(shape, false, x.data(), y.data(), where.data()); }};
                     }});
  kernels.push_back({name + "/backward/" + type, kElementOf<T>, [=] {
                       const auto x = small_values<T>(shape.in.elements());
                       const auto dx = small_values<T>(shape.in.elements());
                       const auto y = small_values<T>(shape.out.elements());
                       const auto where = Values<PoolIndex>(shape.out.elements());
                       cpu::maxpool_forward(shape, false, x.data(), y.data(), where.data());
                       return KernelCase{0.0, moved, [=] {
                                           cpu::maxpool_backward<T>(shape, where.data(), y.data(), nullptr,
                                                                    dx.data());
                                         }};
                     }});
}

template <typename T>
void add_avgpool(std::vector<Kernel>& kernels, const std::string& name, const PoolShape& shape) {
  const std::string type(element_name(kElementOf<T>));
  const double moved = bytes_of<T>(shape.in) + bytes_of<T>(shape.out);
  for (const bool forward : {true, false}) {
    kernels.push_back({name + (forward ? "/forward/" : "/backward/") + type, kElementOf<T>, [=] {
                         const auto large = small_values<T>(shape.in.elements());
                         const auto small = small_values<T>(shape.out.elements());
                         return KernelCase{0.0, moved, [=] {
                                             if (forward) {
                                               cpu::avgpool_forward(shape, false, large.data(), small.data());
                                             } else {
                                               cpu::avgpool_backward<T>(shape, small.data(), nullptr,
                                                                        large.data());
                                             }
                                           }};
                       }});
  }
}

template <typename T>
void add_elementwise(std::vector<Kernel>& kernels, const TensorShape& shape) {
  using Forward = std::function<void(const T*, T*)>;
  using Backward = std::function<void(const T*, const T*, T*)>;
  const std::int64_t count = shape.elements();
  const std::string type(element_name(kElementOf<T>));
  const double bytes = static_cast<double>(count) * sizeof(T);
  const auto add = [&](const std::string& name, const Forward& forward, const Backward& backward) {
    kernels.push_back({name + "/forward/" + type, kElementOf<T>, [=] {
                         const auto x = small_values<T>(count);
                         const auto y = small_values<T>(count);
                         return KernelCase{0.0, 2 * bytes, [=] { forward(x.data(), y.data()); }};
                       }});
    kernels.push_back({name + "/backward/" + type, kElementOf<T>, [=] {
                         const auto y = small_values<T>(count);
                         const auto dy = small_values<T>(count);
                         const auto dx = small_values<T>(count);
                         return KernelCase{0.0, 3 * bytes, [=] { backward(y.data(), dy.data(), dx.data()); }};
                       }});
  };
  const auto add_flat = [&](const std::string& name, auto* forward, auto* backward) {
    add(
        name, [=](const T* x, T* y) { forward(count, x, y); },
        [=](const T* y, const T* dy, T* dx) { backward(count, y, dy, dx); });
  };
  add_flat("relu", cpu::relu_forward<T>, cpu::relu_backward<T>);
  add_flat("tanh", cpu::tanh_forward<T>, cpu::tanh_backward<T>);
  add(
      "logistic", [=](const T* x, T* y) { cpu::logistic_forward(shape, x, y); },
      [=](const T* y, const T* dy, T* dx) { cpu::logistic_backward(shape, y, dy, dx); });
}

template <typename T>
void add_all(std::vector<Kernel>& kernels, int batch) {
  const TensorShape conv1{batch, 96, 55, 55, kBlock};
  const TensorShape conv2{batch, 256, 27, 27, kBlock};
  add_lrn<T>(kernels, "lrn1", conv1, 1);
  add_lrn<T>(kernels, "lrn2", conv2, 1);
  add_lrn<T>(kernels, "lrn1-groups", conv1, 2);
  add_lrn<T>(kernels, "lrn2-groups", conv2, 2);
  add_lrn_map<T>(kernels, "lrn-map2", conv2, 5);
  add_lrn_map<T>(kernels, "lrn-map-cifar", {batch, 32, 16, 16, kBlock}, 3);
  const PoolShape pool1{conv1, {batch, 96, 27, 27, kBlock}, 3, 3, 2, 0, 0};
  const PoolShape pool2{conv2, {batch, 256, 13, 13, kBlock}, 3, 3, 2, 0, 0};
  add_maxpool<T>(kernels, "maxpool1", pool1);
  add_maxpool<T>(kernels, "maxpool2", pool2);
  add_lrn_maxpool<T>(kernels, "lrn1+maxpool1", pool1, 1);
  add_lrn_maxpool<T>(kernels, "lrn2+maxpool2", pool2, 1);
  add_lrn_maxpool<T>(kernels, "lrn1+maxpool1-groups", pool1, 2);
  add_avgpool<T>(kernels, "avgpool", {{batch, 32, 16, 16, kBlock}, {batch, 32, 8, 8, kBlock}, 3, 3, 2, 0, 0});
  add_elementwise<T>(kernels, conv1);
}

}  // namespace

std::vector<Kernel> activation_kernels(int batch) {
  std::vector<Kernel> kernels;
  add_all<float>(kernels, batch);
  add_all<Bf16>(kernels, batch);
  return kernels;
}

}  // namespace convoy::bench
