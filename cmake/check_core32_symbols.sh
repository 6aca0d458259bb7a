#!/bin/sh
# Fails when the freestanding core needs a symbol from outside that a kernel does not have, or has start-up code.
# Usage: check_core32_symbols.sh LIBRARY
set -eu
library=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Link the whole archive into one relocatable object, so that what its own members define does not count as undefined.
ld -m elf_i386 -r --whole-archive "$library" -o "$work/core.o"
allowed='memcpy|memmove|memset|memcmp|__cxa_pure_virtual|__udivdi3|__umoddi3|__divdi3|__moddi3'
undefined=$(nm -u "$work/core.o" | awk '{print $2}' | grep -Evx "$allowed" || true)
if [ -n "$undefined" ]; then
  echo "the freestanding core has undefined symbols that no kernel provides:" >&2
  echo "$undefined" | c++filt >&2
  exit 1
fi
if readelf -SW "$work/core.o" | grep -Eq '\.(init_array|ctors)'; then
  echo "the freestanding core has constructors of static objects (.init_array)" >&2
  exit 1
fi
echo "core32: $(size -t "$library" | awk 'END {print $1}') bytes of text, undefined: $(nm -u "$work/core.o" | awk '{print $2}' | sort | tr '\n' ' ')"
