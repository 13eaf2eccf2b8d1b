#include <cublasLt.h>
#include <dlfcn.h>

#include <string>

#include "kernels/cuda/gemm.h"
#include "kernels/cuda/library_paths.h"
#include "lib/base/error.h"

namespace convoy::cuda {
namespace {

constexpr std::uint64_t kWorkspaceBytes = std::uint64_t{32} << 20;  // NVIDIA's recommendation for Hopper

// If the library splits the depth into parts, their sums stay in fp32 and are not rounded to bf16 before they
// are added up.
constexpr std::uint32_t kReductions = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;

// The alignment of all pointers: d and the workspace come from cudaMalloc, a, b and bias may point into
// larger buffers.
constexpr std::uint32_t kAlignment = 16;

std::string library_name() { return "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR); }

// The functions of libcublasLt that this file uses, looked up at run time.
class Library {
 public:
  // Loaded for the first product and kept for the life of the process: the library takes hundreds of
  // megabytes and has state for each device, which a second net would only have to load again.
  static const Library& loaded() {
    static const Library one;
    return one;
  }

  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtDestroy) destroy = nullptr;
  decltype(&cublasLtMatmul) matmul = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
  decltype(&cublasLtMatmulDescCreate) desc_create = nullptr;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) layout_create = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set = nullptr;

 private:
  Library() {
    std::string reasons;
    for (const std::string& path : library_paths(library_name())) {
      handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
      if (handle_ != nullptr) break;
      const char* const reason = dlerror();
      reasons += std::string(reasons.empty() ? "" : "; ") + (reason == nullptr ? path.c_str() : reason);
    }
    if (handle_ == nullptr) {
      throw Error(library_name(),
                  "cannot be loaded; it comes with the CUDA toolkit and with PyTorch's wheels: " + reasons);
    }
    find(create, "cublasLtCreate");
    find(destroy, "cublasLtDestroy");
    find(matmul, "cublasLtMatmul");
    find(heuristic, "cublasLtMatmulAlgoGetHeuristic");
    find(desc_create, "cublasLtMatmulDescCreate");
    find(desc_destroy, "cublasLtMatmulDescDestroy");
    find(desc_set, "cublasLtMatmulDescSetAttribute");
    find(layout_create, "cublasLtMatrixLayoutCreate");
    find(layout_destroy, "cublasLtMatrixLayoutDestroy");
    find(preference_create, "cublasLtMatmulPreferenceCreate");
    find(preference_destroy, "cublasLtMatmulPreferenceDestroy");
    find(preference_set, "cublasLtMatmulPreferenceSetAttribute");
  }
  template <typename Function>
  void find(Function& function, const char* symbol) {
    function = reinterpret_cast<Function>(dlsym(handle_, symbol));
    if (function == nullptr) throw Error(library_name(), std::string("has no ") + symbol);
  }
  void* handle_ = nullptr;
};

void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS) {
    throw Error("GPU", std::string(what) + ": cuBLASLt status " + std::to_string(static_cast<int>(status)));
  }
}

// A handle of the library, destroyed with its owner, even if the owner's constructor throws.
template <typename Handle>
class Owned {
 public:
  explicit Owned(cublasStatus_t (*destroy)(Handle)) : destroy_(destroy) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Owned(Owned&&) = delete;
  Owned& operator=(Owned&&) = delete;
  ~Owned() {
    if (handle_ != nullptr) static_cast<void>(destroy_(handle_));
  }
  [[nodiscard]] Handle get() const { return handle_; }
  [[nodiscard]] Handle* place() { return &handle_; }  // where the library's create function puts it

 private:
  cublasStatus_t (*destroy_)(Handle);
  Handle handle_ = nullptr;
};

cudaDataType_t data_type(Element element) { return element == Element::f32 ? CUDA_R_32F : CUDA_R_16BF; }

}  // namespace

struct GemmContext::State {
  State() : workspace(kWorkspaceBytes, "scratch memory of cuBLASLt") {
    check(library.create(handle.place()), "cuBLASLt");
  }

  const Library& library = Library::loaded();
  DeviceBuffer workspace;
  Owned<cublasLtHandle_t> handle{library.destroy};
};

GemmContext::GemmContext() : state_(std::make_unique<State>()) {}
GemmContext::GemmContext(GemmContext&&) noexcept = default;
GemmContext& GemmContext::operator=(GemmContext&&) noexcept = default;
GemmContext::~GemmContext() = default;

