# Shared by the Bats files: `load common` at the top of each.
#
#   $ROOT     the source tree             $BIN  the programs under test (default: build/bin), always absolute
#   $NETS     examples/nets               $TMP  the test's own empty folder, also its working directory
#   $FIXTURE  the maker of small images (tests/cli/fixture.cpp); `fixture png a.png`, see below
#
# Call programs as "$BIN/imgprep". `run eval ...` would run the shell's builtin: write run "$BIN/eval".
# A file that defines its own setup() calls common_setup in it.
# Functions, each described where it is defined:
#   expect_status  refuse  fail  assert_equal  assert_contains  assert_missing  assert_lines
#   requires  requires_data  requires_fashion_mnist  requires_full_device  requires_terminal  requires_address_limit
#   fixture  make_idx  make_folders  man_examples  run_example  hexdump_of

# shellcheck disable=SC2034,SC2154  # variables for the tests; status, output and stderr are set by run
bats_require_minimum_version 1.5.0

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BIN=${BIN:-$ROOT/build/bin}
case $BIN in /*) ;; *) BIN=$ROOT/$BIN ;; esac
FIXTURE=$(dirname "$BIN")/test/fixture
NETS=$ROOT/examples/nets
FASHION_MNIST=${FASHION_MNIST:-/usr/share/datasets/fashion-mnist}
export LC_ALL=C

common_setup() {
  TMP=$BATS_TEST_TMPDIR
  cd "$TMP" || return 1
}
setup() { common_setup; }

# fail TEXT...: fails the test, saying why.
fail() {
  printf '%s\n' "$*" >&2
  return 1
}

# expect_status N COMMAND...: runs the command as `run --separate-stderr` does ($output, $stderr, $status), and
# fails, showing both streams, unless it ends with status N.
expect_status() {
  local wanted=$1
  shift
  run --separate-stderr "$@"
  [ "$status" -eq "$wanted" ] && return 0
  printf 'status %s, expected %s, of: %s\n--- stdout\n%s\n--- stderr\n%s\n' \
    "$status" "$wanted" "$*" "$output" "$stderr" >&2
  return 1
}

# refuse STATUS PATTERN COMMAND...: fails unless the command ends with STATUS, a line of its standard error matches the
# extended regular expression, and every line there starts with "tool: ".
refuse() {
  local wanted=$1 pattern=$2 name
  shift 2
  expect_status "$wanted" "$@" || return 1
  name=$(basename "$1")
  grep -Eq -- "$pattern" <<< "$stderr" || fail "no line on stderr matches '$pattern': $stderr" || return 1
  ! grep -Eqv "^$name: " <<< "$stderr" || fail "a line on stderr lacks '$name: ' at its start: $stderr"
}

assert_equal() {  # ACTUAL EXPECTED
  [ "$1" = "$2" ] || fail "$(printf 'got:      %s\nexpected: %s' "$1" "$2")"
}

assert_contains() {  # TEXT PART
  case $1 in *"$2"*) ;; *) fail "'$2' is not in: $1" ;; esac
}

assert_missing() {  # PATH...: none of them exists, nor a leftover with such a name plus a suffix
  local path leftover
  for path in "$@"; do
    for leftover in "$path" "$path".* ."$path"*; do
      [ ! -e "$leftover" ] || fail "$leftover was left behind" || return 1
    done
  done
}

assert_lines() {  # FILE N: the file has N lines
  assert_equal "$(wc -l < "$1" | tr -d ' ') lines in $1" "$2 lines in $1"
}

# requires PROGRAM...: skips the test, naming what is missing.
requires() {
  local program
  for program in "$@"; do
    command -v "$program" > /dev/null || skip "needs $program, which is not installed"
  done
}

# requires_data NAME: sets $DATA to the file NAME in the folder $CONVOY_DATA, or skips the test.
requires_data() {
  [ -n "${CONVOY_DATA:-}" ] || skip "needs $1: set CONVOY_DATA to the folder that has it"
  [ -e "$CONVOY_DATA/$1" ] || skip "needs $1, which is not in CONVOY_DATA=$CONVOY_DATA"
  DATA=$CONVOY_DATA/$1
}

# requires_fashion_mnist: skips the test unless $FASHION_MNIST has {train,t10k}-{images-idx3,labels-idx1}-ubyte.gz.
requires_fashion_mnist() {
  [ -e "$FASHION_MNIST/train-images-idx3-ubyte.gz" ] ||
    skip "needs Debian's package dataset-fashion-mnist (or FASHION_MNIST=FOLDER)"
}

# requires_terminal: skips the test if no pseudo-terminal can be made.
requires_terminal() {
  requires script
  script -qec true /dev/null < /dev/null > /dev/null 2>&1 || skip "needs a pseudo-terminal, which this system lacks"
}
requires_full_device() {
  [ -c /dev/full ] || skip "needs /dev/full, which this system lacks"
}

# fixture KIND FILE [NAME=VALUE]...: makes one small image. `fixture help` (or tests/cli/fixture.cpp) lists them:
#   fixture png a.png [size=64x48] [seed=1] [kind=rgb|rgba|gray|graya|palette|palette-alpha|gray1|rgb16|gray16|rgba16]
#                     [interlaced=1] [fill=R,G,B]
#   fixture jpeg a.jpg [size=64x48] [seed=1] [kind=ycc|gray|rgb|cmyk|ycck] [sampling=444|422|440|420|411]
#                     [progressive=1] [adobe=0] [exif=1..8] [quality=90] [ids=odd] [fill=R,G,B]
#   fixture png-header bomb.png size=100000x100000     a header that promises that size, with hardly any data
#   fixture idx FILE LABELS [count=100] [size=28x28] [classes=10] [seed=1]     an IDX pair, not compressed
# Red is a ramp over x, green a ramp over y, and blue is seed times 40 modulo 256; gray is the luma of these, and alpha a
# ramp over x+y. With fill=, all pixels have one colour.
fixture() {
  [ -x "$FIXTURE" ] || fail "$FIXTURE is not built: make tests" || return 1
  "$FIXTURE" "$@"
}

# make_idx STEM COUNT [NAME=VALUE]...: makes STEM-images.idx and STEM-labels.idx; image i has class i modulo the number
# of classes.
make_idx() {
  local stem=$1 count=$2
  shift 2
  fixture idx "$stem-images.idx" "$stem-labels.idx" count="$count" "$@"
}

# make_folders ROOT CLASSES PER_CLASS [NAME=VALUE]...: makes ROOT/class0/0.png, ..., each image with another seed.
make_folders() {
  local top=$1 classes=$2 each=$3 c i
  shift 3
  for ((c = 0; c < classes; c++)); do
    mkdir -p "$top/class$c"
    for ((i = 0; i < each; i++)); do
      fixture png "$top/class$c/$i.png" seed=$((c * each + i)) "$@" || return 1
    done
  done
}

# man_examples PAGE: prints the commands in the EXAMPLES section of man/PAGE ("convoy-imgprep.1"), one a line: the lines
# after "$ " in .Bd displays. A line that ends in a backslash (\e in mdoc), |, && or || continues in the next one.
man_examples() {
  awk '
    /^\.Sh/ { inside = ($2 == "EXAMPLES"); next }
    !inside { next }
    /^\.Bd/ { display = 1; next }
    /^\.Ed/ { display = 0; command = ""; next }
    !display { next }
    {
      line = $0
      gsub(/\\&/, "", line); gsub(/\\-/, "-", line); gsub(/\\\(aq/, "\047", line)
      gsub(/\\\(dq/, "\"", line); gsub(/\\\(ti/, "~", line); gsub(/\\\(ha/, "^", line)
      gsub(/\\\(rs|\\e/, "\\", line)
      if (command != "") { sub(/^[ \t]+/, "", line); command = command " " line }
      else if (line ~ /^\$ /) command = substr(line, 3)
      else next
      if (command ~ /\\$/) { sub(/[ \t]*\\$/, "", command); next }
      if (command ~ /(\||&&)$/) next
      print command
      command = ""
    }' "$ROOT/man/$1"
}

# run_example COMMAND: runs one command of man_examples in a shell with the programs in its PATH; fails, showing
# everything, unless it ends with status 0. $output has its standard output.
run_example() {
  PATH=$BIN:$PATH expect_status 0 bash -o pipefail -c "$1" < /dev/null
}

# hexdump_of FILE: prints lines like "00000000  89 43 ...", sixteen bytes a line, as in section 5 of the manual.
hexdump_of() {
  od -A x -t x1 -v "$1" | sed -e 's/^\([0-9a-f]*\) */00\1  /' -e '$d'
}

# requires_address_limit KIBIBYTES: skips the test if no program of the build can start with so little address space, as
# with AddressSanitizer.
requires_address_limit() {
  # shellcheck disable=SC2016
  bash -c 'ulimit -v "$1" && exec "$0" --version' "$BIN/imgprep" "$1" > version.txt 2>&1 || skip "needs a build that starts in $1 KiB"
}
