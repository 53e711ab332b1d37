# tend: one Makefile, top to bottom. `make help` lists what you can ask for.

.DEFAULT_GOAL := all
SHELL   := /bin/bash
CC      ?= gcc
BUILD   ?= build
PREFIX  ?= /usr/local
VERSION := 0.1.0
DATED   := 2026-11-25

# ---- what is needed -------------------------------------------------------------------------

# Debian packages by name; docs/dependencies.md says what each is for.
APT_BUILD := gcc pkg-config libc6-dev liblua5.4-dev liblmdb-dev libuv1-dev libcurl4-openssl-dev \
             libyajl-dev libsodium-dev libzstd-dev tzdata
APT_TEST  := lua-cjson bash man-db libcmocka-dev libmsgpack-dev git curl ca-certificates procps passwd util-linux
APT_CHECK := clang clang-format lua-check
# npm packages, pinned in tests/e2e/package-lock.json: the coding agent's server, GraphQL validation.

# `make demo`, `make test` and `make check` set up what they need, before anything is compiled.
SETUP := $(if $(filter deps demo test check asan tsan bench fuzz,$(MAKECMDGOALS)),deps)

# ---- how it is compiled ---------------------------------------------------------------------

PKGS     := lua5.4 lmdb libuv yajl libsodium libzstd
# Asked once, when first needed: on a fresh machine that is after `deps`.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
WARNINGS := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
            -Wvla -Wwrite-strings -Wundef -Wformat=2 -Werror
OPTIMISE ?= -O2 -g
override CFLAGS = -std=c11 -D_GNU_SOURCE -Iruntime $(PKG_CFLAGS) $(WARNINGS) $(OPTIMISE) $(SANITIZE) \
            -fno-omit-frame-pointer -fstack-protector-strong -MMD -MP \
            -DTEND_VERSION='"$(VERSION)"' -DTEND_DATE='"$(DATED)"' \
            -DTEND_PREFIX='"$(PREFIX)"'
LDLIBS   = $(PKG_LIBS) -lpthread -lm -ldl
LDFLAGS  += $(SANITIZE)

# ---- layers: each an archive; a program links its own layer and those below it ---------------

LAYERS   := cli engine lua io journal analysis base
below_cli      := engine lua io journal analysis base
below_engine   := lua io journal analysis base
below_lua      := analysis base
below_io       := analysis base
below_journal  := analysis base
below_analysis := base
below_base     :=

