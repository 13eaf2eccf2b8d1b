# Files of another kind than the tool expects are named for what they are, in one line.

# shellcheck disable=SC2016,SC2154  # texts for inner shells; stderr is set by run

load common
load training

# bytes FILE FORMAT: makes FILE of what printf writes for FORMAT.
bytes() {
  # shellcheck disable=SC2059  # the format has escapes
  printf "$2" > "$1"
}

@test "imgprep and predict name what is no image, and what to do, as files, in folders, archives and pipes" {
  requires tar
  make_training_set
  small_train --steps=1 -o w.safetensors train.shard
  mkdir in
  bytes in/a.jpg 'GIF89a\001\0\001\0'
  bytes in/b.jpg 'RIFF\0\0\0\0WEBPVP8 '
  bytes in/c.jpg 'BM\0\0\0\0\0\0\0\0\066\0'
  bytes in/d.jpg 'II*\0\010\0\0\0'
  bytes in/e.jpg '\0\0\0\040ftypheic\0\0'
  bytes in/f.jpg '<!DOCTYPE html>\n<title>404</title>\n'
  bytes in/g.jpg 'version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n'
  bytes in/h.jpg 'PK\003\004\024\0'
  bytes in/i.jpg '\0\0\0\0\0\0\0\0'
  bytes in/j.jpg '\0\0\010\003\0\0\0\001\0\0\0\001\0\0\0\001\0'
  cat train.shard > in/k.jpg
  cp w.safetensors in/l.jpg
  bytes in/m.jpg '{"message": "Not Found"}\n'
  local name reasons=() tool
  reasons=('GIF image: convert it to PNG' 'WebP image: convert it to PNG' 'BMP image: convert it to PNG'
    'TIFF image: convert it to PNG' 'HEIC image: convert it to PNG' 'HTML page: the download failed'
    'Git LFS pointer: run git lfs pull' 'zip archive: unpack it or make a tar'
    'zero bytes: the copy or the download failed' 'IDX file: see --idx of imgprep' 'a shard where an image is expected'
    'weights where an image is expected' 'a JSON file where an image is expected')
  local -A tools=([imgprep]='-o out' [predict]='-w w.safetensors')
  for tool in imgprep predict; do
    # shellcheck disable=SC2086
    refuse 1 'every image was rejected' "$BIN/$tool" ${tools[$tool]} --rejects=r.tsv in
    assert_lines r.tsv 13
    local at=0
    for name in in/*; do
      sed -n "$((at + 1))p" r.tsv | grep -q "^$name	.*${reasons[at]}$" || fail "$name: $(sed -n "$((at + 1))p" r.tsv)"
      at=$((at + 1))
    done
    tar --sort=name -cf in.tar in
    # shellcheck disable=SC2086
    expect_status 1 "$BIN/$tool" ${tools[$tool]} --rejects=tar.tsv in.tar
    assert_equal "$(cut -f 2 tar.tsv)" "$(cut -f 2 r.tsv)"
    for at in 0 1 3 5 6 7; do
      name=$(printf 'in/%s.jpg' "$(echo abcdefgh | cut -c $((at + 1)))")
      # shellcheck disable=SC2086
      refuse 1 "^$tool: $name: .*${reasons[at]}$" "$BIN/$tool" ${tools[$tool]} "$name"
      # shellcheck disable=SC2086
      expect_status 1 bash -c 'cat "$1" | "$0" "${@:2}"' "$BIN/$tool" "$name" ${tools[$tool]}
      assert_contains "$stderr" "${reasons[at]}"
    done
  done
}

@test "every tool says what stands where a shard is expected" {
  make_training_set
  small_train --steps=1 --checkpoint=c.safetensors -o w.safetensors train.shard
  fixture png a.png
  tar -cf a.tar a.png
  echo words > text
  : > empty
  local file what
  while IFS=: read -r file what; do
    refuse 1 "^shardpack: $file: $what where a shard is expected$" "$BIN/shardpack" -o out "$file"
    refuse 1 "^shardpack: $file: $what where a shard is expected$" "$BIN/shardpack" --info "$file"
    refuse 1 "^meanimg: $file: $what where a shard is expected$" "$BIN/meanimg" -o out "$file"
    refuse 1 "^train: $file: $what where a shard is expected$" "$BIN/train" "${SMALL[@]}" -o out "$file"
    refuse 1 "^train: $file: $what where a shard is expected$" "$BIN/train" "${SMALL[@]}" --val="$file" -o out train.shard
    refuse 1 "^eval: $file: $what where a shard is expected$" "$BIN/eval" -w w.safetensors "$file"
    refuse 1 "^shardpack: stdin: $what where a shard is expected$" "$BIN/shardpack" -o out < <(cat "$file")
    assert_missing out
  done << 'END'
w.safetensors:weights
c.safetensors:a checkpoint
mean.safetensors:a mean file
small.net:a net
a.png:a PNG image
a.tar:a tar archive
text:a text
END
}

@test "every tool says what stands where weights, a checkpoint, a mean, a net or a text is expected" {
  make_training_set
  small_train --steps=1 --checkpoint=c.safetensors -o w.safetensors train.shard
  fixture png a.png
  echo words > text
  expect() {  # MESSAGE COMMAND...
    refuse 1 "^$(basename "$2"): .*$1$" "${@:2}" || return 1
    assert_equal "$(grep -c 'expected' <<< "$stderr")" 1 || return 1
    assert_missing out
  }
  local tool
  for tool in eval predict; do
    expect 'train.shard: a shard where weights are expected' "$BIN/$tool" -w train.shard w.safetensors
    expect 'mean.safetensors: a mean file where weights are expected' "$BIN/$tool" -w mean.safetensors train.shard
    expect 'small.net: a net where weights are expected' "$BIN/$tool" -w small.net train.shard
    expect 'a.png: a PNG image where weights are expected' "$BIN/$tool" -w a.png train.shard
    expect 'text: a text where weights are expected' "$BIN/$tool" -w text train.shard
  done
  cp train.shard other.shard
  expect 'other.shard: a shard where a checkpoint is expected' "$BIN/train" --resume=other.shard -o out train.shard
  expect 'mean.safetensors: a mean file where a checkpoint is expected' "$BIN/train" --resume=mean.safetensors -o out train.shard
  expect 'train.shard: a shard where a mean file is expected' "$BIN/train" --net=small.net --mean=train.shard -o out train.shard
  expect 'a.png: a PNG image where a mean file is expected' "$BIN/train" --net=small.net --mean=a.png -o out train.shard
  expect 'train.shard: a shard where a mean file is expected' "$BIN/meanimg" --merge -o out train.shard
  expect 'c.safetensors: a checkpoint where a mean file is expected' "$BIN/train" --net=small.net --mean=c.safetensors -o out train.shard
  expect 'c.safetensors: a checkpoint where a mean file is expected' "$BIN/meanimg" --merge -o out c.safetensors
  expect 'w.safetensors: weights where a mean file is expected' "$BIN/train" --net=small.net --mean=w.safetensors -o out train.shard
  expect 'w.safetensors: weights where a mean file is expected' "$BIN/meanimg" --merge -o out w.safetensors
  expect 'w.safetensors: weights where a net is expected' "$BIN/train" --net=w.safetensors --mean=none -o out train.shard
  expect 'train.shard: a shard where a net is expected' "$BIN/train" --net=train.shard --mean=none -o out train.shard
  expect 'train.shard: a shard where a net is expected' "$BIN/train" --describe --net=train.shard -o out
  for tool in shardpack meanimg; do
    expect 'train.shard: a shard where a list of names is expected' "$BIN/$tool" --files-from=train.shard -o out
  done
  expect 'a.png: a PNG image where a list of names is expected' "$BIN/imgprep" --files-from=a.png -o out
  expect 'a.png: a PNG image where a list of labels is expected' "$BIN/imgprep" --labels=a.png -o out a.png
  expect 'small.net: a net where a class table is expected' "$BIN/imgprep" --classes=small.net -o out a.png
  bytes json '{"0": ["n01440764", "tench"]}'
  expect 'json: a JSON file where a class table is expected' "$BIN/imgprep" --classes=json -o out a.png
  expect 'a.png: a PNG image where an IDX file is expected' "$BIN/imgprep" --idx -o out a.png train-labels.idx
  expect 'a.png: a PNG image where a file of options is expected' "$BIN/imgprep" --config=a.png -o out a.png
}
