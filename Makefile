# Thin: cargo and xtask do the work.
#   make run [ARGS="..."] [VM=6.12]   build, then run the demo, or beetrace with ARGS, here or in a guest
#   make test                         every test there is; ends with a line "N passed, N failed"
#   make bench                        the rows of the performance table
.PHONY: run test bench tools

export PATH := $(PATH):$(HOME)/.cargo/bin

# $(value): what the user wrote reaches the shell as it is, $ included
run: tools
	@cargo xtask run $(if $(VM),--vm $(VM)) -- $(value ARGS)

test: tools
	@cargo xtask test

bench: tools
	@cargo xtask bench

# What xtask itself needs; it installs the rest.
tools:
	@command -v cargo >/dev/null || { echo "beetrace needs Rust 1.95 or later (rustup installs it)" >&2; exit 1; }
	@command -v cc >/dev/null || { root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	  $$root apt-get update -qq && $$root apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null; }
