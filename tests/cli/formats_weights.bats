# Nets and weights as seen by other programs: Python's safetensors, and the examples in the manuals.

load common

requires_safetensors() {
  requires python3
  PYTHON=${PYTHON:-python3}
  "$PYTHON" -c 'import safetensors, numpy' 2> /dev/null || skip "needs Python's safetensors and numpy"
}

make_mean() {
  make_folders in 2 4 size=7x5
  "$BIN/imgprep" -q --size=none in -o a.shard
  "$BIN/meanimg" -q -o mean.safetensors a.shard
}

@test "safetensors: Python reads what meanimg writes" {
  requires_safetensors
  make_mean
  "$PYTHON" - << 'END'
import json
import numpy
from safetensors import safe_open
from safetensors.numpy import load_file
tensors = load_file("mean.safetensors")
assert tensors["sum"].shape == (3, 5, 7) and tensors["sum"].dtype == numpy.uint64
assert tensors["count"].shape == () and int(tensors["count"]) == 8
mean = (tensors["sum"].astype(numpy.float64) / 8).astype(numpy.float32)
assert (tensors["mean"] == mean).all()
assert abs(tensors["channel_mean"] - tensors["mean"].mean(axis=(1, 2))).max() < 1e-4
# The rows are the eigenvectors of the covariance, the largest first.
sums = tensors["sum"].astype(numpy.float64).sum(axis=(1, 2))
n = 8 * 35
covariance = tensors["color_products"].astype(numpy.float64) / n - numpy.outer(sums, sums) / n / n
v, s = tensors["color_eigenvectors"].astype(numpy.float64), tensors["color_stddev"].astype(numpy.float64)
assert abs(covariance - v.T @ numpy.diag(s * s) @ v).max() < 1e-3
assert (numpy.diff(s) <= 0).all()
with safe_open("mean.safetensors", framework="numpy") as file:
    metadata = file.metadata()
assert metadata["format"] == "pt"
assert json.loads(metadata["convoy.preprocessing"])["filter"] == "bicubic"
END
}

@test "safetensors: meanimg reads what Python writes, and refuses what it should not" {
  requires_safetensors
  make_mean
  "$PYTHON" - << 'END'
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
tensors = load_file("mean.safetensors")
with safe_open("mean.safetensors", framework="numpy") as file:
    metadata = file.metadata()
keep = ("sum", "count", "color_products")
save_file(tensors, "copied.safetensors", metadata)
metadata.pop("convoy.checksum")
save_file({name: tensors[name] for name in keep}, "python.safetensors", metadata)
save_file({name: tensors[name] for name in keep[:2]}, "short.safetensors", metadata)
save_file({name: tensors[name] for name in keep}, "bare.safetensors")
END
  expect_status 0 "$BIN/meanimg" -q --merge -o again.safetensors python.safetensors
  cmp mean.safetensors again.safetensors
  expect_status 0 "$BIN/meanimg" -v --merge -o again.safetensors python.safetensors
  assert_contains "$stderr" "meanimg: python.safetensors: has no convoy.checksum"
  refuse 1 'copied.safetensors: its checksum differs: .* remove convoy.checksum from its metadata' \
    "$BIN/meanimg" --merge -o x copied.safetensors
  refuse 1 'short.safetensors: no tensor .color_products.' "$BIN/meanimg" --merge -o x short.safetensors
  refuse 1 'bare.safetensors: no convoy.preprocessing' "$BIN/meanimg" --merge -o x bare.safetensors
  assert_missing x
}

@test "net: an error names file, line, column and what was expected" {
  printf 'input 8x8x3\nconv c 4 3x3 strid=2\nsoftmax\n' > bad.net
  refuse 1 'bad.net:2:14: expected one of stride=, pad=, groups=' "$BIN/train" --describe --net=bad.net
  printf 'input 8x8x3\nconv c 4 9x9\nsoftmax\n' > bad.net
  refuse 1 'bad.net:2:1: the window.s height 9 is larger than the padded input' "$BIN/train" --describe --net=bad.net
  refuse 1 'No such file' "$BIN/train" --describe --net=nowhere.net
}

