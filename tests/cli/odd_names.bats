# Files whose names look like parts of a message: every tool reports them unchanged, on standard error and as the
# place in the file of --rejects.

# shellcheck disable=SC2016,SC2154  # texts for inner shells; output, stderr and lines are set by run

load common
load training

NAMES=('a: offset 3' 'b): c' 'x:1:2: y' 'stdout: z' 'a: record 1 (b): offset 2: c')

# listed TOOL PLACE REASON: fails unless the only line of r.tsv has PLACE and REASON, and $stderr reports both for TOOL.
listed() {
  assert_equal "$(cat r.tsv)" "$2	$3" || return 1
  assert_contains "$stderr" "$1: $2: $3"
}

# damaged NAME: makes a shard of that name whose record 5 is damaged, and sets $place to the place of the damage.
damaged() {
  cp train.shard "$1" || return 1
  damage_payload "$1" 5
  place=$("$BIN/shardpack" --list "$1" | sed -n 6p | cut -f 4,5 | sed 's/\(.*\)\t\(.*\)/(\1): offset \2/')
  place="$1: record 5 $place"
}

@test "imgprep reports images, folders, archives and lists with odd names unchanged" {
  fixture png good.png
  local name
  for name in "${NAMES[@]}"; do
    : > "$name"
    expect_status 3 "$BIN/imgprep" --size=8 -o out.shard --rejects=r.tsv good.png "$name"
    listed imgprep "$name" "empty file"
    expect_status 3 "$BIN/imgprep" --size=8 -o out.shard --rejects=r.tsv good.png "gone$name"
    listed imgprep "gone$name" "No such file or directory"
    mkdir -p in
    mv "$name" "in/$name.png"  # a name of an image, or it would be passed over
    expect_status 3 "$BIN/imgprep" --size=8 -o out.shard --rejects=r.tsv good.png in
    listed imgprep "in/$name.png" "empty file"
    tar -cf "$name" --force-local in
    expect_status 3 "$BIN/imgprep" --size=8 -o out.shard --rejects=r.tsv good.png "$name"
    listed imgprep "$name: in/$name.png" "empty file"
    head -c 100000 /dev/urandom > in/data
    gzip -c in/data | head -c 50000 > "$name"
    expect_status 3 "$BIN/imgprep" --size=8 -o out.shard --rejects=r.tsv good.png "$name"
    assert_equal "$(cut -f 1 r.tsv)" "$name"
    printf 'good.png\t0 \n' > "$name"
    expect_status 1 "$BIN/imgprep" --size=8 -o out.shard --files-from="$name"
    assert_contains "$stderr" "imgprep: $name:1:11: "
    rm -r in "$name"
  done
}

@test "imgprep names a damaged archive inside an archive by its path there" {
  local name
  mkdir in
  head -c 100000 /dev/urandom > in/data
  tar -cf in.tar in
  for name in "${NAMES[@]}"; do
    gzip -c in.tar | head -c 50000 > "$name.gz"
    tar -cf outer --force-local "$name.gz"
    mv outer "$name"
    expect_status 1 "$BIN/imgprep" --size=8 -o out.shard --rejects=r.tsv "$name"
    assert_equal "$(tail -n 1 r.tsv | cut -f 1)" "$name"
    assert_contains "$(tail -n 1 r.tsv | cut -f 2)" "$name.gz: "
    assert_contains "$stderr" "imgprep: $name: $name.gz: "
    rm "$name" "$name.gz"
  done
}

@test "shardpack reports odd names unchanged for damaged records and for files that are not shards" {
  make_training_set
  local name place how wanted
  for name in "${NAMES[@]}"; do
    damaged "$name"
    for how in --shuffle --codec=raw --list --info --verify; do
      [ "$how" != --list ] && [ "$how" != --info ] || continue  # these read no payloads of files
      wanted=$([ "$how" = --verify ] && echo 1 || echo 3)
      expect_status "$wanted" "$BIN/shardpack" "$how" -o out --rejects=r.tsv "$name"
      listed shardpack "$place" "payload checksum mismatch"
    done
    expect_status 3 "$BIN/shardpack" --extract=dir --rejects=r.tsv "$name"
    listed shardpack "$place" "payload checksum mismatch"
    rm -r dir
    expect_status 1 "$BIN/shardpack" --on-error=stop --rejects=r.tsv -o no.shard "$name"
    listed shardpack "$place" "payload checksum mismatch"
    printf 'no shard' > "$name"
    for how in --list --info --verify; do
      expect_status 1 "$BIN/shardpack" "$how" --rejects=r.tsv "$name"
      listed shardpack "$name" "a text where a shard is expected"
    done
    expect_status 1 "$BIN/shardpack" --info --rejects=r.tsv "gone$name"
    listed shardpack "gone$name" "No such file or directory"
    rm "$name"
  done
}

@test "shardpack ends when its output fails, not when an input of that name does" {
  requires_full_device
  make_training_set
  : > stdout
  expect_status 3 "$BIN/shardpack" --info stdout train.shard
  assert_contains "$output" "records	40"
  run --separate-stderr bash -c '"$0" --list train.shard train.shard > /dev/full' "$BIN/shardpack"
  [ "$status" -eq 1 ]
  assert_equal "$stderr" "shardpack: stdout: No space left on device"
}

