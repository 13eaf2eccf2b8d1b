# What the linker and the compiler gave the programs against hostile input, read from the programs themselves.
load common

TOOLS=(imgprep meanimg shardpack train eval predict netpack shownet)

setup() {
  common_setup
  # The other kinds of build trade these for other checks.
  [ "$BIN" = "$ROOT/build/bin" ] || skip "only a release build is hardened"
}

@test "each program is position-independent, and its stack holds no code" {
  local tool
  for tool in "${TOOLS[@]}"; do
    readelf -Wh "$BIN/$tool" | grep -Eq 'Type: +DYN ' || fail "$tool runs at a fixed address"
    readelf -Wd "$BIN/$tool" | grep -q 'FLAGS_1.* PIE' || fail "$tool is no position-independent executable"
    readelf -Wl "$BIN/$tool" | grep -Eq 'GNU_STACK.* RW +0x' || fail "the stack of $tool may hold code"
    ! readelf -Wl "$BIN/$tool" | grep -Eq 'LOAD.* RWE ' || fail "$tool has memory that is written and executed"
  done
}

@test "each program resolves all symbols at its start, and then makes their table read-only" {
  local tool
  for tool in "${TOOLS[@]}"; do
    readelf -Wl "$BIN/$tool" | grep -q GNU_RELRO || fail "$tool has no RELRO"
    readelf -Wd "$BIN/$tool" | grep -q 'FLAGS_1.*NOW' || fail "$tool has partial RELRO only"
  done
}

@test "each program checks its stack, the lengths of copies, and the indices of containers" {
  local tool
  for tool in "${TOOLS[@]}"; do
    nm -D --undefined-only "$BIN/$tool" > symbols
    grep -q __stack_chk_fail symbols || fail "$tool has no stack protector"
    grep -Eq '__(mem|str|v?s?n?printf|read|longjmp)[a-z]*_chk' symbols || fail "$tool is built without _FORTIFY_SOURCE"
    grep -Faq '__n < this->size()' "$BIN/$tool" || fail "$tool is built without assertions of the standard library"
  done
}

@test "functions begin with the mark of a legal target of an indirect call" {
  local tool
  for tool in "${TOOLS[@]}"; do
    objdump -d --no-show-raw-insn --disassemble=main "$BIN/$tool" > main.s
    grep -Eq '^ .*endbr64' main.s || fail "$tool is built without -fcf-protection"
  done
}

@test "kernels do without assertions, which their loops would pay for" {
  local kernel
  for kernel in "$ROOT"/build/obj/kernels/*_cpu.o; do
    ! grep -Faq '__n < this->size()' "$kernel" || fail "$kernel holds assertions"
  done
}
