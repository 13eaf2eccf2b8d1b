# IDX files: every type, order of dimensions and shape of labels to imgprep, and images to predict.

# shellcheck disable=SC2154  # stderr is set by run

load common
load training

# bytes N VALUE...: each value in N bytes, big-endian.
bytes() {
  local count=$1 value i text=
  shift
  for value; do
    for ((i = count - 1; i >= 0; i--)); do text+=$(printf '\\x%02x' $(((value >> (8 * i)) & 255))); done
  done
  printf '%b' "$text"
}

# write_idx FILE TYPE "DIMS" VALUE...: TYPE is u8, i8, i16 or i32.
write_idx() {
  local file=$1 type=$2 code size
  local -a dims
  read -ra dims <<< "$3"
  shift 3
  case $type in
    u8) code=8 size=1 ;; i8) code=9 size=1 ;; i16) code=11 size=2 ;; i32) code=12 size=4 ;;
  esac
  { bytes 1 0 0 "$code" "${#dims[@]}"; bytes 4 "${dims[@]}"; bytes "$size" "$@"; } > "$file"
}

# prepared OUT OPERAND...: the shard of IDX files as they are.
prepared() {
  local out=$1
  shift
  expect_status 0 "$BIN/imgprep" --idx --size=none -o "$out" "$@"
}

# pixels SHARD: its pixels and labels.
pixels() {
  rm -rf extracted
  "$BIN/shardpack" -q --extract=extracted "$1"
  (cd extracted && find . -name '*.png' | sort | sed 's/.*:/:/' && find . -name '*.png' | sort | xargs cat)
}

@test "the order of dimensions and the type of the values do not matter" {
  # Two images of 2 x 3 pixels; pixel y, x, channel c of image n is 100 n + 10 (3 y + x) + c.
  local n c i last=() first=() type
  for n in 0 1; do
    for i in 0 1 2 3 4 5; do for c in 0 1 2; do last+=($((60 * n + 10 * i + c))); done; done
    for c in 0 1 2; do for i in 0 1 2 3 4 5; do first+=($((60 * n + 10 * i + c))); done; done
  done
  write_idx labels u8 2 0 1
  write_idx expected u8 "2 2 3 3" "${last[@]}"
  prepared expected.shard expected labels
  assert_equal "$stderr" "imgprep: 2 images, 2 classes"
  pixels expected.shard > expected.pixels
  for type in u8 i8 i16 i32; do
    write_idx last "$type" "2 2 3 3" "${last[@]}"
    write_idx first "$type" "2 3 2 3" "${first[@]}"
    # The last dimension wins if both could be the channels.
    prepared other.shard first labels
    assert_contains "$stderr" "first: 2 x 3 x 2 x 3 is read as number, height, width, channels"
    write_idx labels "$type" "2 1" 0 1
    prepared a.shard last labels
    pixels a.shard | cmp - expected.pixels
  done
  # Of 3 x 2 pixels, the same bytes are planes without doubt.
  write_idx first i32 "2 3 3 2" "${first[@]}"
  write_idx last u8 "2 3 2 3" "${last[@]}"
  prepared a.shard first labels
  assert_equal "$stderr" "imgprep: 2 images, 2 classes"
  prepared b.shard last labels
  pixels a.shard > a.pixels
  pixels b.shard | cmp - a.pixels
}

@test "labels of one or two dimensions, or none" {
  write_idx images u8 "3 1 2" 1 2 3 4 5 6
  write_idx labels i32 "3 8" 2 0 0 0 0 0 0 9 0 1 1 1 1 1 1 1 1 7 7 7 7 7 7 7
  prepared a.shard images labels
  assert_equal "$stderr" "imgprep: labels: of 8 columns, the first is the class
imgprep: 3 images, 3 classes"
  assert_equal "$("$BIN/shardpack" --list a.shard | cut -f 2 | xargs)" "2 0 1"
  prepared a.shard images
  assert_equal "$stderr" "imgprep: images: no labels follow: its images have no class
imgprep: 3 images, 0 classes, 3 unlabelled"
  prepared a.shard images images labels
  assert_contains "$stderr" "imgprep: 6 images, 3 classes, 3 unlabelled"
  printf 'images:0 1\nimages:1 0\nimages:2 1\n' > table
  expect_status 0 "$BIN/imgprep" --idx --labels=table -o a.shard images
  assert_contains "$stderr" "3 images, 2 classes"
}

@test "labels that begin at 1" {
  write_idx images u8 "3 1 2" 1 2 3 4 5 6
  write_idx labels u8 3 2 1 3
  prepared a.shard images labels
  assert_contains "$stderr" "1 class of 4 has no images: 0 (labels count from 0; these seem to begin at 1)"
  assert_equal "$(tail -n 1 <<< "$stderr")" "imgprep: 3 images, 4 classes"
  printf 'a\nb\nc\n' > classes
  refuse 1 "labels: labels from 1 to 3, but the table has 3 classes, from 0: subtract 1, or begin the table with" \
    "$BIN/imgprep" --idx --classes=classes -o x.shard images labels
  assert_missing x.shard
  printf 'none\na\nb\nc\n' > classes
  expect_status 0 "$BIN/imgprep" --idx --classes=classes -o a.shard images labels
  assert_contains "$stderr" "1 class of 4 has no images: none"
}

