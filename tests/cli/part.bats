# --part=i/N of imgprep and shardpack: what several runs make of parts is what one run makes of the whole.

# shellcheck disable=SC2154  # stderr and status are set by run

load common

# prepares_alike STATUS OPTION-OR-INPUT...: prepares all images in one run, which must end with STATUS (any: if it is not 1), and then
# in 1, 2, 3 and 17 parts, on one thread and on three; fails unless the parts' shards, joined, are the whole's, and so are
# their rejects and the worst of their statuses. What FEED names, if it is set, comes through a pipe on standard input.
prepares_alike() {
  local wanted=$1 parts n worst
  shift
  # shellcheck disable=SC2002  # a pipe is meant
  feed() { if [ -n "${FEED:-}" ]; then cat "$FEED" | "$@"; else "$@"; fi; }
  rm -f ./*.part whole.shard
  run --separate-stderr feed "$BIN/imgprep" --size=24 -o whole.shard --rejects=whole.rejects "$@"
  if [ "$wanted" = any ]; then
    [ "$status" -ne 1 ] || return 0  # no image is left
    wanted=$status
  fi
  [ "$status" -eq "$wanted" ] || fail "status $status: $stderr" || return 1
  for parts in 1 2 3 17; do
    worst=0
    for ((n = 1; n <= parts; n++)); do  # run uses i
      run --separate-stderr feed "$BIN/imgprep" --size=24 -j $((1 + n % 2 * 2)) --part="$n/$parts" -o "$(printf %02d "$n").part" \
        --rejects="$(printf %02d "$n").rejects.part" "$@"
      [ "$status" -eq 0 ] || [ "$status" -eq "$wanted" ] || fail "part $n/$parts: status $status: $stderr" || return 1
      worst=$((worst | status))
    done
    assert_equal "$worst" "$wanted" || return 1
    cat [0-9][0-9].part > joined.shard
    expect_status 0 "$BIN/shardpack" --verify joined.shard || return 1
    "$BIN/shardpack" -q joined.shard | cmp - whole.shard || fail "$parts parts are not the whole" || return 1
    cat [0-9][0-9].rejects.part | cmp - whole.rejects || fail "$parts parts have other rejects" || return 1
    rm -f ./*.part
  done
}

# Two classes, files that are no images, an image that is cut off, and one of a class that no other has.
make_odd_photos() {
  make_folders photos 3 2
  fixture jpeg photos/class1/cut.jpg
  head -c 900 photos/class1/cut.jpg > cut.jpg
  mv cut.jpg photos/class1/cut.jpg
  echo notes > photos/class0/notes.txt
  echo notes > photos/class2/zz.txt
  mkdir photos/later photos/empty
  fixture png photos/later/1.png seed=9
  : > photos/later/0.png
}

@test "parts of a folder, and of a list, are the whole" {
  make_odd_photos
  prepares_alike 3 photos
  (cd photos && find . -name '*.[pj]*g' | LC_ALL=C sort | sed 's|^\./\([^/]*\)/.*|&\t\1|') > list
  printf 'class0\nclass1\nclass2\nlater\n' > classes
  prepares_alike 3 --classes=classes --list-root=photos --files-from=list
  # Entries without labels may be anything, and what does not exist counts, too.
  printf 'photos/class2\nmissing.png\nphotos/class0/0.png\nphotos/class1\nphotos/class0/notes.txt\n' > list
  prepares_alike 3 --files-from=list
}

@test "parts of archives, compressed, in archives and with links, are the whole" {
  requires tar gzip zstd
  make_odd_photos
  ln -s ../class0/0.png photos/later/2.png
  ln -s nowhere photos/later/3.png
  tar --sort=name -cf photos.tar photos
  gzip -k photos.tar
  prepares_alike 3 photos.tar
  prepares_alike 3 photos.tar.gz
  FEED=photos.tar.gz prepares_alike 3
  FEED=photos.tar prepares_alike 3 -
  mkdir inner
  local class
  for class in class0 class1 class2 later; do
    tar --sort=name -C "photos/$class" -cf "inner/$class.tar" .
  done
  zstd -q --rm inner/class1.tar
  tar --sort=name -C inner -cf inner.tar .
  prepares_alike 3 inner.tar
  prepares_alike 3 inner
  prepares_alike 3 photos.tar photos/class2 inner/later.tar
}

@test "parts of a tar that is cut anywhere are the whole" {
  requires tar gzip
  make_odd_photos
  printf 'class0\nclass1\nclass2\nlater\n' > classes
  tar --sort=name -cf photos.tar photos
  gzip -k photos.tar
  local size cut
  for archive in photos.tar photos.tar.gz; do
    size=$(stat -c %s "$archive")
    for cut in {21..32}; do
      cut=$((size * cut / 32 - 20))
      head -c "$cut" "$archive" > cut.tar
      prepares_alike any --classes=classes cut.tar || fail "cut at $cut"
    done
  done
}

@test "parts of IDX files, and of images one after another in a pipe, are the whole" {
  requires gzip
  make_idx a 23 classes=4
  make_idx b 5 classes=6 seed=3
  prepares_alike 0 --idx --gray a-images.idx a-labels.idx b-images.idx b-labels.idx
  prepares_alike 0 --idx --size=none a-images.idx b-images.idx
  gzip -k a-images.idx
  prepares_alike 0 --idx a-images.idx.gz a-labels.idx
  FEED=a-images.idx prepares_alike 0 --idx -
  FEED=a-images.idx.gz prepares_alike 0 --idx - a-labels.idx
  make_odd_photos
  cat photos/class*/*g > stream
  FEED=stream prepares_alike 3
  refuse 1 "stdin: empty input" "$BIN/imgprep" -q --part=1/2 -o x.shard - < /dev/null
}

