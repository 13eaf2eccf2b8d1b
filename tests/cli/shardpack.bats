# shardpack: merging, shuffling, splitting, cutting, transcoding; looking inside; damage; wrong use.

# shellcheck disable=SC2002,SC2016  # cat makes pipes, which is the point; inner shells expand by themselves
load common

# Makes all.shard: 30 images of 8x6 in 3 classes.
make_all() {
  make_folders in 3 10 size=8x6
  "$BIN/imgprep" -q --size=none in -o all.shard
}
differ() { ! cmp -s "$1" "$2" || fail "the files are equal"; }
names() { "$BIN/shardpack" --list "$@" | cut -f4; }
# flip FILE OFFSET: changes one byte.
flip() {
  local old
  old=$(od -An -tu1 -j"$2" -N1 "$1")
  # shellcheck disable=SC2059
  printf "\\x$(printf %02x $((old ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
# payload FILE RECORD: prints the offset of the record's payload.
payload() { "$BIN/shardpack" --list "$1" | awk -F '\t' -v i="$2" '$1 == i { print $5 }'; }

@test "shardpack: without options passes everything on" {
  make_all
  "$BIN/shardpack" -q all.shard | cmp - all.shard
  "$BIN/shardpack" -q -o out.shard < all.shard
  cmp out.shard all.shard
  printf 'all.shard\nall.shard\n' > list
  "$BIN/shardpack" -q --files-from=list -o out.shard
  names all.shard all.shard > wanted
  names out.shard | cmp - wanted
}

@test "shardpack: a list of names is read strictly, and an empty one does not mean standard input" {
  make_all
  refuse_names() {  # TEXT MESSAGE OPTION...
    printf '%b' "$1" > list
    refuse 1 "$2" "$BIN/shardpack" "${@:3}" --files-from=list -o x.shard < all.shard
    assert_missing x.shard
  }
  refuse_names '' '^shardpack: list: names no file$'
  refuse_names '' 'names no file' -0
  refuse_names 'all.shard\n\n' '^shardpack: list:2:1: empty line'
  refuse_names 'all.shard\0\0' 'list:2: empty name' -0
  refuse_names 'all.shard \n' 'list:1:10: blank at the end of the line'
  refuse_names ' all.shard\n' 'list:1:1: blank at the beginning'
  refuse_names 'all.shard\r\n' 'list:1:10: carriage return'
  refuse_names 'all.shard\0' 'list:1:10: NUL byte \(is this a -0 list\?\)'
  refuse_names '\357\273\277all.shard\n' 'list:1:1: byte order mark'
  run bash -c '"$0" --files-from=- -o x.shard < /dev/null' "$BIN/shardpack"
  assert_equal "$status" 1
  assert_contains "$output" "stdin: names no file"
  cp all.shard 'all.shard '
  printf 'all.shard \0' > list
  "$BIN/shardpack" -q -0 --files-from=list | cmp - all.shard
}

@test "shardpack: the shuffle depends only on the seed" {
  make_all
  "$BIN/shardpack" -q --shuffle all.shard > a
  for options in -j1 -j2 --memory=1 --memory=1000 --memory=2K --memory=1T --seed=1; do
    "$BIN/shardpack" -q --shuffle "$options" all.shard | cmp - a
  done
  cat all.shard | "$BIN/shardpack" -q --shuffle --memory=500 | cmp - a
  "$BIN/shardpack" -q --shuffle --seed=2 all.shard > b
  differ a b
  names a | sort > a.names
  names b | sort | cmp - a.names
  names all.shard | sort | cmp - a.names
  differ <(names a) <(names all.shard)
  # Labels, pixels and checksums go with the names.
  "$BIN/shardpack" --list all.shard | cut -f2-4,6,7 | sort > all.list
  "$BIN/shardpack" --list a | cut -f2-4,6,7 | sort | cmp - all.list
}

@test "shardpack: how the inputs are cut into files does not matter" {
  make_all
  "$BIN/shardpack" -q --shuffle all.shard > a
  "$BIN/shardpack" -q --per-shard=7 -o 'p%d' all.shard
  assert_equal "$(echo p?)" "p0 p1 p2 p3 p4"
  "$BIN/shardpack" -q --shuffle p0 p1 p2 p3 p4 | cmp - a
  cat p? | "$BIN/shardpack" -q | cmp - all.shard
}

@test "shardpack: --shards, --per-shard and their patterns" {
  make_all
  "$BIN/shardpack" -q --shards=4 -o 'x-%05d.shard' all.shard
  assert_equal "$("$BIN/shardpack" --info x-0000?.shard | awk '$1 == "records" { print $2 }' | xargs)" "8 8 7 7"
  names x-0000?.shard | cmp - <(names all.shard)
  "$BIN/shardpack" -q --per-shard=15 -o '100%%-%d' - < all.shard
  assert_equal "$(echo 100%-*)" "100%-0 100%-1"
  "$BIN/shardpack" -q --shuffle --per-shard=40 -o 'y-%d' all.shard
  assert_equal "$(echo y-*)" "y-0"
  # The name of a single output is taken literally.
  "$BIN/shardpack" -q -o '50%.shard' all.shard
  cmp '50%.shard' all.shard
  # If there are more shards than records, the last ones are empty but valid.
  "$BIN/shardpack" -q --shards=32 -o 'z-%02d' all.shard
  assert_equal "$("$BIN/shardpack" --verify z-31)" "z-31	0	0"
  assert_equal "$("$BIN/shardpack" --info z-* | awk '$1 == "records" { n += $2 } END { print n }')" 30
}

@test "shardpack: --split draws exact, disjoint parts by the seed" {
  make_all
  "$BIN/shardpack" -q --split=train:0.8,val:0.1,test:0.1 -o '%s.shard' all.shard
  assert_equal "$(names train.shard | wc -l) $(names val.shard | wc -l) $(names test.shard | wc -l)" "24 3 3"
  names train.shard val.shard test.shard | sort | cmp - <(names all.shard | sort)
  # Without --shuffle a part keeps the order of the input; with it, it has the same records in another order.
  names all.shard | grep -Fxf <(names train.shard) | cmp - <(names train.shard)
  "$BIN/shardpack" -q --shuffle --split=train:0.8,val:0.1,test:0.1 -o 's-%s.shard' all.shard
  names s-train.shard | sort | cmp - <(names train.shard | sort)
  differ train.shard s-train.shard
  "$BIN/shardpack" -q --seed=2 --split=train:0.8,val:0.1,test:0.1 -o 't-%s.shard' all.shard
  differ <(names val.shard) <(names t-val.shard)
  "$BIN/shardpack" -q --memory=300 --split=train:0.8,val:0.2 --shards=2 -o '%s-%d' all.shard
  assert_equal "$(names train-0 train-1 | wc -l) $(names val-0 val-1 | wc -l)" "24 6"
}

@test "shardpack: --split divides each class, or with --split-by=record all records" {
  make_folders in 8 3 size=8x6
  "$BIN/imgprep" -q --size=none in -o r.shard
  run --separate-stderr "$BIN/shardpack" --shuffle --split=train:0.8,val:0.2 -o '%s.shard' r.shard
  assert_equal "$status" 0
  [[ $stderr != *"no images"* ]] || fail "$stderr"
  assert_equal "$("$BIN/shardpack" --list train.shard | cut -f2 | sort | uniq -c | awk '{ print $1 }' | xargs)" \
    "2 2 2 2 2 2 2 2"
  assert_equal "$("$BIN/shardpack" --list val.shard | cut -f2 | sort -u | wc -l)" 8
  names train.shard val.shard | sort | cmp - <(names r.shard | sort)
  run --separate-stderr "$BIN/shardpack" --split=train:0.8,val:0.2 --split-by=record -o '%s.shard' r.shard
  assert_equal "$status" 0
  [[ $stderr == *"val has no images of "*" more"* ]] || fail "$stderr"
  assert_equal "$(names train.shard | wc -l) $(names val.shard | wc -l)" "19 5"
  refuse 2 'needs --split' "$BIN/shardpack" --split-by=class -o x r.shard
  refuse 2 'not class or record' "$BIN/shardpack" --split=a:1 --split-by=label -o '%s' r.shard
}

@test "shardpack: transcodes, the same for any number of threads" {
  make_all
  "$BIN/shardpack" -q -j1 --codec=jpeg:90 all.shard > a.jpeg
  "$BIN/shardpack" -q -j2 --codec=jpeg:90 all.shard | cmp - a.jpeg
  "$BIN/shardpack" -q --shuffle -j1 --codec=jpeg all.shard > b.jpeg
  "$BIN/shardpack" -q --shuffle -j2 --codec=jpeg --memory=1K all.shard | cmp - b.jpeg
  assert_equal "$("$BIN/shardpack" --info a.jpeg | awk '$1 == "codec" { print $2 }')" jpeg
  cmp <(names a.jpeg) <(names all.shard)
  # JPEG stays as it is, and goes back to raw pixels.
  "$BIN/shardpack" -q --codec=jpeg:10 a.jpeg | cmp - a.jpeg
  "$BIN/shardpack" -q -j1 --codec=raw a.jpeg > a.raw
  "$BIN/shardpack" -q -j2 --codec=raw a.jpeg | cmp - a.raw
  assert_equal "$("$BIN/shardpack" --list a.raw | awk '{ print $6 }' | uniq)" 144
  # Inputs with different codecs are taken only with --codec.
  refuse 1 'codec jpeg' "$BIN/shardpack" -o no.shard all.shard a.jpeg
  refuse 1 'choose one with --codec' "$BIN/shardpack" --shuffle -o no.shard all.shard a.jpeg
  assert_missing no.shard
  "$BIN/shardpack" -q --codec=jpeg:90 a.jpeg all.shard > both
  cmp <(names both) <(names all.shard all.shard)
}

@test "shardpack: --list, --info and --json say what is there" {
  make_all
  expect_status 0 "$BIN/shardpack" --list all.shard
  assert_equal "${#lines[@]}" 30
  assert_equal "$(cut -f1-4,6,8 <<< "${lines[12]}")" "12	1	class1	class1/2.png	144	all.shard"
  expect_status 0 "$BIN/shardpack" --info all.shard
  assert_contains "$output" "records	30"
  assert_contains "$output" "class	2	class2		10"
  assert_contains "$output" "width	8"
  expect_status 0 "$BIN/shardpack" --info --json all.shard all.shard
  assert_equal "${#lines[@]}" 2
  assert_contains "${lines[0]}" '"records":30'
  # A tab and a newline in a name stay within its field.
  mkdir -p odd/class0
  cp in/class0/0.png "odd/class0/a"$'\t'"b"$'\n'"c.png"
  "$BIN/imgprep" -q --size=none odd -o odd.shard
  expect_status 0 "$BIN/shardpack" --list odd.shard
  assert_equal "${#lines[@]}" 1
  assert_equal "$(cut -f4 <<< "$output")" 'class0/a\tb\nc.png'
}

@test "shardpack: --extract gives the images and labels back" {
  make_all
  "$BIN/shardpack" -q --extract=out all.shard
  assert_equal "$(find out -name '*.png' | wc -l)" 30
  [ -e out/class1/2.png ]
  "$BIN/imgprep" -q --size=none out -o again.shard
  cmp again.shard all.shard
  # The same with threads and from a pipe; JPEG stays as it is.
  "$BIN/shardpack" -q -j2 --extract=two - < all.shard
  diff -r out two
  "$BIN/shardpack" -q --codec=jpeg all.shard > j.shard
  "$BIN/shardpack" -q --extract=jpegs j.shard
  assert_equal "$(find jpegs -name '*.png.jpg' | wc -l)" 30
  "$BIN/imgprep" -q --size=none jpegs | "$BIN/shardpack" --list | cut -f2 > labels
  "$BIN/shardpack" --list all.shard | cut -f2 | cmp - labels
  refuse 1 'out: is not empty' "$BIN/shardpack" --extract=out all.shard
  refuse 1 '^shardpack: labels: is not a folder$' "$BIN/shardpack" --extract=labels all.shard
  ln -s nowhere dangling
  refuse 1 '^shardpack: dangling: is a link to a folder that is not there: make it first$' "$BIN/shardpack" --extract=dangling all.shard
  ln -s labels file
  refuse 1 '^shardpack: file: is not a folder$' "$BIN/shardpack" --extract=file all.shard
  mkdir nowhere
  "$BIN/shardpack" -q --extract=dangling all.shard
  diff -r out nowhere
  assert_equal "$(find out -name '*.png' | wc -l)" 30
}

@test "shardpack: extracted names neither leave the folder nor collide" {
  mkdir -p in
  fixture png in/a.png size=4x4
  fixture png in/b.png size=4x4 seed=2
  mkdir sub && cp in/a.png sub/..png
  printf '%s\t0\n' "$TMP/in/a.png" in/../in/a.png in/b.png ./in/a.png in/a.png in/a.png > list
  printf '0\n' > classes
  "$BIN/imgprep" -q --size=none --classes=classes --files-from=list -o x.shard
  "$BIN/shardpack" -q --extract=out x.shard
  assert_equal "$(find out -type f | wc -l)" 6
  assert_equal "$(find out -mindepth 1 -maxdepth 1)" out/0
  assert_equal "$(find . -name '*.png' ! -path './out/*' | wc -l)" 3
}

@test "shardpack: a damaged record is named, left out, and makes the status 3" {
  make_all
  "$BIN/shardpack" -q --shuffle all.shard > whole
  cp all.shard bad.shard
  offset=$(payload bad.shard 7)
  flip bad.shard $((offset + 5))
  place="bad.shard: record 7 \(class0/7.png\): offset $offset"
  for options in --shuffle '--shuffle --memory=1K' -j1; do
    # shellcheck disable=SC2086
    refuse 3 "^shardpack: $place: payload checksum mismatch" "$BIN/shardpack" -q --rejects=rejects -o out $options bad.shard
    assert_equal "$(cat rejects)" "bad.shard: record 7 (class0/7.png): offset $offset	payload checksum mismatch"
    [ "$options" = -j1 ] || names out | cmp - <(names whole | grep -vx class0/7.png)
  done
  names out | cmp - <(names all.shard | grep -vx class0/7.png)
  expect_status 1 "$BIN/shardpack" --verify bad.shard all.shard
  assert_equal "$output" "bad.shard	29	1
all.shard	30	0"
  refuse 3 "$place" "$BIN/shardpack" --extract=dir bad.shard
  assert_contains "$stderr" "shardpack: 29 records in dir, 1 rejected"
  assert_equal "$(find dir -name '*.png' | wc -l)" 29
  # With --on-error=stop nothing is written.
  for options in --shuffle --codec=jpeg '--shuffle --memory=1K'; do
    # shellcheck disable=SC2086
    refuse 1 "record 7.*checksum mismatch" "$BIN/shardpack" --on-error=stop -o no.shard $options bad.shard
    assert_missing no.shard
  done
}

@test "shardpack: cut and garbled shards" {
  make_all
  head -c $(($(wc -c < all.shard) - 4096)) all.shard > cut.shard
  refuse 1 'cut.shard: offset [0-9]+: input ends without an end chunk' "$BIN/shardpack" --verify cut.shard
  refuse 3 '^shardpack: 30 records in 1 shard, an unknown number rejected$' "$BIN/shardpack" -o out.shard cut.shard
  printf x | cat all.shard - > longer.shard
  refuse 3 '^shardpack: 30 records in 1 shard, none rejected in spite of damage$' "$BIN/shardpack" -o out.shard longer.shard
  head -c $(($(payload all.shard 20) + 10)) all.shard > cut.shard
  refuse 3 'its last 10 records lost' "$BIN/shardpack" -o out.shard cut.shard
  # Records are counted, not messages; nothing is known about what may have followed.
  assert_contains "$stderr" "shardpack: 20 records in 1 shard, at least 10 rejected"
  refuse 3 '^shardpack: 20 records in dir, at least 10 rejected$' "$BIN/shardpack" --extract=dir cut.shard
  refuse 3 '^meanimg: mean of 20 images, at least 10 rejected$' "$BIN/meanimg" -o m.safetensors cut.shard
  refuse 3 '^meanimg: mean of 20 images, at least 10 rejected$' "$BIN/meanimg" -o m.safetensors < cut.shard
  names out.shard | cmp - <(names all.shard | head -20)
  cp all.shard bad.shard
  flip bad.shard 20
  refuse 1 'no whole chunk' "$BIN/shardpack" -o no.shard bad.shard
  cat bad.shard all.shard > more.shard
  refuse 3 'more.shard: offset 0: chunk header checksum mismatch: .* 1 chunk with 30 records lost' \
    "$BIN/shardpack" -o out.shard more.shard
  assert_contains "$stderr" "shardpack: 30 records in 1 shard, 30 rejected"
  names out.shard | cmp - <(names all.shard)
  assert_missing no.shard
}

@test "shardpack: two inputs that do not fit together are both named" {
  make_all
  make_folders more 4 2 size=8x6
  "$BIN/imgprep" -q --size=none more -o more.shard
  make_folders other 3 1 size=9x6
  "$BIN/imgprep" -q --size=none --codec=jpeg other -o other.shard
  refuse 1 'other.shard: does not go with all.shard: size 9x6x3 against 8x6x3' \
    "$BIN/shardpack" --codec=raw -o no.shard all.shard other.shard
  for options in --shuffle --shards=1 -q; do
    refuse 1 'more.shard: does not go with all.shard: 4 classes against 3' \
      "$BIN/shardpack" "$options" -o no%d.shard all.shard more.shard
  done
  cat all.shard more.shard > both.shard
  refuse 1 'both.shard: offset [0-9]+: .*3 classes against 4' "$BIN/shardpack" -o no.shard both.shard
  assert_missing no.shard no0.shard no%d.shard
}

@test "shardpack: files that are not shards" {
  make_all
  : > empty
  head -c 100000 /dev/urandom > garbage
  refuse 1 'empty: empty input' "$BIN/shardpack" empty -o no
  refuse 1 'garbage: offset 0: not a shard' "$BIN/shardpack" garbage -o no
  refuse 1 'in/class0/0.png: a PNG image where a shard is expected' "$BIN/shardpack" --shuffle in/class0/0.png -o no
  refuse 1 'in: a folder where a file is expected' "$BIN/shardpack" in -o no
  refuse 1 'missing: No such file' "$BIN/shardpack" missing -o no
  refuse 1 'transferred as text' "$BIN/shardpack" -o no <(sed 's/\r$//' all.shard)
  # An input that cannot be read does not keep the others from being verified.
  expect_status 1 "$BIN/shardpack" --verify empty all.shard missing all.shard
  assert_equal "$output" "empty	0	1
all.shard	30	0
missing	0	1
all.shard	30	0"
  assert_missing no
}

@test "shardpack: output that fails" {
  requires_full_device
  make_all
  refuse 1 'No space left' "$BIN/shardpack" -q -o /dev/full all.shard
  refuse 1 'No space left' "$BIN/shardpack" --list -o /dev/full all.shard
  refuse 1 'missing/x.shard: No such file' "$BIN/shardpack" -o missing/x.shard all.shard
  refuse 1 'in: ' "$BIN/shardpack" -o in all.shard
  run -1 --separate-stderr bash -c '"$1" -q all.shard > /dev/full' _ "$BIN/shardpack"
  run -0 bash -c '"$1" -q all.shard all.shard all.shard | head -c 100 > /dev/null' _ "$BIN/shardpack"
}

@test "shardpack: wrong use" {
  make_all
  refuse 2 'several outputs need -o' "$BIN/shardpack" --shards=2 all.shard
  refuse 2 'lacks %d' "$BIN/shardpack" --shards=2 -o x all.shard
  refuse 2 'lacks %s' "$BIN/shardpack" --split=a:0.5,b:0.5 -o x all.shard
  refuse 2 '%d needs --shards' "$BIN/shardpack" --split=a:0.5,b:0.5 -o x%s%d all.shard
  refuse 2 'have a meaning' "$BIN/shardpack" --shards=2 -o x%n all.shard
  refuse 2 'exclude each other' "$BIN/shardpack" --shards=2 --per-shard=2 -o x%d all.shard
  refuse 2 'exclude each other' "$BIN/shardpack" --list --info all.shard
  refuse 2 'exclude each other' "$BIN/shardpack" --list --shuffle all.shard
  refuse 2 'json needs --info' "$BIN/shardpack" --json all.shard
  refuse 2 'do not sum to 1' "$BIN/shardpack" --split=a:0.5 -o x%s all.shard
  refuse 2 'not a number of bytes' "$BIN/shardpack" --memory=8X --shuffle all.shard
  refuse 2 'neither raw nor jpeg' "$BIN/shardpack" --codec=png all.shard
  refuse 2 'whole number from 1 to 100' "$BIN/shardpack" --codec=jpeg:101 all.shard
  refuse 2 'shards' "$BIN/shardpack" --shards=0 -o x%d all.shard
  refuse 2 'skip, stop' "$BIN/shardpack" --on-error=maybe all.shard
  assert_equal "$(echo x*)" 'x*'
}

@test "shardpack: an interrupt leaves nothing half-written" {
  make_all
  mkfifo pipe
  "$BIN/shardpack" -q -o out.shard pipe &
  tool=$!
  { head -c 8000 all.shard; sleep 1; kill -TERM "$tool"; sleep 1; tail -c +8001 all.shard; } > pipe || true
  result=0
  wait "$tool" || result=$?
  assert_equal "$result" 143
  assert_missing out.shard
}

@test "shardpack: the examples of the manual" {
  make_all
  cp -r in photos
  man_examples convoy-shardpack.1 > examples
  assert_lines examples 9
  while IFS= read -r command; do
    run_example "$command"
  done < examples
  assert_equal "$(echo train-*)" "train-00000.shard train-00001.shard train-00002.shard train-00003.shard"
  "$BIN/imgprep" -q --size=none --classes=classes.txt in -o again.shard
  cmp again.shard all.shard
}
