# Shards as seen by other programs: cat, pipes, Python.

# shellcheck disable=SC2002  # cat makes pipes, which is the point
load common

# Makes small.shard: 6 images of 5x4 in 3 classes.
make_small() {
  make_folders in 3 2 size=5x4
  "$BIN/imgprep" -q --size=none in -o small.shard
}

@test "cat of two shards is a shard" {
  make_small
  cat small.shard small.shard > two.shard
  "$BIN/shardpack" --list two.shard | cut -f2-4 > two
  "$BIN/shardpack" --list small.shard | cut -f2-4 > one
  cat one one | cmp - two
  assert_equal "$("$BIN/shardpack" --verify two.shard)" "two.shard	12	0"
}

@test "a shard through a pipe gives what the file gives" {
  make_small
  "$BIN/shardpack" --list small.shard | cut -f1-7 > file
  cat small.shard | "$BIN/shardpack" --list | cut -f1-7 > pipe
  cmp file pipe
  "$BIN/shardpack" --list - < small.shard | cut -f1-7 | cmp - file
  cat small.shard | "$BIN/shardpack" -q | cmp - small.shard
}

@test "sizes and offsets are multiples of 4096, and the magic starts each chunk" {
  make_small
  assert_equal "$(($(wc -c < small.shard) % 4096))" 0
  assert_equal "$(hexdump_of small.shard | grep -c '^0*[0-9a-f]*000  89 43 56 59 0d 0a 1a 0a')" 2
}

# Runs the lines of the manual's Python example, adapted to images of 5x4.
@test "Python maps the pixels as the manual says" {
  PYTHON=${PYTHON:-/usr/bin/python3}  # the one that finds Debian's packages
  requires "$PYTHON"
  "$PYTHON" -c 'import numpy' 2> /dev/null || skip "needs Python's numpy"
  make_small
  cp small.shard x.shard
  sed -n '/^import numpy, struct$/,/^\.Ed$/p' "$ROOT/man/convoy-shard.5" |
    sed -e '/^\.Ed$/d' -e 's/256 \* 256 \* 3/4 * 5 * 3/; s/n, 256, 256, 3/n, 4, 5, 3/' > example.py
  assert_lines example.py 4
  echo 'import sys; sys.stdout.buffer.write(pixels[4].tobytes())' >> example.py
  "$PYTHON" example.py > pixels
  read -r offset length < <("$BIN/shardpack" --list x.shard | awk -F '\t' '$1 == 4 { print $5, $6 }')
  tail -c +$((offset + 1)) x.shard | head -c "$length" | cmp - pixels
}