@test "meanimg reports damaged records of shards with odd names unchanged" {
  make_training_set
  local name place
  for name in "${NAMES[@]}"; do
    damaged "$name"
    expect_status 3 "$BIN/meanimg" -o m.safetensors --rejects=r.tsv "$name"
    listed meanimg "$place" "payload checksum mismatch"
    expect_status 3 "$BIN/meanimg" -o m.safetensors --rejects=r.tsv < "$name"
    listed meanimg "stdin${place#"$name"}" "payload checksum mismatch"
    rm "$name"
  done
}

@test "train, eval and predict report damaged records of shards with odd names unchanged" {
  make_training_set
  local name place
  for name in "${NAMES[@]}"; do
    damaged "$name"
    expect_status 3 small_train --steps=10 -o w.safetensors --rejects=r.tsv "$name"
    listed train "$place" "payload checksum mismatch"
    expect_status 3 "$BIN/eval" -w w.safetensors --rejects=r.tsv "$name"
    listed eval "$place" "payload checksum mismatch"
    expect_status 3 "$BIN/predict" -w w.safetensors --rejects=r.tsv "$name"
    listed predict "$place" "payload checksum mismatch"
    expect_status 3 bash -c 'cat "$1" | "$0" -w w.safetensors --json --rejects=r.tsv' "$BIN/predict" "$name"
    listed predict "stdin${place#"$name"}" "payload checksum mismatch"
    assert_contains "$output" '"error":"payload checksum mismatch"'
    head -c 100 train.shard > "$name"
    expect_status 1 "$BIN/predict" -w w.safetensors --rejects=r.tsv "$name"
    assert_equal "$(cut -f 1 r.tsv)" "$name"
    : > "$name"
    expect_status 1 "$BIN/predict" -w w.safetensors --rejects=r.tsv "$name"
    listed predict "$name" "empty file"
    printf 'good.png\r\n' > "$name"
    fixture png good.png size=12x12 kind=gray
    expect_status 1 "$BIN/predict" -w w.safetensors --rejects=r.tsv "$name"
    assert_equal "$(cut -f 1 r.tsv)" "$name:1:9"
    rm "$name"
  done
}

@test "no name of an image or a class reaches the terminal with control characters, and none loses a byte" {
  # Titles of windows, colours, and C1 controls of eight bits; the direction of text, and its lines; a backslash and what
  # looks like an escape.
  local names=($'a\e]0;title\a.png' $'b\x7f\x01.png' $'c\xc2\x9b31m.png' $'c\xe2\x80\xaegnp.\xe2\x81\xa6\xe2\x80\xa8\xd8\x9c.png'
    $'d\t\n\r.png' 'e\x1b\\.png' $'f\xff\xc2\x9b\x9b31m.png')
  local class=$'k \\t\xe2\x80\x8f' name i
  mkdir -p "photos/$class"
  for i in "${!names[@]}"; do fixture png "photos/$class/${names[i]}" size=12x12 kind=gray seed=$((i + 1)); done
  : > "photos/$class/"$'g\e[2J.png'
  mkdir photos/plain
  fixture png photos/plain/h.png size=12x12 kind=gray
  tar --sort=name -cf photos.tar photos
  make_training_set
  small_train --steps=2 -o w.safetensors train.shard
  expect_status 3 "$BIN/imgprep" -v --size=none --gray --rejects=r.tsv -o photos.shard photos.tar
  printf '%s' "$stderr" > messages
  "$BIN/shardpack" -q --list photos.shard > list
  "$BIN/shardpack" -q --info photos.shard > info
  "$BIN/shardpack" -q --info --json photos.shard > json
  "$BIN/predict" -q -w w.safetensors -k 1 photos.tar > predictions 2>> messages || [ $? = 3 ]
  "$BIN/predict" -q -w w.safetensors -k 1 --json photos.tar > answers 2>> messages || [ $? = 3 ]
  "$BIN/meanimg" -q -o own.safetensors photos.shard
  "$BIN/train" -q --net=<(printf 'input 12x12x1\nfc f 2\nsoftmax\n') --mean=own.safetensors --batch=2 --steps=1 -o one.safetensors photos.shard
  "$BIN/eval" -q -w one.safetensors --per-class --confusion=confusion --predictions=rows photos.shard > report
  "$BIN/eval" -q -w one.safetensors --per-class --json photos.shard > report.json
  local file
  for file in messages r.tsv list info json predictions answers confusion rows report report.json; do
    [ -s "$file" ] || fail "$file is empty"
    # Nothing below a blank but the ends of lines and the tabs of tables, no DEL, no C1 in UTF-8, nothing that turns text.
    ! LC_ALL=C grep -aPn '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xd8\x9c|(?<![\x80-\xff])[\x80-\x9f]' "$file" || fail "$file has control characters"
  done
  for i in "${!names[@]}"; do
    printf -v name '%b' "$(sed -n "$((i + 1))p" list | cut -f 4)"
    assert_equal "$name" "photos/$class/${names[i]}"
    printf -v name '%b' "$(sed -n "$((i + 1))p" predictions | cut -f 1)"
    assert_equal "$name" "photos/$class/${names[i]}"
  done
  printf -v name '%b' "$(cut -f 1 r.tsv)"
  assert_equal "$name" "photos.tar: photos/$class/"$'g\e[2J.png'
  printf -v name '%b' "$(grep -a ^class report | head -n 1 | cut -f 2)"
  assert_equal "$name" "$class"
}