sources  = $(sort $(wildcard runtime/$(1)/*.c))
objects  = $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(1)))
archive  = $(BUILD)/lib$(1).a
archives = $(call archive,$(1)) $(foreach below,$(below_$(1)),$(call archive,$(below)))

all: $(BUILD)/tend ## build the program (build/tend)

$(BUILD)/tend: $(call archives,cli)
	@echo "  link   $@"
	@$(CC) $(LDFLAGS) -o $@ -Wl,--whole-archive $(call archive,cli) -Wl,--no-whole-archive \
		$(filter-out $(call archive,cli),$^) $(LDLIBS)

define layer_rules
$(call archive,$(1)): $(call objects,$(1))
	@echo "  ar     $$@"
	@rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach layer,$(LAYERS),$(eval $(call layer_rules,$(layer))))

$(BUILD)/%.o: %.c Makefile | $(SETUP)
	@echo "  cc     $<"
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -c -o $@ $<

# ---- tests ----------------------------------------------------------------------------------

unit_sources = $(sort $(wildcard tests/unit/$(1)/test_*.c))
unit_programs = $(patsubst %.c,$(BUILD)/%,$(call unit_sources,$(1)))
UNIT := $(foreach layer,$(LAYERS),$(call unit_programs,$(layer)))

define unit_rules
$(call unit_programs,$(1)): $(BUILD)/%: $(BUILD)/%.o $(call archives,$(1))
	@echo "  link   $$@"
	@$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS) -lcmocka -lmsgpackc
endef
$(foreach layer,$(LAYERS),$(eval $(call unit_rules,$(layer))))

# Libraries to preload: faults that the real program doesn't know of.
SHIMS := $(patsubst %.c,$(BUILD)/%.so,$(wildcard tests/crash/*.c tests/fault/preload*.c))

$(SHIMS): $(BUILD)/%.so: %.c Makefile | $(SETUP)
	@echo "  shim   $<"
	@mkdir -p $(@D)
	@$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -O2 -g -shared -fPIC -o $@ $< -ldl -lpthread

.PHONY: all deps test test-runtime asan tsan fuzz fuzz-programs bench demo check format install help clean
.SECONDARY:

test: all $(UNIT) $(SHIMS) | $(SETUP) ## unit, workflow, crash and end-to-end tests
	@node tests/run.js $(BUILD)

test-runtime: all $(UNIT) $(SHIMS) | $(SETUP) ## unit and workflow tests only
	@node tests/run.js $(BUILD) unit workflow shipped

asan: | $(SETUP) ## unit and workflow tests under the address and undefined-behaviour sanitizers
	@TEND_TEST_AT_ONCE=3 $(MAKE) BUILD=build-asan test-runtime \
	    SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=undefined"

# Without the watchdog's tests: that sanitizer holds a signal back until the thread next makes a call,
# and what the watchdog ends makes none.
tsan: | $(SETUP) ## workflow tests under the thread sanitizer
	@$(MAKE) BUILD=build-tsan SANITIZE="-fsanitize=thread" all
	@TSAN_OPTIONS="suppressions=$(CURDIR)/tests/tsan.supp exitcode=66" \
	    TEND_TEST_LIMIT_MS=180000 TEND_TEST_WITHOUT=watchdog: node tests/run.js build-tsan workflow

FUZZ_SECONDS ?= 20
FUZZ := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

$(FUZZ): $(BUILD)/%: $(BUILD)/%.o $(call archives,engine)
	@echo "  link   $@"
	@$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

fuzz-programs: $(FUZZ)

fuzz: | $(SETUP) ## each parser fed with what libFuzzer makes up, FUZZ_SECONDS (20) long
	@$(MAKE) BUILD=build-fuzz CC=clang fuzz-programs \
	    SANITIZE="-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined"
	@for target in $(notdir $(FUZZ)); do echo "  fuzz   $$target"; \
	    mkdir -p build-fuzz/corpus/$$target; \
	    build-fuzz/tests/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -verbosity=0 -print_final_stats=1 \
	        -artifact_prefix=build-fuzz/ build-fuzz/corpus/$$target \
	        $(wildcard tests/fuzz/corpus/$$target) || exit 1; done

bench: all | $(SETUP) ## figures, as ratios to what this machine allows in the same run
	@node tests/bench/bench.js $(BUILD)

demo: all | $(SETUP) ## a sick service becomes a pull request, and survives kill -9 (KEEP=1: stays)
	@node examples/demo/demo.js

# ---- set-up ---------------------------------------------------------------------------------

deps: ## install what building and testing need (Debian and npm packages, by name)
	@tools/deps "$(APT_BUILD) $(APT_TEST) $(if $(filter check fuzz,$(MAKECMDGOALS)),$(APT_CHECK))"

# ---- quality --------------------------------------------------------------------------------

C_FILES := $(sort $(wildcard runtime/*/*.[ch] tests/unit/*/*.[ch] tests/fuzz/*.c tests/crash/*.c tests/fault/*.[ch]))
LUA_FILES := $(sort $(wildcard stdlib/*.lua workflows/*.lua examples/*.lua tests/shipped/*.lua))

check: all | $(SETUP) ## formatting, clang's warnings, layers, Lua analysis, longest functions
	@echo "  clang  (warnings as errors)"
	@for file in $(wildcard runtime/*/*.c); do \
	    clang $(filter-out -MMD -MP,$(CFLAGS)) -fsyntax-only $$file || exit 1; done
	@echo "  format"
	@clang-format --dry-run -Werror $(C_FILES)
	@echo "  lua"
	@luacheck --quiet $(LUA_FILES)
	@$(BUILD)/tend check --quiet workflows examples
	@tools/check-layers
	@tools/check-architecture
	@tools/check-docs $(BUILD)/tend
	@tools/longest-functions 10

format: ## lay out the C files as .clang-format says
	@clang-format -i $(C_FILES)

# ---- installing -----------------------------------------------------------------------------

SHARE = $(DESTDIR)$(PREFIX)/share

install: all ## install the program, its Lua and its manual under PREFIX (default /usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/tend/stdlib \
	           $(DESTDIR)$(PREFIX)/share/tend/workflows $(DESTDIR)$(PREFIX)/share/doc/tend
	install -m 755 $(BUILD)/tend $(DESTDIR)$(PREFIX)/bin/tend
	install -d $(addprefix $(SHARE)/,man/man1 bash-completion/completions \
	           zsh/site-functions fish/vendor_completions.d)
	$(BUILD)/tend man > $(SHARE)/man/man1/tend.1
	$(BUILD)/tend completion bash > $(SHARE)/bash-completion/completions/tend
	$(BUILD)/tend completion zsh > $(SHARE)/zsh/site-functions/_tend
	$(BUILD)/tend completion fish > $(SHARE)/fish/vendor_completions.d/tend.fish
	install -m 644 stdlib/*.lua $(DESTDIR)$(PREFIX)/share/tend/stdlib/
	install -m 644 workflows/*.lua $(DESTDIR)$(PREFIX)/share/tend/workflows/
	install -m 644 docs/*.md CHANGELOG.md LICENSE examples/tend.service \
	        $(DESTDIR)$(PREFIX)/share/doc/tend/

clean: ## remove what was built
	rm -rf $(BUILD)

help: ## list these
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | \
	    awk -F'\t' '{ printf "  make %-13s %s\n", $$1, $$2 }'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