@test "every part has the classes of all inputs, however they are found" {
  make_folders photos 4 3
  expect_status 0 "$BIN/imgprep" --size=24 --part=1/4 -o one.shard photos
  assert_contains "$stderr" "3 images, 4 classes, part 1 of 4 (images 1 to 3 of 12)"
  expect_status 0 "$BIN/shardpack" --info one.shard
  assert_equal "$(grep -c '^class.[0-9]' <<< "$output")" 4
  prepares_alike 0 --class-pattern='(class[0-9])/([0-9])' photos
  for file in class{0..3}/{0..2}.png; do printf '%s\t%s\n' "$file" "$((RANDOM % 3))"; done > labels
  prepares_alike 0 --labels=labels photos
  printf 'class1\nclass3\n' > classes
  prepares_alike 0 --classes=classes --classes-only photos
  # An error of the whole is one of each part.
  printf 'cat\ndog\n' > classes
  refuse 1 "none of the .* images has a class of classes" "$BIN/imgprep" -q --part=2/3 --classes=classes -o x.shard photos
  assert_missing x.shard
  refuse 1 "no images" "$BIN/imgprep" -q --part=1/3 -o x.shard "$(mkdir none && echo none)"
}

@test "what hinders counting is named by each part, since another machine may find it otherwise" {
  make_folders photos 2 2
  printf 'photos\nmissing.tar\nphotos/class0/1.png\n' > list
  local n
  for n in 1 2 3; do
    expect_status $((n == 3 ? 3 : 0)) "$BIN/imgprep" --size=24 --part="$n/3" -o x.shard --files-from=list
    assert_contains "$stderr" "counted in spite of missing.tar: No such file or directory"
    assert_contains "$stderr" "of 6)"
  done
  # If nothing can be read, each part fails, as one run does.
  for n in 1 2; do
    refuse 1 "missing.tar: No such file or directory" "$BIN/imgprep" --size=24 --part="$n/2" -o y.shard missing.tar
    assert_missing y.shard
  done
}

@test "with --size=none each part has the size of the first image of all" {
  mkdir photos
  : > photos/0.png
  fixture png photos/1.png size=20x30
  fixture png photos/2.png size=21x30
  fixture png photos/3.png size=21x30
  fixture png photos/4.png size=20x30
  prepares_alike 3 --size=none photos
  refuse 3 "21x30 pixels, where the images before have 20x30" "$BIN/imgprep" -q --size=none --part=3/5 -o x.shard photos
}

@test "parts count what they leave out once, and only their own rejects" {
  make_odd_photos
  local n passed=0 rejected=0 more
  for n in 1 2 3; do
    run --separate-stderr "$BIN/imgprep" --size=24 -v --part="$n/3" -o x.shard photos
    more=$(sed -n 's/.*, \([0-9]*\) other files\{0,1\} passed over.*/\1/p' <<< "$stderr")
    passed=$((passed + ${more:-0}))
    rejected=$((rejected + $(grep -c 'cut.jpg: \|later/0.png: ' <<< "$stderr" || true)))
    assert_equal "$(grep -c 'passed over: no image' <<< "$stderr" || true)" "${more:-0}"
  done
  assert_equal "$passed" 2
  assert_equal "$rejected" 2
}