// cuBLASLt matrices are column-major, so it computes the transpose, d^T = op(b)^T * op(a)^T: a row-major
// matrix that is read column-major is its transpose. The bias runs along the rows of d.
struct Gemm::Plan {
  Plan(GemmContext::State& context, const GemmShape& wanted) : state(context), shape(wanted) {
    const Library& lt = state.library;
    check(lt.desc_create(operation.place(), CUBLAS_COMPUTE_32F, CUDA_R_32F), "product");
    set(CUBLASLT_MATMUL_DESC_TRANSA, shape.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_TRANSB, shape.a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (shape.epilogue != GemmEpilogue::none) {
      set(CUBLASLT_MATMUL_DESC_EPILOGUE,
          shape.epilogue == GemmEpilogue::bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_RELU_BIAS);
      set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, data_type(shape.out));
      // The heuristic does not read the bias, but assumes that it is aligned as this address is.
      set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, reinterpret_cast<const void*>(std::uintptr_t{kAlignment}));
    }
    make_layout(b, shape.in, shape.b_transposed ? shape.depth : shape.columns,
                shape.b_transposed ? shape.columns : shape.depth);
    make_layout(a, shape.in, shape.a_transposed ? shape.rows : shape.depth,
                shape.a_transposed ? shape.depth : shape.rows);
    make_layout(d, shape.out, shape.columns, shape.rows);
    choose();
  }
  template <typename Value>
  void set(cublasLtMatmulDescAttributes_t attribute, const Value& value) {
    check(state.library.desc_set(operation.get(), attribute, &value, sizeof value), "product");
  }

  void make_layout(Owned<cublasLtMatrixLayout_t>& layout, Element element, std::int64_t height,
                   std::int64_t width) {
    check(state.library.layout_create(layout.place(), data_type(element), static_cast<std::uint64_t>(height),
                                      static_cast<std::uint64_t>(width), height),
          "product");
  }

  // The library's own first choice, which depends only on the shape and the device. Timing the best few would
  // leave the choice to chance when they are close, and with it the order of the sums and the bits of a run.
  void choose() {
    const Library& lt = state.library;
    Owned<cublasLtMatmulPreference_t> preference(lt.preference_destroy);
    check(lt.preference_create(preference.place()), "product");
    // An attribute that the library refuses must not widen its choice unnoticed.
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
      check(lt.preference_set(preference.get(), attribute, &value, sizeof value), "choice of a product");
    };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspaceBytes);
    prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, kReductions);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, kAlignment);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, kAlignment);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, kAlignment);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, kAlignment);
    cublasLtMatmulHeuristicResult_t result = {};
    int found = 0;
    check(lt.heuristic(state.handle.get(), operation.get(), b.get(), a.get(), d.get(), d.get(),
                       preference.get(), 1, &result, &found),
          "choice of a product");
    if (found == 0 || result.state != CUBLAS_STATUS_SUCCESS)
      throw Error("GPU", "cuBLASLt has no way to do a product");
    algorithm = result.algo;
  }

  GemmContext::State& state;
  GemmShape shape;
  Owned<cublasLtMatmulDesc_t> operation{state.library.desc_destroy};
  Owned<cublasLtMatrixLayout_t> a{state.library.layout_destroy};
  Owned<cublasLtMatrixLayout_t> b{state.library.layout_destroy};
  Owned<cublasLtMatrixLayout_t> d{state.library.layout_destroy};
  cublasLtMatmulAlgo_t algorithm = {};
};

Gemm::Gemm(const GemmContext& context, const GemmShape& shape)
    : plan_(std::make_unique<Plan>(context.state(), shape)) {}
Gemm::Gemm(Gemm&&) noexcept = default;
Gemm& Gemm::operator=(Gemm&&) noexcept = default;
Gemm::~Gemm() = default;

void Gemm::run(const Stream& stream, const void* a, const void* b, const void* bias, void* d) const {
  const float one = 1.0F;
  const float zero = 0.0F;
  if (plan_->shape.epilogue != GemmEpilogue::none) plan_->set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  GemmContext::State& state = plan_->state;
  check(state.library.matmul(state.handle.get(), plan_->operation.get(), &one, b, plan_->b.get(), a,
                             plan_->a.get(), &zero, d, plan_->d.get(), d, plan_->d.get(), &plan_->algorithm,
                             state.workspace.data(), kWorkspaceBytes,
                             static_cast<cudaStream_t>(stream.handle())),
        "product");
}

}  // namespace convoy::cuda
