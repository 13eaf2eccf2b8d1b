# convoy: see README.md for users, HACKING.md for those who carry on the work, `make help` for the targets.
#
#   MODE=release|debug|asan   kind of build; anything but release goes to build/MODE/
#   ARCH=native               -march= of the compiler; x86-64-v3 for programs that travel
#   PREFIX=/usr/local DESTDIR=  where `make install` puts things
#   JOBS=N                    threads of the test run

MODE ?= release
ARCH ?= native
PREFIX ?= /usr/local
CXX ?= g++
PKG_CONFIG ?= pkg-config

TOOLS := imgprep meanimg shardpack train eval predict
OUT := $(if $(filter release,$(MODE)),build,build/$(MODE))

MODE_FLAGS_release := -O3 -DNDEBUG
MODE_FLAGS_debug := -Og
MODE_FLAGS_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
MODE_FLAGS := $(MODE_FLAGS_$(MODE))
$(if $(MODE_FLAGS),,$(error MODE must be release, debug or asan, not '$(MODE)'))

PACKAGES := libjpeg libpng libarchive zimg libxxhash
# -Wrestrict warns of std::string operator+ in GCC 12 where nothing is wrong (GCC bug 105651).
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wpedantic -Wno-restrict
CPPFLAGS_ALL := -I. $(shell $(PKG_CONFIG) --cflags eigen3 2>/dev/null) $(CPPFLAGS)
CXXFLAGS_ALL := -std=c++20 -g -march=$(ARCH) -fopenmp -pthread $(WARNINGS) $(MODE_FLAGS) $(CXXFLAGS)
LDFLAGS_ALL := -fopenmp -pthread -Wl,--as-needed $(MODE_FLAGS) $(LDFLAGS)
LIBS := -ldnnl -lboost_program_options $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null) $(LDLIBS)

LIB_SOURCES := $(wildcard lib/*/*.cpp formats/*.cpp kernels/*.cpp)
TOOL_SOURCES := $(wildcard $(TOOLS:%=tools/%.cpp))
SUPPORT_SOURCES := $(wildcard tests/support/*.cpp)
TEST_SOURCES := $(wildcard tests/unit/*_test.cpp)
object = $(patsubst %.cpp,$(OUT)/obj/%.o,$(1))
LIB := $(OUT)/libconvoy.a
PROGRAMS := $(patsubst tools/%.cpp,$(OUT)/bin/%,$(TOOL_SOURCES))
UNIT_TESTS := $(patsubst tests/unit/%.cpp,$(OUT)/test/%,$(TEST_SOURCES))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all tests clean FORCE

all: $(PROGRAMS)
tests: $(UNIT_TESTS)

# What the objects were compiled with: a change of flags rebuilds them.
FLAGS_TEXT := $(CXX) $(CPPFLAGS_ALL) $(CXXFLAGS_ALL) $(LDFLAGS_ALL) $(LIBS)
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(FLAGS_TEXT)' | cmp -s - $@ || printf '%s\n' '$(FLAGS_TEXT)' > $@

$(OUT)/obj/%.o: %.cpp $(OUT)/flags
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS_ALL) $(CXXFLAGS_ALL) -MMD -MP -c -o $@ $<

$(LIB): $(call object,$(LIB_SOURCES))
	@rm -f $@
	$(AR) rcs $@ $^

$(OUT)/bin/%: $(OUT)/obj/tools/%.o $(LIB)
	@mkdir -p $(@D)
	$(CXX) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(OUT)/test/%: $(OUT)/obj/tests/unit/%.o $(call object,$(SUPPORT_SOURCES)) $(LIB)
	@mkdir -p $(@D)
	$(CXX) $(LDFLAGS_ALL) -o $@ $^ -lgtest_main -lgtest $(LIBS)

clean:
	rm -rf build

-include $(patsubst %.o,%.d,$(call object,$(LIB_SOURCES) $(TOOL_SOURCES) $(SUPPORT_SOURCES) $(TEST_SOURCES)))