@test "--max-rejects is a share of all images in each part" {
  make_odd_photos  # 9 images, of which the fifth and the eighth cannot be used
  expect_status 0 "$BIN/imgprep" -q --size=24 --max-rejects=25% -o x.shard photos
  expect_status 0 "$BIN/imgprep" -q --size=24 --max-rejects=25% --part=2/3 -o x.shard photos
  expect_status 0 "$BIN/imgprep" -q --size=24 --max-rejects=25% --part=9/9 -o x.shard photos
  expect_status 0 "$BIN/imgprep" -q --size=24 --max-rejects=12% --part=5/9 -o x.shard photos
  refuse 1 "2 rejected, more than --max-rejects=21% allows" "$BIN/imgprep" -q --size=24 --max-rejects=21% --part=1/1 -o y.shard photos
  assert_missing y.shard
}

@test "a part reads nothing of the other parts' images" {
  requires strace tar
  make_folders photos 1 12
  # Larger than the block that is read with a header.
  local n
  for n in {0..11}; do head -c 1000000 /dev/zero >> "photos/class0/$n.png"; done
  echo class0 > classes
  expect_status 0 strace -f -e trace=open,openat -o calls "$BIN/imgprep" -q -j1 --size=24 --classes=classes --part=2/4 -o x.shard photos
  assert_equal "$(grep -c 'photos/class0/[0-9]*\.png' calls)" 3
  tar --sort=name -cf photos.tar photos
  read_of() { awk '/^[0-9]+ +p?read(64)?\(.*photos.tar/ { sum += $NF } END { print sum + 0 }' "$1"; }
  strace -y -f -e trace=read,pread64 -o whole "$BIN/imgprep" -q -j1 --size=24 --classes=classes -o x.shard photos.tar
  strace -y -f -e trace=read,pread64 -o part "$BIN/imgprep" -q -j1 --size=24 --classes=classes --part=4/4 -o x.shard photos.tar
  [ "$(read_of part)" -lt $((($(read_of whole) * 2) / 3)) ] || fail "a quarter reads $(read_of part) of $(read_of whole) bytes"
}

@test "what is no part is refused" {
  make_folders photos 1 2
  local text
  for text in 0/4 5/4 -1/4 1/0 1 1/ /2 1/2/3 1.5/2 a/b 1/1000001 ' 1/2' ''; do
    refuse 2 "--part" "$BIN/imgprep" --part="$text" -o x.shard photos
  done
  expect_status 0 "$BIN/imgprep" -q --size=24 --part=1000000/1000000 -o x.shard photos
  expect_status 0 "$BIN/shardpack" --list x.shard
  assert_equal "$output" ""
}

@test "the mean of parts, merged, is the mean of the whole to the bit" {
  make_folders photos 3 5
  local i
  "$BIN/imgprep" -q --size=24 -o whole.shard photos
  "$BIN/meanimg" -q -o whole.mean whole.shard
  for i in 1 2 3 4; do
    "$BIN/imgprep" -q --size=24 --part="$i/4" photos | "$BIN/meanimg" -q -o "$i.mean"
  done
  "$BIN/meanimg" -q --merge 3.mean 1.mean 4.mean 2.mean | cmp - whole.mean
}

# make_set: makes a.shard and b.shard, together 60 records of 4 classes.
make_set() {
  make_folders one 4 9
  make_folders two 4 6 kind=gray size=50x40
  "$BIN/imgprep" -q --size=16 -o a.shard one
  "$BIN/imgprep" -q --size=16 -o b.shard two
}

# packs_alike OPTION...: packs a.shard and b.shard with -o 'whole/$PATTERN' in one run and with -o 'part/$PATTERN' in 1, 2, 3, 5
# and 9 parts, and fails unless both give the same files.
packs_alike() {
  local parts n
  rm -rf whole && mkdir whole
  "$BIN/shardpack" -q --seed=7 -o "whole/$PATTERN" "$@" a.shard b.shard || return 1
  for parts in 1 2 3 5 9; do
    rm -rf part && mkdir part
    for ((n = parts; n >= 1; n--)); do  # in any order
      "$BIN/shardpack" -q -j $((1 + n % 2)) --memory=$((n * 2000)) --seed=7 --part="$n/$parts" -o "part/$PATTERN" "$@" a.shard b.shard \
        || fail "part $n/$parts" || return 1
    done
    diff -r whole part || fail "$parts parts are not the whole" || return 1
  done
}

