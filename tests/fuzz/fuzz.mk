# Fuzzers: each tests/fuzz/NAME.cpp is a reader, compiled by clang for `make fuzz`, and by $(CXX) for the replay of the
# inputs that are kept, which `make check` runs.
#
#   FUZZ='shard json'           the readers that `make fuzz` and `make fuzz-merge` are about; all if it is empty
#   FUZZ_SECONDS=60             how long each is fuzzed
#   FUZZ_JOBS=1                 how many are fuzzed at a time
#   FUZZ_SEED=N                 of libFuzzer's random numbers; by default another one each time, which the table shows
#   FUZZ_LIBRARIES=installed    or instrumented: zlib, libpng, libjpeg-turbo, libarchive built from Debian's sources

FUZZ ?=
FUZZ_SECONDS ?= 60
FUZZ_JOBS ?= 1
FUZZ_SEED ?=
FUZZ_LIBRARIES ?= installed
FUZZ_CXX ?= clang++

FUZZ_SOURCES := $(wildcard tests/fuzz/*.cpp)
FUZZ_READERS := $(patsubst tests/fuzz/%.cpp,%,$(FUZZ_SOURCES))
FUZZ_COMMON := $(filter-out %/fuzzer_main.cpp %_test.cpp,$(wildcard tests/fuzz/common/*.cpp))
# Those of the tests' sources that need no GoogleTest.
FUZZ_SUPPORT := $(patsubst %,tests/support/%.cpp,archives images memory_file shards)
FUZZ_MAIN := tests/fuzz/common/fuzzer_main.cpp
FUZZ_REPLAY_SOURCES := $(FUZZ_SOURCES) $(FUZZ_COMMON) $(wildcard tests/fuzz/common/*_test.cpp)
FUZZ_OUT := build/fuzz

FUZZ_REPLAY := $(OUT)/test/fuzz_replay
$(FUZZ_REPLAY): $(call object,$(FUZZ_REPLAY_SOURCES) $(FUZZ_SUPPORT)) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CXX) $(LDFLAGS_ALL) -o $@ $^ -lgtest_main -lgtest $(LIBS)
UNIT_TESTS += $(FUZZ_REPLAY)
tests: $(FUZZ_REPLAY)

ifeq ($(MODE),fuzz)
# GCC's omp.h and its library, as for clang-tidy.
CPPFLAGS_ALL += -idirafter $(shell g++ -print-file-name=include)
LIBS += -lgomp
FUZZERS := $(FUZZ_READERS:%=$(OUT)/bin/%)
$(FUZZERS): $(OUT)/bin/%: $(OUT)/obj/tests/fuzz/%.o $(call object,$(FUZZ_MAIN) $(FUZZ_COMMON) $(FUZZ_SUPPORT)) $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CXX) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(LIBS)
.PHONY: fuzzers
fuzzers: $(if $(FUZZ),$(FUZZ:%=$(OUT)/bin/%),$(FUZZERS)) $(FIXTURE)
else
FUZZ_BUILD := $(FUZZ_OUT)$(if $(filter instrumented,$(FUZZ_LIBRARIES)),/instrumented)
FUZZ_MAKE = $(MAKE) --no-print-directory $(PARALLEL) MODE=fuzz CUDA=0 CXX='$(FUZZ_CXX)' OUT='$(FUZZ_BUILD)'
FUZZ_LIBS := $(abspath $(FUZZ_OUT)/libraries)
# Found by pkg-config before the installed ones, with what static libraries need.
FUZZ_WITH_LIBRARIES = CPPFLAGS='-isystem $(FUZZ_LIBS)/include $(CPPFLAGS)' \
  PKG_CONFIG='env PKG_CONFIG_PATH=$(FUZZ_LIBS)/lib/pkgconfig $(PKG_CONFIG) --static'
FUZZ_RUN = BIN='$(FUZZ_BUILD)/bin' FIXTURE='$(FUZZ_BUILD)/test/fixture' OUT='$(FUZZ_OUT)' $(SANITIZER_OPTIONS)

.PHONY: fuzz fuzz-merge fuzz-programs
fuzz-programs:
	@FUZZ_CXX='$(FUZZ_CXX)' $(SETUP) $(if $(filter instrumented,$(FUZZ_LIBRARIES)),fuzz-libraries,fuzz)
ifeq ($(FUZZ_LIBRARIES),instrumented)
	@CXX='$(FUZZ_CXX)' tests/fuzz/libraries '$(FUZZ_LIBS)'
	@$(FUZZ_MAKE) $(FUZZ_WITH_LIBRARIES) fuzzers
else
	@$(FUZZ_MAKE) fuzzers
endif
fuzz: fuzz-programs ## looks for bytes on which two ways of reading differ, or one fails; ends with a table (FUZZ='shard json')
	@$(FUZZ_RUN) SECONDS_EACH='$(FUZZ_SECONDS)' JOBS='$(FUZZ_JOBS)' SEED='$(FUZZ_SEED)' tests/fuzz/run $(or $(FUZZ),$(FUZZ_READERS))
fuzz-merge: fuzz-programs ## keeps a minimised corpus of what `make fuzz` has found in tests/fuzz/inputs, for make check
	@$(FUZZ_RUN) JOBS='$(FUZZ_JOBS)' tests/fuzz/merge $(or $(FUZZ),$(FUZZ_READERS))
endif
