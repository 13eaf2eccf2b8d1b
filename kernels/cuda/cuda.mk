# The CUDA backend, compiled twice: by nvcc for GPUs, and by $(CXX) for the emulated device of the tests.
#
#   CUDA=auto|1|0               use nvcc if it is found; require it; do without it
#   CUDA_ARCHS='80 90'          compute capabilities to compile for; PTX for the last one is added
#
# $(CUDA_LIB) is the backend for GPUs, $(EMULATED_LIB) the same kernels on the emulated device. Both have the
# same symbols: a program links one of them, before $(LIB).

CUDA ?= auto
CUDA_ARCHS ?= 80 90
NVCC ?= nvcc
NVCC_PATH := $(shell command -v $(NVCC) 2>/dev/null)
HAVE_CUDA := $(if $(filter 0,$(CUDA)),,$(NVCC_PATH))
$(if $(filter 1,$(CUDA)),$(if $(NVCC_PATH),,$(error CUDA=1, but there is no $(NVCC))))

CUDA_KERNELS := $(wildcard kernels/*_cuda.cu)
CUDA_DEVICE := $(wildcard kernels/cuda/*_cuda.cu)
CUDA_COMMON := $(wildcard kernels/cuda/*.cpp)

# For GPUs. nvcc passes host code to $(CXX), without a wrapper such as ccache, since -ccbin takes one word.
CUDA_HOST_CXX := $(firstword $(filter-out %ccache %distcc,$(CXX)))
CUDA_HOME := $(if $(NVCC_PATH),$(abspath $(dir $(realpath $(NVCC_PATH)))/..))
# PTX of an architecture with a letter (90a) runs on no other GPU.
CUDA_LAST_ARCH := $(patsubst %f,%,$(patsubst %a,%,$(lastword $(CUDA_ARCHS))))
CUDA_CODE := $(foreach arch,$(CUDA_ARCHS),-gencode arch=compute_$(arch),code=sm_$(arch)) \
  -gencode arch=compute_$(CUDA_LAST_ARCH),code=compute_$(CUDA_LAST_ARCH)
NVCCFLAGS_ALL := -ccbin $(CUDA_HOST_CXX) -std=c++20 -O3 -lineinfo --expt-relaxed-constexpr -Werror cross-execution-space-call \
  -Xcompiler -Wall,-Wextra,-Wno-unknown-pragmas,-pthread,-fPIC $(HARDENED:%=-Xcompiler %) -I. $(CUDA_CODE) $(NVCCFLAGS)
CUDA_LIBS := -L$(CUDA_HOME)/lib64 -lcudart_static -ldl -lrt -pthread
# The same in every MODE, so nvcc compiles each file only once.
CUDA_OUT := build/cuda
CUDA_CODE_OBJECTS := $(CUDA_KERNELS:%.cu=$(CUDA_OUT)/%.o) $(CUDA_DEVICE:%.cu=$(CUDA_OUT)/%.o)
CUDA_OBJECTS := $(CUDA_CODE_OBJECTS) $(call object,$(CUDA_COMMON))
CUDA_LIB := $(OUT)/libconvoy_cuda.a

$(CUDA_OUT)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(NVCC_PATH) $(NVCCFLAGS_ALL)' | cmp -s - $@ || \
	  printf '%s\n' '$(NVCC_PATH) $(NVCCFLAGS_ALL)' > $@

# ptxas's report on each kernel's registers is kept beside the object, for tests/check/cuda.
$(CUDA_OUT)/%.o: %.cu $(CUDA_OUT)/flags
	@mkdir -p $(@D)
	$(call say,NVCC,$<) $(NVCC) $(NVCCFLAGS_ALL) -Xptxas -v -MMD -MP -c -o $@ $< 2> $@.log || \
	  { cat $@.log >&2; exit 1; }
	@grep -i -A4 warning $@.log >&2 || :

# Everything that nvcc compiles, which is the same in every MODE; for tests/check/cuda.
.PHONY: cuda-objects
cuda-objects: $(CUDA_CODE_OBJECTS)

$(CUDA_LIB): $(CUDA_OBJECTS)
	@rm -f $@
	$(call say,AR,$@) $(AR) rcs $@ $^

# These tools run on GPUs; linked like this, they also start and work on machines without a driver. The other modes do
# this only if CUDA=1 requires it, since nvcc would compile everything once more.
CUDA_TOOLS := train eval predict
ifneq ($(if $(filter release,$(MODE))$(filter 1,$(CUDA)),$(HAVE_CUDA)),)
CUDA_PROGRAMS := $(CUDA_TOOLS:%=$(OUT)/bin/%)
$(CUDA_PROGRAMS): $(OUT)/bin/%: $(OUT)/obj/tools/%.o $(OUT)/obj/lib/net/cuda/compiled.o $(CUDA_LIB) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CXX) $(LDFLAGS_ALL) -o $@ -Wl,--start-group $^ -Wl,--end-group $(CUDA_LIBS) $(LIBS)
$(OUT)/obj/lib/base/version.o: CPPFLAGS_ALL += -DCONVOY_WITH_CUDA
endif
# --version says whether a program has the CUDA backend.
$(OUT)/cuda/built: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CUDA_PROGRAMS)' | cmp -s - $@ || printf '%s\n' '$(CUDA_PROGRAMS)' > $@
$(OUT)/obj/lib/base/version.o: $(OUT)/cuda/built

# What runs on a real GPU: the tests, the benchmark, and the tools that the tests run. `make gpu` builds them in
# MODE=travel (for any x86-64-v3 processor, without symbols), so that one archive runs on a machine that has the
# driver and cuBLASLt, which comes with the toolkit and with PyTorch's wheels. All of the library and of the CUDA code
# is in one shared library, which the programs find beside them in lib/, with every other library that they need.
GPU := build/gpu
GPU_ARCHIVE := $(GPU).tar.xz
GPU_TESTS := $(patsubst tests/unit/cuda_%_test.cpp,%_test,\
  $(filter-out tests/unit/cuda_emulation_%,$(wildcard tests/unit/cuda_*_test.cpp)))
GPU_OWN_TESTS := $(patsubst tests/gpu/%.cpp,%,$(wildcard tests/gpu/*_test.cpp))
GPU_BENCH_SOURCES := $(wildcard tests/bench/gpu/*.cpp)
GPU_BENCH_KERNELS := $(wildcard tests/bench/gpu/*.cu)
ifeq ($(MODE),travel)
GPU_LIBRARY := $(GPU)/lib/libconvoy.so
# Not what draws: its libraries would have to travel, too.
GPU_TOOLS := $(filter-out $(DRAWING),$(TOOLS))
GPU_PROGRAMS := $(addprefix $(GPU)/,$(GPU_TESTS) $(GPU_OWN_TESTS) bench $(GPU_TOOLS))
# An RPATH, not a RUNPATH: it also finds the libraries that the libraries need.
GPU_LINK = $(call say,LINK,$@) mkdir -p $(@D) && $(CXX) $(LDFLAGS_ALL) -s -Wl,--disable-new-dtags -o $@

$(GPU_LIBRARY): $(CUDA_LIB) $(LIB)
	$(GPU_LINK) -shared -Wl,-soname,$(@F),-rpath,'$$ORIGIN' -Wl,--whole-archive $^ -Wl,--no-whole-archive $(CUDA_LIBS) $(LIBS)
# The objects of the tests of tests/unit, compiled without the headers of the emulated device.
$(OUT)/gpu/obj/%.o: tests/unit/cuda_%.cpp $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,CXX,$<) $(CXX) $(CPPFLAGS_ALL) $(CXXFLAGS_ALL) -MMD -MP -c -o $@ $<
$(GPU_TESTS:%=$(GPU)/%): $(GPU)/%: $(OUT)/gpu/obj/%.o
$(GPU_OWN_TESTS:%=$(GPU)/%): $(GPU)/%: $(OUT)/obj/tests/gpu/%.o
$(addprefix $(GPU)/,$(GPU_TESTS) $(GPU_OWN_TESTS)): $(OUT)/obj/tests/gpu/main.o $(call object,$(SUPPORT_SOURCES))
$(GPU)/bench: $(call object,$(GPU_BENCH_SOURCES)) $(GPU_BENCH_KERNELS:%.cu=$(CUDA_OUT)/%.o)
$(GPU_TOOLS:%=$(GPU)/%): $(GPU)/%: $(OUT)/obj/tools/%.o
$(GPU_PROGRAMS): $(GPU_LIBRARY)
	$(GPU_LINK) -Wl,-rpath,'$$ORIGIN/lib' $(filter %.o,$^) $(if $(filter %_test,$@),-lgtest) $(GPU_LIBRARY) $(CUDA_LIBS) $(LIBS)
$(GPU_ARCHIVE): $(GPU_PROGRAMS) $(wildcard tests/gpu/* tests/bench/gpu/* tests/count/* examples/nets/*)
	$(call say,PACK,$@) tests/gpu/pack '$@' '$(GPU)' $(GPU_PROGRAMS)
.PHONY: gpu
gpu: $(GPU_ARCHIVE)
else
.PHONY: gpu check-gpu bench-gpu
gpu: ## build/gpu.tar.xz: the programs of check-gpu and bench-gpu, to be copied to a machine with a GPU
	@$(if $(HAVE_CUDA),$(MAKE) --no-print-directory $(PARALLEL) MODE=travel CUDA=1 gpu,\
	  echo 'gpu: needs nvcc (CUDA toolkit 12 or 13), and not CUDA=0' >&2; exit 1)
check-gpu: gpu ## all tests of the CUDA backend on a GPU; fails if there is none
	@tests/gpu/run $(GPU)
bench-gpu: gpu ## times the CUDA backend beside cuDNN and PyTorch on a GPU
	@tests/bench/gpu/run $(GPU)
endif

# For the emulated device: tests/cuda_emulation/include comes before the toolkit and the root in the search path.
EMULATION_FLAGS := -Itests/cuda_emulation/include $(CPPFLAGS_ALL) $(CXXFLAGS_ALL) -Wno-unknown-pragmas
EMULATED_OBJECTS := $(CUDA_KERNELS:%.cu=$(OUT)/emulated/%.o) \
  $(patsubst %.cpp,$(OUT)/obj/%.o,$(CUDA_COMMON) $(wildcard tests/cuda_emulation/*.cpp))
EMULATED_LIB := $(OUT)/libconvoy_emulated.a
EMULATION_LIBS := -lboost_context

$(OUT)/emulated/%.o: %.cu $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,EMU,$<) $(CXX) $(EMULATION_FLAGS) -MMD -MP -x c++ -c -o $@ $<

$(EMULATED_LIB): $(filter-out %/test_main.o,$(EMULATED_OBJECTS))
	@rm -f $@
	$(call say,AR,$@) $(AR) rcs $@ $^

# tests/unit/cuda_*_test.cpp run on the emulated device.
$(OUT)/obj/tests/unit/cuda_%.o: tests/unit/cuda_%.cpp $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,EMU,$<) $(CXX) $(EMULATION_FLAGS) -MMD -MP -c -o $@ $<

# These tests have kernels of their own, so clang-tidy needs the emulated headers.
$(patsubst %,$(OUT)/tidy/%.ok,$(wildcard tests/unit/cuda_emulation_*.cpp)): CPPFLAGS_ALL := -Itests/cuda_emulation/include $(CPPFLAGS_ALL) \
  -Wno-unknown-pragmas

$(OUT)/test/cuda_%: $(OUT)/obj/tests/unit/cuda_%.o $(OUT)/obj/tests/cuda_emulation/test_main.o \
  $(call object,$(SUPPORT_SOURCES)) $(EMULATED_LIB) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CXX) $(LDFLAGS_ALL) -o $@ -Wl,--start-group $^ -Wl,--end-group -lgtest $(EMULATION_LIBS) $(LIBS)

# The tools on the emulated device: for tests that need whole programs.
EMULATED_TOOLS := $(CUDA_TOOLS:%=$(OUT)/emulated/bin/%)
.PHONY: emulated-tools
emulated-tools: $(EMULATED_TOOLS)
$(EMULATED_TOOLS): $(OUT)/emulated/bin/%: $(OUT)/obj/tools/%.o $(OUT)/obj/lib/net/cuda/compiled.o $(EMULATED_LIB) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CXX) $(LDFLAGS_ALL) -o $@ -Wl,--start-group $^ -Wl,--end-group $(EMULATION_LIBS) $(LIBS)

# What build/gpu has, on the emulated device: for tests of the scripts that run on a GPU. The tools are links, as the
# tests look for them beside themselves.
EMULATED_GPU := $(OUT)/emulated/gpu
EMULATED_GPU_PROGRAMS := $(addprefix $(EMULATED_GPU)/,$(GPU_TESTS) $(GPU_OWN_TESTS) bench $(TOOLS))
.PHONY: emulated-gpu
emulated-gpu: $(EMULATED_GPU_PROGRAMS)
EMULATED_LINK = $(call say,LINK,$@) mkdir -p $(@D) && $(CXX) $(LDFLAGS_ALL) -o $@ -Wl,--start-group $^ -Wl,--end-group
$(GPU_OWN_TESTS:%=$(EMULATED_GPU)/%): $(EMULATED_GPU)/%: $(OUT)/obj/tests/gpu/%.o $(OUT)/obj/tests/cuda_emulation/test_main.o \
  $(call object,$(SUPPORT_SOURCES)) $(EMULATED_LIB) $(LIB)
	$(EMULATED_LINK) -lgtest $(EMULATION_LIBS) $(LIBS)
$(EMULATED_GPU)/bench: $(call object,$(GPU_BENCH_SOURCES)) $(GPU_BENCH_KERNELS:%.cu=$(OUT)/emulated/%.o) $(EMULATED_LIB) $(LIB)
	$(EMULATED_LINK) $(EMULATION_LIBS) $(LIBS)
$(GPU_TESTS:%=$(EMULATED_GPU)/%): $(EMULATED_GPU)/%: $(OUT)/test/cuda_%
$(CUDA_TOOLS:%=$(EMULATED_GPU)/%): $(EMULATED_GPU)/%: $(OUT)/emulated/bin/%
$(addprefix $(EMULATED_GPU)/,$(filter-out $(CUDA_TOOLS),$(TOOLS))): $(EMULATED_GPU)/%: $(OUT)/bin/%
$(addprefix $(EMULATED_GPU)/,$(GPU_TESTS) $(TOOLS)):
	@mkdir -p $(@D)
	$(call say,LINK,$@) ln -sfr $< $@

-include $(patsubst %.o,%.d,$(EMULATED_OBJECTS) $(CUDA_OBJECTS)) $(GPU_BENCH_KERNELS:%.cu=$(CUDA_OUT)/%.d) \
  $(wildcard $(OUT)/gpu/obj/*.d $(OUT)/obj/tests/gpu/*.d $(OUT)/obj/tests/bench/gpu/*.d)
