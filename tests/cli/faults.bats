# Faults: a sample of what `make check-faults` tries. See tests/faults.
load common

# Of tools that compute nets, not what oneDNN and OpenMP do for themselves: the one does not look whether it got memory,
# the other ends the program if it gets no thread.
BUT_LIBRARIES='^(?!malloc|thread)'

# tries PROGRAM OPTION...: runs a program of tests/faults, which must find nothing broken.
tries() {
  local program=$ROOT/tests/faults/$1
  shift
  [ -e "$(dirname "$BIN")/test/calls.so" ] || fail "calls.so is not built: make tests"
  run env BIN="$BIN" JOBS=2 TMPDIR="$TMP" "$program" "$@"
  [ "$status" -ne 77 ] || skip "${output#skipped: }"
  [ "$status" -eq 0 ] || fail "$output"
}

@test "imgprep leaves older or whole outputs, a message and no temporary, whatever call fails" {
  tries faults --scene='^imgprep' --sample=250
}
@test "shardpack leaves older or whole outputs, a message and no temporary, whatever call fails" {
  tries faults --scene='^shardpack' --sample=250
}
@test "meanimg leaves older or whole outputs, a message and no temporary, whatever call fails" {
  tries faults --scene='^meanimg' --sample=60
}
@test "train leaves older or whole outputs, and can be resumed, whatever call fails" {
  tries faults --scene='^train' --kind="$BUT_LIBRARIES" --sample=150
}
@test "eval leaves older or whole outputs, a message and no temporary, whatever call fails" {
  tries faults --scene='^eval' --kind="$BUT_LIBRARIES" --sample=80
}
@test "predict leaves older or whole outputs, a message and no temporary, whatever call fails" {
  tries faults --scene='^predict' --kind="$BUT_LIBRARIES" --sample=150
}
@test "netpack leaves older or whole outputs, a message and no temporary, whatever call fails" {
  tries faults --scene='^netpack' --sample=120
}
@test "after a loss of power, outputs are older or whole, and trainings can be resumed" {
  tries crashes --sample=60
}

# make_careless_tools: makes a folder of tools whose `meanimg --merge` writes its output in place, without fsync.
make_careless_tools() {
  mkdir -p careless/bin
  cp "$BIN"/* careless/bin
  ln -s "$(dirname "$BIN")/test" careless/test
  # shellcheck disable=SC2016
  printf '%s\n' '#!/bin/sh' 'case $* in' '  *--merge*) printf "a new file\n" > o.mean ;;' \
    "  *) exec '$BIN/meanimg' \"\$@\" ;;" 'esac' > careless/bin/meanimg
}

@test "a tool that writes its output in place is found" {
  tries faults --scene='^meanimg merge' --kind=mmap
  make_careless_tools
  local program
  for program in faults crashes; do
    run env BIN="$TMP/careless/bin" TMPDIR="$TMP" "$ROOT/tests/faults/$program" --scene='^meanimg merge'
    assert_equal "$status" 1
    assert_contains "$output" "BROKEN meanimg merge: "
  done
  assert_contains "$output" "o.mean may be left with 0 bytes"
}
