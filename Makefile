# README.md is for users of convoy, HACKING.md for its developers. `make help` lists the targets.
#
#   MODE=release|debug|asan     kind of build; anything but release goes to build/MODE/ (`make gpu` and `make fuzz` use
#                               two more, travel and fuzz)
#   ARCH=native                 -march= of the compiler; x86-64-v3 for programs that run on other machines too
#   MPI=auto|1|0                several processes can train one net if there is an MPI, whose compiler is MPICXX=mpicxx;
#                               require one; do without
#   PREFIX=/usr/local DESTDIR=  where `make install` puts things
#   JOBS=N                      number of compilations and tests that `make check` and `make demo` run at a time
#   V=1                         show whole commands instead of a short line for each file

MODE ?= release
ARCH ?= $(if $(filter travel,$(MODE)),x86-64-v3,native)
PREFIX ?= /usr/local
CXX ?= g++
PKG_CONFIG ?= pkg-config
PROTOC ?= protoc
INSTALL ?= install
CLANG_TIDY ?= clang-tidy
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

TOOLS := imgprep meanimg shardpack train eval predict netpack shownet
OUT := $(if $(filter release,$(MODE)),build,build/$(MODE))

# What programs that read strangers' files should have; tests/cli/hardened.bats reads it from the programs. Kernels do
# without the assertions of the standard library: what they index has been checked before.
HARDENED := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection
HARDENED_LINK := $(if $(filter release,$(MODE)),-pie) -Wl,-z,relro,-z,now,-z,noexecstack

MODE_FLAGS_release := -O3 -DNDEBUG -fPIE $(HARDENED)
MODE_FLAGS_debug := -Og
# In instrumented code GCC 12 falsely reports members of std::regex as uninitialised.
MODE_FLAGS_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -Wno-maybe-uninitialized
# Programs for another machine: see kernels/cuda/cuda.mk.
MODE_FLAGS_travel := -O3 -DNDEBUG -g0 -fPIC $(HARDENED)
# For clang, whose warnings are not GCC's: see tests/fuzz/fuzz.mk.
MODE_FLAGS_fuzz := -O1 -g1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
  -fno-omit-frame-pointer -w
MODE_FLAGS := $(MODE_FLAGS_$(MODE))
$(if $(MODE_FLAGS),,$(error MODE must be release, debug, asan, travel or fuzz, not '$(MODE)'))
# clang's OpenMP is in another package, and no reader needs threads of it.
OPENMP := $(if $(filter fuzz,$(MODE)),,-fopenmp)

PACKAGES := libjpeg libpng zlib libarchive libxxhash libutf8proc re2 protobuf
# -Wrestrict of GCC 12 warns about correct uses of std::string's operator+ (GCC bug 105651).
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wpedantic -Wno-restrict
# Assertions of the standard library: indices of spans, vectors and strings, empty optionals.
ASSERTIONS := -D_GLIBCXX_ASSERTIONS
CPPFLAGS_ALL := -I. $(ASSERTIONS) $(shell $(PKG_CONFIG) --cflags eigen3 2>/dev/null) $(CPPFLAGS)
CXXFLAGS_ALL := -std=c++20 -g -march=$(ARCH) $(OPENMP) -pthread $(WARNINGS) $(MODE_FLAGS) $(CXXFLAGS)
LDFLAGS_ALL := $(OPENMP) -pthread -Wl,--as-needed $(MODE_FLAGS) $(HARDENED_LINK) $(LDFLAGS)
# Only lib/pictures draws: it is a library of its own, which only these programs link, and with it cairo and Pango.
PICTURE_LIBS := $(shell $(filter-out --static,$(PKG_CONFIG)) --libs pangocairo 2>/dev/null)
PICTURE_CPPFLAGS := $(shell $(PKG_CONFIG) --cflags pangocairo 2>/dev/null)
DRAWING := shownet pictures_test curves_test net_pictures_test result_pictures_test results_test
LIBS := -ldnnl -lboost_program_options -lonnx_proto $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null) $(LDLIBS)

