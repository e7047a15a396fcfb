# pome: two commands are enough.  `make demo` builds and lets the embedded model write; `make test` proves it.
# The build itself is CMake's, in build/; CMAKE_FLAGS passes options (-DWITH_LLM=OFF ...).
BUILD       ?= build
PREFIX      ?= /usr/local
DESTDIR     ?=
CMAKE_FLAGS ?=
JOBS        ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)

.PHONY: all demo test install format fuzz conformance clean

all: $(BUILD)/pome

.PHONY: $(BUILD)/pome
$(BUILD)/pome:
	@tools/setup/packages.sh build
	@test -f $(BUILD)/build.ninja || cmake -S . -B $(BUILD) -G Ninja -DWITH_TESTS=OFF -DCMAKE_INSTALL_PREFIX=$(PREFIX) $(CMAKE_FLAGS) >/dev/null
	@ninja -C $(BUILD) -j $(JOBS) --quiet pome

demo: $(BUILD)/pome
	@tools/setup/demo.sh $(BUILD)/pome

test:
	@tools/setup/packages.sh test
	@tools/setup/test.sh $(JOBS) $(CMAKE_FLAGS)

install: all
	@ninja -C $(BUILD) -j $(JOBS) --quiet
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD) --prefix $(PREFIX)

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

fuzz:
	@tools/setup/fuzz.sh

# coremltools' own tests on the Python package: make conformance ARGS="ops --every 50 --strict 0.01"
conformance:
	@tools/conformance.sh $(ARGS)

clean:
	rm -rf build build-*