@test "what does not fit is refused, with its place, and nothing is written" {
  idx_refuse() { refuse 1 "^imgprep: $1" "$BIN/imgprep" --idx -o x.shard "${@:2}"; }
  write_idx images u8 "3 1 2" 1 2 3 4 5 6
  write_idx labels u8 3 0 1 2
  idx_refuse "labels: labels \(3\) where images, of 3 or 4 dimensions, are expected" labels images
  idx_refuse "labels: labels \(3\) behind labels, which has those of images" images labels labels
  write_idx four u8 "1 2 2 4" {1..16}
  idx_refuse "four: not images: of 1 x 2 x 2 x 4, the last dimension is 4, not 1 or 3 channels" four labels
  write_idx deep i16 "2 1 2" 0 255 300 7
  idx_refuse "deep: offset 20: the value 300 of image 1 is not from 0 to 255" deep
  write_idx negative i32 3 0 -1 2
  idx_refuse "negative: offset 12: label -1 of image 1 is not from 0 to" images negative
  write_idx rows u8 "3 3" 0 0 1 1 0 0 0 1 0
  idx_refuse "rows: each row of 3 columns is zeros and a single one: store the number" images rows
  { bytes 1 0 0 13 3; bytes 4 1 1 2 0 0; } > float
  idx_refuse "float: offset 2: images of floating-point numbers .*: store whole numbers from 0 to 255" float
  { bytes 1 0 0 8 3; bytes 4 4294967295 28 28; } > huge
  idx_refuse "huge: offset 16: the header promises 3367254359280 values, the file has 0" huge
  gzip -k huge images
  idx_refuse "huge.gz: offset 16: the header promises 3367254359280 values, the file has 0" huge.gz
  head -c 25 images.gz > cut.gz
  idx_refuse "cut.gz: " cut.gz
  printf '<!DOCTYPE html>\n' > page.html
  idx_refuse "page.html: an HTML page where an IDX file is expected: the download failed" page.html labels
  assert_missing x.shard
}

@test "without --idx, an IDX file is named as one" {
  write_idx images u8 "3 1 2" 1 2 3 4 5 6
  fixture png good.png
  refuse 1 "^imgprep: images: an IDX file: give --idx$" "$BIN/imgprep" -o x.shard images
  refuse 1 "^imgprep: stdin: an IDX file: give --idx$" "$BIN/imgprep" -o x.shard < images
  gzip images
  refuse 1 "^imgprep: images.gz: an IDX file: give --idx$" "$BIN/imgprep" -o x.shard images.gz
}

@test "IDX files come through pipes" {
  make_idx a 20 size=8x8
  prepared expected.shard a-images.idx a-labels.idx
  # shellcheck disable=SC2002  # a pipe, not a file
  cat a-images.idx | "$BIN/imgprep" -q --idx --size=none -o a.shard - <(gzip -c a-labels.idx)
  pixels expected.shard > expected.pixels
  pixels a.shard | cmp - expected.pixels
}

@test "memory does not grow with the number of images in an IDX file" {
  requires_address_limit 600000
  # 1.3 GB of values are read in 600 MB of address space.
  { bytes 1 0 0 12 3; bytes 4 20000 128 128; head -c 1310720000 /dev/zero; } | gzip -1 > large.gz
  # shellcheck disable=SC2016
  expect_status 0 bash -c 'ulimit -v 600000 && "$0" "$@"' "$BIN/imgprep" -j 2 --idx --gray --size=8 -o a.shard large.gz
  assert_contains "$stderr" "20000 images"
}

@test "predict answers the images of an IDX file, named as imgprep names them" {
  make_training_set
  small_train --epochs=3 -o w.safetensors train.shard
  "$BIN/eval" -q -w w.safetensors --predictions=p.tsv val.shard
  answers() { cut -f 1,3,5 <<< "$output"; }
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 val-images.idx
  assert_equal "$(cut -f 1,3 <<< "$output")" "$(sed 1d p.tsv | cut -f 1,3)"
  local expected
  expected=$(answers)
  gzip -k val-images.idx
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 val-images.idx.gz
  assert_equal "$(answers)" "${expected//val-images.idx/val-images.idx.gz}"
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 < val-images.idx.gz
  assert_equal "$(answers | cut -f 2,3)" "$(cut -f 2,3 <<< "$expected")"
  # shellcheck disable=SC2016
  expect_status 0 bash -c 'cat val-images.idx | "$0" -w w.safetensors -k 1' "$BIN/predict"
  assert_equal "$(answers | cut -f 2,3)" "$(cut -f 2,3 <<< "$expected")"
  assert_equal "$(cut -f 1 <<< "${lines[2]}")" "stdin:2"
  printf '%s\n' val-images.idx > list
  expect_status 0 "$BIN/predict" -w w.safetensors -k 1 list
  assert_equal "$(answers)" "$expected"
  refuse 1 "^predict: val-labels.idx: not images: 1 dimension" "$BIN/predict" -w w.safetensors val-labels.idx
}

@test "predict answers each image of an IDX file in a pipe as it arrives" {
  make_training_set
  small_train --epochs=1 -o w.safetensors train.shard
  coproc "$BIN/predict" -w w.safetensors -k 1
  local to=${COPROC[1]} from=${COPROC[0]} pid=$COPROC_PID answer
  head -c $((16 + 144)) val-images.idx > first
  tail -c +$((16 + 144 + 1)) val-images.idx | head -c 144 > second
  cat first >&"$to"
  read -r -t 60 answer <&"$from"
  assert_equal "$(cut -f 1 <<< "$answer")" stdin:0
  cat second >&"$to"
  read -r -t 60 answer <&"$from"
  assert_equal "$(cut -f 1 <<< "$answer")" stdin:1
  exec {to}>&-
  run ! wait "$pid"
}
