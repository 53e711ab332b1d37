# tend: one Makefile, top to bottom. `make help` lists what you can ask for.

.DEFAULT_GOAL := all
SHELL   := /bin/bash
CC      ?= gcc
BUILD   ?= build
PREFIX  ?= /usr/local
VERSION := 0.1.0

# ---- what is needed -------------------------------------------------------------------------

# Debian packages by name; docs/dependencies.md says what each is for.
APT_BUILD := gcc make pkg-config liblua5.4-dev liblmdb-dev libuv1-dev libcurl4-openssl-dev \
             libyajl-dev libsodium-dev
APT_TEST  := libcmocka-dev libmsgpack-dev git curl ca-certificates procps util-linux
APT_CHECK := clang clang-format clang-tidy cppcheck lua-check
# npm packages: pinned in tests/e2e/package.json (the coding agent's server, GraphQL validation).

# ---- how it is compiled ---------------------------------------------------------------------

PKGS     := lua5.4 lmdb libuv yajl libsodium
PKG_ASKED = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS  = $(shell pkg-config --libs $(PKGS) 2>/dev/null)
WARNINGS := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
            -Wvla -Wwrite-strings -Wundef -Wformat=2 -Werror
OPTIMISE ?= -O2 -g
CFLAGS   += -std=c11 -D_GNU_SOURCE -Iruntime $(PKG_ASKED) $(WARNINGS) $(OPTIMISE) $(SANITIZE) \
            -fno-omit-frame-pointer -fstack-protector-strong -MMD -MP \
            -DTEND_VERSION='"$(VERSION)"' -DTEND_PREFIX='"$(PREFIX)"'
LDLIBS   := $(PKG_LIBS) -lpthread -lm -ldl
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

$(BUILD)/%.o: %.c Makefile
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

.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