# MPI lets several processes train one net. Its compiler is asked for its flags, as Open MPI's or as MPICH's.
MPI ?= $(if $(filter travel fuzz,$(MODE)),0,auto)
MPICXX ?= mpicxx
MPI_PATH := $(if $(filter 0,$(MPI)),,$(shell command -v $(MPICXX) 2>/dev/null))
$(if $(filter 1,$(MPI)),$(if $(MPI_PATH),,$(error MPI=1, but there is no $(MPICXX))))
mpi_flags = $(shell $(MPICXX) --showme:$(1) 2>/dev/null || $(MPICXX) -$(1)_info 2>/dev/null | cut -d ' ' -f 2-)
MPI_CPPFLAGS := $(if $(MPI_PATH),$(patsubst -I%,-isystem %,$(filter -I% -D%,$(call mpi_flags,compile))))
LIBS += $(if $(MPI_PATH),$(filter-out -l%_cxx -l%cxx,$(call mpi_flags,link)))
JOIN_SOURCE := lib/ranks/join_$(if $(MPI_PATH),mpi,alone).cpp

PICTURE_SOURCES := $(wildcard lib/pictures/*.cpp)
LIB_SOURCES := $(filter-out $(PICTURE_SOURCES) $(filter-out $(JOIN_SOURCE),$(wildcard lib/ranks/join_*.cpp)),$(wildcard lib/*/*.cpp lib/*/*/*.cpp formats/*.cpp kernels/*.cpp))
TOOL_SOURCES := $(TOOLS:%=tools/%.cpp)
SUPPORT_SOURCES := $(wildcard tests/support/*.cpp)
TEST_SOURCES := $(wildcard tests/unit/*_test.cpp)
FIXTURE_SOURCE := tests/cli/fixture.cpp
ALL_SOURCES := $(LIB_SOURCES) $(PICTURE_SOURCES) $(TOOL_SOURCES) $(SUPPORT_SOURCES) $(TEST_SOURCES) $(FIXTURE_SOURCE)
object = $(patsubst %.cpp,$(OUT)/obj/%.o,$(1))
# What protoc makes of formats/*.proto.
PROTOS := $(wildcard formats/*.proto)
GENERATED := $(OUT)/generated
PROTO_OBJECTS := $(PROTOS:%.proto=$(OUT)/obj/%.pb.o)
LIB := $(OUT)/libconvoy.a
PICTURES := $(OUT)/libpictures.a
PROGRAMS := $(TOOLS:%=$(OUT)/bin/%)
DISPATCHER := $(OUT)/bin/convoy
UNIT_TESTS := $(patsubst tests/unit/%.cpp,$(OUT)/test/%,$(TEST_SOURCES))
FIXTURE := $(OUT)/test/fixture
CALLS := $(OUT)/test/calls.so
CLI_TESTS := $(wildcard tests/cli/*.bats)
CHECKS := $(wildcard tests/check/*)
MANUALS := $(wildcard man/*.[1-9])
NETS := $(wildcard examples/nets/*.net)

# `$(call say,CXX,FILE)` before a command prints "  CXX  FILE" in its place. V=1 shows the command itself; `make -s`
# shows neither.
SILENT := $(findstring s,$(firstword -$(MAKEFLAGS)))
say = $(if $(filter 1,$(V)),,@$(if $(SILENT),,printf '  %-4s %s\n' '$(1)' '$(2)';))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all tests check check-unit check-cli check-lint pipeline check-by-heart check-faults check-signals check-soak demo bench bench-kernels bench-precision lint tidy cppcheck format install uninstall clean help FORCE

all: $(PROGRAMS) $(DISPATCHER) ## the tools and the dispatcher, in $(OUT)/bin (the default)
tests: $(UNIT_TESTS) $(FIXTURE) $(CALLS) emulated-tools emulated-gpu ## the test programs, in $(OUT)/test

# The flags that the objects were compiled with: a change of flags rebuilds them.
FLAGS_TEXT := $(CXX) $(CPPFLAGS_ALL) $(CXXFLAGS_ALL) $(LDFLAGS_ALL) $(LIBS)
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(FLAGS_TEXT)' | cmp -s - $@ || printf '%s\n' '$(FLAGS_TEXT)' > $@

# Made if the compiler and the libraries are installed; otherwise a message names what is missing and how to install
# it, which `tests/setup PURPOSE` does.
SETUP := CXX='$(CXX)' CPPFLAGS='$(CPPFLAGS_ALL)' tests/setup
$(OUT)/requirements: tests/setup
	@mkdir -p $(@D)
	@$(SETUP) --check build
	@touch $@

# Square roots can only be vectorised if they need not set errno. -Wpsabi warns about functions that return a vector
# wider than a register; all of ours are inlined.
$(OUT)/obj/kernels/%.o: CXXFLAGS_ALL += -fno-math-errno -Wno-psabi $(if $(filter release travel,$(MODE)),-U_GLIBCXX_ASSERTIONS)

$(OUT)/obj/lib/ranks/join_mpi.o $(OUT)/tidy/lib/ranks/join_mpi.cpp.ok: CPPFLAGS_ALL += $(MPI_CPPFLAGS)

$(OUT)/obj/lib/pictures/%.o: CPPFLAGS_ALL += $(PICTURE_CPPFLAGS)

$(OUT)/obj/%.o: %.cpp $(OUT)/flags | $(OUT)/requirements
	@mkdir -p $(@D)
	$(call say,CXX,$<) $(CXX) $(CPPFLAGS_ALL) $(CXXFLAGS_ALL) -MMD -MP -c -o $@ $<

# Code of protoc's, whose warnings are not ours. Only what includes it sees the folder that it is in.
.PRECIOUS: $(GENERATED)/%.pb.cc $(GENERATED)/%.pb.h
$(GENERATED)/%.pb.cc $(GENERATED)/%.pb.h: %.proto | $(OUT)/requirements
	@mkdir -p $(@D)
	$(call say,PROT,$<) $(PROTOC) -I. --cpp_out=$(GENERATED) $<
$(OUT)/obj/%.pb.o: $(GENERATED)/%.pb.cc $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,CXX,$<) $(CXX) -I$(GENERATED) $(CPPFLAGS_ALL) $(CXXFLAGS_ALL) -w -MMD -MP -c -o $@ $<
PROTO_USERS := formats/caffemodel tests/unit/caffemodel_test tests/fuzz/caffemodel
PROTO_USERS := $(PROTO_USERS:%=$(OUT)/obj/%.o) $(PROTO_USERS:%=$(OUT)/tidy/%.cpp.ok)
$(PROTO_USERS): CPPFLAGS_ALL += -I$(GENERATED)
$(PROTO_USERS): | $(PROTOS:%.proto=$(GENERATED)/%.pb.h)

# The archive is renamed when it is complete, so that a link at the same time sees a whole one. `q` appends; `r` would
# replace an object with another of the same name, and each backend has a compiled.o.
$(LIB): $(call object,$(LIB_SOURCES)) $(PROTO_OBJECTS)
$(PICTURES): $(call object,$(PICTURE_SOURCES))
$(LIB) $(PICTURES):
	$(call say,AR,$@) rm -f $@.$$$$ && $(AR) qcs $@.$$$$ $^ && mv $@.$$$$ $@

# What else a program links, if it draws.
drawing = $(if $(filter $(DRAWING),$(@F)),$(1))
$(filter $(DRAWING:%=$(OUT)/bin/%) $(DRAWING:%=$(OUT)/test/%),$(PROGRAMS) $(UNIT_TESTS)): $(PICTURES)
$(OUT)/bin/%: $(OUT)/obj/tools/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CXX) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(call drawing,$(PICTURES)) $(LIB) $(call drawing,$(PICTURE_LIBS)) $(LIBS)

$(DISPATCHER): tools/convoy
	@mkdir -p $(@D)
	$(call say,COPY,$@) cp $< $@

$(OUT)/test/%: $(OUT)/obj/tests/unit/%.o $(call object,$(SUPPORT_SOURCES)) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CXX) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(call drawing,$(PICTURES)) $(LIB) -lgtest_main -lgtest $(call drawing,$(PICTURE_LIBS)) $(LIBS)

$(FIXTURE): $(call object,$(FIXTURE_SOURCE))
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CXX) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# Loaded before the C library, to let its calls fail or to write down what they do: see tests/faults. A program that has
# its allocator from a sanitizer cannot load it.
CALLS_SOURCES := $(wildcard tests/faults/preload/*.cpp)
$(CALLS): $(CALLS_SOURCES) $(wildcard tests/faults/preload/*.h) $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CXX) $(CPPFLAGS_ALL) -std=c++20 -g -O1 $(WARNINGS) -fPIC -shared -pthread -o $@ $(CALLS_SOURCES) -ldl

# `check` and `demo` call make again, so that it sees what the set-up has installed, and in parallel even without -j.
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))
RUN := BIN='$(abspath $(OUT)/bin)' tests/run -j $(JOBS) -o $(OUT)/check
SANITIZER_OPTIONS := ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 \
  LSAN_OPTIONS=suppressions=$(abspath tests/leaks.supp):print_suppressions=0 UBSAN_OPTIONS=print_stacktrace=1
RUN := $(if $(filter asan,$(MODE)),$(SANITIZER_OPTIONS)) $(RUN)

check: ## all tests and checks; installs what they need; the last line sums up
	@$(SETUP) check
	@$(MAKE) --no-print-directory $(PARALLEL) all tests $(if $(filter release,$(MODE)),$(if $(HAVE_CUDA),gpu))
	@$(RUN) $(CLI_TESTS) $(UNIT_TESTS) $(CHECKS)
check-unit: tests ## the GoogleTest programs alone
	@$(RUN) $(UNIT_TESTS)
check-cli: all tests ## the Bats files alone (CLI_TESTS=tests/cli/train.bats: only that one)
	@$(RUN) $(CLI_TESTS)
check-lint: ## order of includes, manual pages, shell scripts, formatting
	@$(RUN) $(CHECKS)
pipeline: all tests ## hashes everything that a fixed pipeline writes: for comparison before and after a change of structure
	@BIN='$(abspath $(OUT)/bin)' EMULATED='$(abspath $(OUT)/emulated/bin)' tests/quality/pipeline
check-by-heart: all ## alexnet.net learns 500 photographs from the folder CONVOY_DATA by heart, in minutes; not part of check
	@BIN='$(abspath $(OUT)/bin)' tests/quality/by_heart
FAULT_TESTS := BIN='$(abspath $(OUT)/bin)' JOBS='$(JOBS)' tests/faults
check-faults: all $(FIXTURE) $(CALLS) ## lets every call of every tool fail, and simulates losses of power; two tables, in minutes
	@status=0; $(FAULT_TESTS)/faults || status=1; $(FAULT_TESTS)/crashes || status=1; exit $$status
check-signals: all $(FIXTURE) $(CALLS) ## random signals, reruns and resumed trainings; a table, in minutes (SIGNAL_RUNS=20)
	@$(FAULT_TESTS)/signals
check-soak: all $(FIXTURE) ## trains, is killed and goes on for SOAK_MINUTES=10; memory, descriptors and bits must be as at first
	@BIN='$(abspath $(OUT)/bin)' tests/quality/soak

demo: ## trains and evaluates a small net on Fashion-MNIST; installs what it needs
	@$(SETUP) demo
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@mkdir -p $(OUT)/demo
	@$(MAKE) --no-print-directory -C $(OUT)/demo -f $(abspath examples/fashion-mnist/Makefile) BIN='$(abspath $(OUT)/bin)'

# Peers are compiled with the flags of this project.
PEERS := $(patsubst tests/bench/peers/%.cpp,$(OUT)/bench/%,$(wildcard tests/bench/peers/*.cpp))
$(OUT)/bench/%: tests/bench/peers/%.cpp $(OUT)/flags | $(OUT)/requirements
	@mkdir -p $(@D)
	$(call say,CXX,$<) $(CXX) $(CXXFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(LIBS)

# Times each CPU operation alone, if Google Benchmark is installed.
KERNEL_BENCH := $(OUT)/bench/kernels
KERNEL_BENCH_SOURCES := $(wildcard tests/bench/kernels/*.cpp)
KERNELS ?= .
HASH := \#
HAVE_BENCHMARK := $(shell printf '$(HASH)if !__has_include(<benchmark/benchmark.h>)\n$(HASH)error\n$(HASH)endif\n' | \
  $(CXX) $(CPPFLAGS) -E -x c++ - > /dev/null 2>&1 && echo yes)
$(KERNEL_BENCH): $(call object,$(KERNEL_BENCH_SOURCES)) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CXX) $(LDFLAGS_ALL) -o $@ $^ -lbenchmark $(LIBS)

# Times the net alone, on a batch in memory.
ONE_BATCH := $(OUT)/bench/one_batch
ONE_BATCH_SOURCE := tests/bench/one_batch.cpp
$(ONE_BATCH): $(call object,$(ONE_BATCH_SOURCE)) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CXX) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

BENCH_PROGRAMS := $(PEERS) $(ONE_BATCH) $(if $(HAVE_BENCHMARK),$(KERNEL_BENCH))
bench: all $(BENCH_PROGRAMS) ## times the tools beside every installed peer (PARTS='train imgprep': only those; ROUNDS=5)
	@BIN='$(abspath $(OUT)/bin)' PEERS='$(abspath $(OUT)/bench)' tests/bench/run $(PARTS)
ifdef HAVE_BENCHMARK
bench-kernels: $(KERNEL_BENCH) ## times each operation of the CPU against the machine's peak (KERNELS='conv3|lrn': only those)
	$(KERNEL_BENCH) --benchmark_min_time=0.3 --benchmark_counters_tabular=true --benchmark_filter='$(KERNELS)'
else
bench-kernels:
	@echo 'Google Benchmark (libbenchmark-dev) is not installed: bench-kernels is left out'
endif

bench-precision: all ## trains small nets in fp32 and bf16, three seeds each, and compares their errors (SETS='fashion cifar')
	@BIN='$(abspath $(OUT)/bin)' tests/bench/precision $(SETS)

lint: ## check-lint, clang-tidy and cppcheck (the latter two if they are installed)
	@$(MAKE) --no-print-directory $(PARALLEL) -k check-lint cppcheck tidy

# Each file has a stamp: clang-tidy reads it again if it, or the header of the same name, has changed. None of these
# files needs CUDA's headers.
TIDY_SOURCES := $(ALL_SOURCES) $(wildcard tests/fuzz/*.cpp tests/fuzz/common/*.cpp kernels/cuda/*.cpp tests/cuda_emulation/*.cpp tests/gpu/*.cpp tests/bench/gpu/*.cpp)
TIDY_STAMPS := $(TIDY_SOURCES:%=$(OUT)/tidy/%.ok)
ifneq ($(shell command -v $(CLANG_TIDY)),)
tidy: $(TIDY_STAMPS)
else
tidy:
	@echo 'clang-tidy is not installed: skipped'
endif
# clang takes GCC's omp.h, last in its search path; its own is in another package.
.SECONDEXPANSION:
$(OUT)/tidy/lib/pictures/%.ok: CPPFLAGS_ALL += $(PICTURE_CPPFLAGS)
$(OUT)/tidy/%.ok: % $$(wildcard $$(basename $$*).h) .clang-tidy tests/.clang-tidy $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,TIDY,$<) $(CLANG_TIDY) --quiet $< -- $(CPPFLAGS_ALL) -std=c++20 -march=$(ARCH) -pthread -fopenmp \
	  -idirafter $(GCC_HEADERS) $(WARNINGS) -Wno-unknown-warning-option 2> $@.log || { cat $@.log >&2; exit 1; }
	@touch $@
GCC_HEADERS = $(shell $(CXX) -print-file-name=include)

ifneq ($(shell command -v cppcheck),)
cppcheck:
	$(call say,LINT,lib formats kernels tools) cppcheck --quiet --error-exitcode=1 --std=c++20 -I. --inline-suppr \
	  --suppress=missingIncludeSystem --suppressions-list=.cppcheck.supp \
	  --enable=warning,performance,portability -j $(JOBS) lib formats kernels tools
else
cppcheck:
	@echo 'cppcheck is not installed: skipped'
endif

format: ## rewrites the C++ sources with clang-format
	find lib formats kernels tools tests '(' -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' ')' \
	  -exec clang-format -i {} +

# Links are relative, so that an installation can be staged and moved.
SHARE = $(DESTDIR)$(PREFIX)/share
install: all ## programs, manual pages, completion and nets, under $(DESTDIR)$(PREFIX)
	$(INSTALL) -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/libexec/convoy' '$(SHARE)/convoy/nets' \
	  '$(SHARE)/bash-completion/completions' '$(SHARE)/man/man1' '$(SHARE)/man/man5' '$(SHARE)/man/man7'
	$(INSTALL) -m 755 $(TOOLS:%=$(OUT)/bin/%) '$(DESTDIR)$(PREFIX)/libexec/convoy'
	$(INSTALL) -m 755 tools/convoy '$(DESTDIR)$(PREFIX)/bin/convoy'
	$(INSTALL) -m 644 tools/completion.bash '$(SHARE)/bash-completion/completions/convoy'
	for tool in $(TOOLS); do \
	  ln -sf ../libexec/convoy/$$tool '$(DESTDIR)$(PREFIX)/bin'/convoy-$$tool && \
	  ln -sf convoy '$(SHARE)/bash-completion/completions'/convoy-$$tool || exit 1; \
	done
	$(INSTALL) -m 644 $(filter %.1,$(MANUALS)) '$(SHARE)/man/man1'
	$(INSTALL) -m 644 $(filter %.5,$(MANUALS)) '$(SHARE)/man/man5'
	$(INSTALL) -m 644 $(filter %.7,$(MANUALS)) '$(SHARE)/man/man7'
	$(INSTALL) -m 644 $(NETS) '$(SHARE)/convoy/nets'

uninstall: ## removes what install put there
	rm -rf '$(DESTDIR)$(PREFIX)/libexec/convoy' '$(SHARE)/convoy'
	rm -f '$(DESTDIR)$(PREFIX)/bin/convoy' $(TOOLS:%='$(DESTDIR)$(PREFIX)/bin/convoy-%') \
	  '$(SHARE)/bash-completion/completions/convoy' $(TOOLS:%='$(SHARE)/bash-completion/completions/convoy-%')
	rm -f $(foreach page,$(notdir $(MANUALS)),'$(SHARE)/man/man$(subst .,,$(suffix $(page)))/$(page)')

clean: ## removes build/
	rm -rf build

help: ## this list
	@echo 'Targets:'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1 \2/p' Makefile kernels/cuda/cuda.mk tests/fuzz/fuzz.mk | sed 's|$$(OUT)|$(OUT)|; s|$$(DESTDIR)$$(PREFIX)|DESTDIR/PREFIX|' | awk '{ t = $$1; $$1 = ""; printf "  %-16s%s\n", t, $$0 }'
	@echo 'Variables:'
	@sed -n '2,/^$$/s/^#   /  /p' Makefile
	@sed -n '2,/^$$/s/^#   /  /p' kernels/cuda/cuda.mk
	@sed -n '2,/^$$/s/^#   /  /p' tests/fuzz/fuzz.mk

-include tests/fuzz/fuzz.mk
-include kernels/cuda/cuda.mk
-include $(patsubst %.o,%.d,$(PROTO_OBJECTS) $(call object,$(ALL_SOURCES) $(KERNEL_BENCH_SOURCES) $(ONE_BATCH_SOURCE) $(FUZZ_REPLAY_SOURCES) $(FUZZ_MAIN)))