@test "shardpack: a shuffle into shards in parts gives the files of one run" {
  make_set
  PATTERN=s-%03d.shard packs_alike --shuffle --shards=7
  PATTERN=s-%03d.shard packs_alike --shuffle --per-shard=11
  PATTERN=s-%03d.shard packs_alike --per-shard=11
  PATTERN=s-%d.shard packs_alike --shuffle --shards=3 --codec=jpeg
  PATTERN=%s-%d.shard packs_alike --shuffle --split=train:0.8,val:0.2 --shards=5
}

@test "shardpack: parts of one output are slices, which joined are the output" {
  make_set
  local parts n name options
  for options in --shuffle "--shuffle --codec=jpeg:80" --seed=3; do
    # shellcheck disable=SC2086  # several options
    "$BIN/shardpack" -q $options -o whole.shard a.shard b.shard
    for parts in 1 4 7 61; do
      rm -f ./slice-*
      for ((n = 1; n <= parts; n++)); do
        # shellcheck disable=SC2086
        "$BIN/shardpack" -q $options --part="$n/$parts" -o "slice-$(printf %02d "$n")" a.shard b.shard
      done
      cat slice-* | "$BIN/shardpack" -q | cmp - whole.shard || fail "$options in $parts parts"
    done
  done
  # They are the shards of --shards.
  "$BIN/shardpack" -q --shuffle --shards=4 -o s-%d a.shard b.shard
  for n in 1 2 3 4; do
    cat a.shard b.shard | "$BIN/shardpack" -q --shuffle --part="$n/4" | cmp - "s-$((n - 1))"
  done
  # Each part of a split has its slice.
  "$BIN/shardpack" -q --shuffle --split=train:0.8,val:0.2 -o whole-%s a.shard b.shard
  for n in 1 2 3; do
    "$BIN/shardpack" -q --shuffle --split=train:0.8,val:0.2 --part="$n/3" -o "%s.$n" a.shard b.shard
  done
  for name in train val; do
    cat "$name".[123] | "$BIN/shardpack" -q | cmp - "whole-$name"
  done
}

@test "shardpack: a part reads the payloads of its own records only, and damage moves none" {
  make_set
  "$BIN/shardpack" -q --shuffle --shards=3 -o whole-%d a.shard b.shard
  # A record of the second shard.
  local record place n
  record=$("$BIN/shardpack" --list whole-1 | cut -f 4,7 | sed -n 5p)
  place=$("$BIN/shardpack" --list a.shard b.shard | awk -F '\t' -v it="$record" '$4 "\t" $7 == it { print $8, $5 }')
  printf '\377\0' | dd of="${place% *}" bs=1 seek="${place#* }" conv=notrunc status=none
  expect_status 3 "$BIN/shardpack" --shuffle --shards=3 -o hurt-%d a.shard b.shard
  for n in 1 2 3; do
    expect_status $((n == 2 ? 3 : 0)) "$BIN/shardpack" --shuffle --shards=3 --part="$n/3" -o part-%d a.shard b.shard
    cmp "part-$((n - 1))" "hurt-$((n - 1))"
  done
  cmp part-0 whole-0
  cmp part-2 whole-2
  # A limit is that of all records: 1 of 60, not of 20.
  expect_status 0 "$BIN/shardpack" -q --shuffle --max-rejects=2% --part=2/3 -o x.shard a.shard b.shard
  refuse 1 "more than --max-rejects=1%" "$BIN/shardpack" -q --shuffle --max-rejects=1% --part=2/3 -o y.shard a.shard b.shard
  assert_missing y.shard
}

@test "shardpack: a part that has nothing to do does nothing, and none replaces an input" {
  make_set
  expect_status 0 "$BIN/shardpack" --shuffle --shards=2 --part=3/3 -o x-%d a.shard b.shard
  assert_contains "$stderr" "0 records in 0 shards, part 3/3, seed 1"
  assert_missing x-0
  expect_status 0 "$BIN/shardpack" --part=61/61 -o x.shard a.shard b.shard
  expect_status 0 "$BIN/shardpack" --verify x.shard
  assert_contains "$output" "$(printf 'x.shard\t0\t0')"
  cp a.shard s-0
  cp a.shard kept
  refuse 2 "--output: s-0 is an input" "$BIN/shardpack" --shuffle --shards=2 --part=1/2 -o s-%d s-0 b.shard
  refuse 2 "--output: s-0 is an input" "$BIN/shardpack" --part=1/2 -o s-0 s-0 b.shard
  cmp s-0 kept
  refuse 2 "--list and --part exclude each other" "$BIN/shardpack" --list --part=1/2 a.shard
  refuse 2 "--part" "$BIN/shardpack" --part=3/2 a.shard
}