@test "net: train --describe shows the paper's 60,965,224 parameters and 4.136 GFLOP" {
  expect_status 0 "$BIN/train" --describe --net="$NETS/alexnet.net"
  assert_contains "$output" "4.136 GFLOP"
  assert_equal "$(awk '$1 == "total" { print $4 }' <<< "$output")" 60965224
  assert_equal "$(awk '$1 == "conv2" { print $3, $4, $5 }' <<< "$output")" "27x27x256 307456 223948800"
}

@test "net: the manual's examples run as they stand" {
  cp "$NETS/alexnet.net" .
  count=0
  while IFS= read -r command; do
    run_example "$command"
    [ -n "$output" ]
    count=$((count + 1))
  done < <(man_examples convoy-net.5)
  [ "$count" -ge 2 ]
}

@test "net: the manual's example is the start of alexnet.net" {
  awk '/^\.Bd/ { display = 1; next } /^\.Ed/ { if (display) exit } display { sub(/#.*/, ""); $1 = $1; print }' \
    "$ROOT/man/convoy-net.5" > page
  awk '{ sub(/#.*/, "") } NF { $1 = $1; print }' "$NETS/alexnet.net" | sed -n 1,5p > net
  diff page net
}

# page_example FIRST: prints the lines of the display in the page that begins with FIRST.
page_example() {
  sed -n "/^$1/,/^\\.Ed\$/p" "$ROOT/man/convoy-weights.5" | sed -e '/^\.Ed$/d' -e "s/\\\\(aq/'/g"
}

# checksum_in FILE: prints the checksum that the file has.
checksum_in() {
  grep -a -o -m 1 '"convoy.checksum":"[0-9a-f]*"' "$1" | cut -d '"' -f 4
}

@test "weights: the checksum is what the manual's lines of Python compute" {
  PYTHON=${PYTHON:-/usr/bin/python3}  # the one that finds Debian's packages
  requires "$PYTHON"
  "$PYTHON" -c 'import xxhash' 2> /dev/null || skip "needs Python's xxhash"
  make_mean
  page_example 'import sys, xxhash' > example.py
  assert_lines example.py 5
  assert_equal "$("$PYTHON" example.py mean.safetensors)" "$(checksum_in mean.safetensors) $(checksum_in mean.safetensors)"
  assert_equal "$(checksum_in mean.safetensors | tr -d '0-9a-f\n' | wc -c)$(checksum_in mean.safetensors | wc -c)" 017
}

@test "weights: the checksum is what xxhsum computes, as the manual's example shows" {
  requires xxhsum
  make_mean
  local commands=()
  mapfile -t commands < <(man_examples convoy-weights.5 | grep checksum)
  assert_equal "${#commands[@]}" 2
  run_example "${commands[0]}"
  assert_equal "$output" "\"convoy.checksum\":\"$(checksum_in mean.safetensors)\""
  run_example "${commands[1]}"
  assert_equal "$output" "XXH3 (stdin) = $(checksum_in mean.safetensors)"
}

@test "weights: what Python writes as the manual says is used, with its changes" {
  requires_safetensors
  make_mean
  cp mean.safetensors w.safetensors
  page_example 'from safetensors import safe_open' > example.py
  assert_lines example.py 7
  "$PYTHON" example.py
  expect_status 0 "$BIN/meanimg" -q --merge -o again.safetensors changed.safetensors
  cmp mean.safetensors again.safetensors
}

@test "weights: the manual's examples without Python run as they stand" {
  make_mean
  count=0
  while IFS= read -r command; do
    case $command in *python3* | *xxhsum*) continue ;; esac
    run_example "$command"
    [ -n "$output" ]
    count=$((count + 1))
  done < <(man_examples convoy-weights.5)
  [ "$count" -ge 2 ]
}

@test "weights: the manual's examples with Python run as they stand" {
  unset PYTHON
  requires_safetensors
  make_mean
  count=0
  while IFS= read -r command; do
    case $command in *python3*) ;; *) continue ;; esac
    run_example "$command"
    count=$((count + 1))
  done < <(man_examples convoy-weights.5)
  [ "$count" -ge 1 ]
}
