# imgprep: runs the program with every kind of input and option.

# shellcheck disable=SC2016,SC2154  # texts for inner shells; stderr is set by run

load common

@test "a folder of class folders" {
  make_folders photos 3 2
  expect_status 0 "$BIN/imgprep" -q --size=32 -o a.shard photos
  assert_equal "$stderr" ""
  run "$BIN/shardpack" --info a.shard
  assert_contains "$output" "32"
  expect_status 0 "$BIN/shardpack" --list a.shard
  assert_contains "$output" "class0/0.png"
  assert_contains "$output" "class2/1.png"
}

@test "folder, tar, compressed tar, list and pipe give the same records" {
  requires tar gzip
  make_folders photos 3 2
  tar --sort=name -C photos -cf photos.tar class0 class1 class2
  gzip -k photos.tar
  (cd photos && find . -type f | sed 's|^\./||' | LC_ALL=C sort) > names
  "$BIN/imgprep" -q --size=32 -o folder.shard photos
  "$BIN/imgprep" -q --size=32 -o tar.shard photos.tar
  "$BIN/imgprep" -q --size=32 -o gzip.shard photos.tar.gz
  "$BIN/imgprep" -q --size=32 - < photos.tar > stdin.shard
  # shellcheck disable=SC2002  # a pipe is meant
  cat photos.tar.gz | "$BIN/imgprep" -q --size=32 > pipe.shard
  printf 'class0\nclass1\nclass2\n' > classes
  sed 's|^class\([0-9]\).*|&\tclass\1|' names > list
  (cd photos && "$BIN/imgprep" -q --size=32 --classes=../classes --files-from=../list -o ../list.shard)
  for other in tar gzip stdin pipe list; do
    cmp folder.shard "$other.shard" || fail "$other.shard differs from folder.shard"
  done
}

@test "a FIFO in a folder is left out, not waited for" {
  make_folders photos 1 2
  mkfifo photos/class0/z
  refuse 3 "photos/class0/z: not a regular file" "$BIN/imgprep" -q --size=32 -o a.shard photos
  expect_status 0 "$BIN/shardpack" --list a.shard
  assert_contains "$output" "class0/1.png"
}

@test "what the run writes into a folder is not one of its inputs" {
  make_folders photos 1 2
  cp photos/class0/0.png one.png
  cd photos
  local run
  for run in first second; do
    expect_status 0 "$BIN/imgprep" -q --size=32 -o all.shard --rejects=class0/rejects.tsv .
    assert_equal "$stderr" ""
    # shellcheck disable=SC2094  # that is the question
    expect_status 0 bash -c '"$0" -q --size=32 --rejects=class0/rejects.tsv . > all.shard' "$BIN/imgprep"
    assert_equal "$stderr" ""
  done
  rm all.shard
  refuse 2 "--output: class0/1.png is an input" "$BIN/imgprep" --size=32 -o class0/1.png .
  refuse 2 "--output: class0/1.png is an input" "$BIN/imgprep" --size=32 -o class0/1.png --class-pattern='(class.)' .
  cmp class0/0.png ../one.png
}

@test "if the system gives no thread, the calling one does the work" {
  (ulimit -s 137438953472) 2> /dev/null || skip "needs a limit of stacks that can be raised"
  make_folders photos 1 3
  "$BIN/imgprep" -q --size=32 -o a.shard photos
  # A stack would be as large as the address space, so there is room for none.
  expect_status 0 bash -c 'ulimit -s 137438953472 && exec timeout 20 "$0" "$@"' \
    "$BIN/imgprep" -q -j4 --size=32 -o b.shard photos
  cmp a.shard b.shard
}

@test "a tar of tars, as ILSVRC2012_img_train.tar is" {
  requires tar
  make_folders photos 2 2
  mv photos/class0 photos/n02 && mv photos/class1 photos/n01
  (cd photos && for n in n01 n02; do tar --sort=name -C "$n" -cf "$n.tar" .; done && tar -cf ../train.tar n02.tar n01.tar)
  expect_status 0 "$BIN/imgprep" --size=16 -o a.shard train.tar
  assert_contains "$stderr" "4 images, 2 classes"
  expect_status 0 "$BIN/shardpack" --list a.shard
  assert_contains "${lines[0]}$output" "n02/0.png"
}

@test "the output does not depend on -j" {
  make_folders photos 4 5
  head -c 1000 /dev/zero > photos/class1/2.png
  expect_status 3 "$BIN/imgprep" -j1 -o one.shard photos
  first=$stderr
  for threads in 2 5; do
    expect_status 3 "$BIN/imgprep" -j"$threads" -o many.shard photos
    cmp one.shard many.shard
    assert_equal "$stderr" "$first"
  done
}

@test "images one after another on standard input" {
  fixture png a.png seed=1
  fixture jpeg b.jpg seed=2 progressive=1
  fixture png c.png seed=3 interlaced=1
  cat a.png b.jpg c.png | "$BIN/imgprep" -q --size=32 > a.shard
  expect_status 0 "$BIN/shardpack" --list a.shard
  assert_contains "$output" "stdin:1"
  assert_contains "$output" "stdin:3"
  cat a.png b.jpg c.png | "$BIN/imgprep" -q --size=32 --codec=jpeg -o b.shard -
  [ "$(wc -c < b.shard)" -lt "$(wc -c < a.shard)" ]
}

@test "every kind of JPEG and PNG, whatever its name" {
  n=0
  for kind in rgb rgba gray graya palette palette-alpha gray1 rgb16 gray16 rgba16; do
    for interlaced in 0 1; do
      [ "$interlaced" = 1 ] && extra=interlaced=1 || extra=
      # shellcheck disable=SC2086  # one word or none
      fixture png "$((n += 1)).JPEG" kind="$kind" $extra
    done
  done
  for sampling in 444 422 440 420 411; do fixture jpeg "$((n += 1)).png" sampling="$sampling"; done
  for kind in gray rgb cmyk ycck; do
    fixture jpeg "$((n += 1)).png" kind="$kind"
    fixture jpeg "$((n += 1)).png" kind="$kind" progressive=1
  done
  fixture jpeg "$((n += 1))" ids=odd
  fixture jpeg x.jpg && gzip -c x.jpg > compressed.JPEG && rm x.jpg
  n=$((n + 1))
  expect_status 0 "$BIN/imgprep" --size=24 -o a.shard ./*
  assert_contains "$stderr" "$n images"
}

@test "extreme shapes: 1x1 and 65000x1" {
  fixture png one.png size=1x1
  fixture png wide.png size=65000x1
  fixture jpeg tall.jpg size=1x65000
  expect_status 0 "$BIN/imgprep" -o a.shard one.png wide.png tall.jpg
  assert_contains "$stderr" "3 images"
}

@test "a colour stays that colour, in every codec; --background shows through" {
  fixture png a.png fill=200,100,50
  "$BIN/imgprep" -q --size=16 -o a.shard a.png
  # The header says where the pixels start; they are the last 768 bytes before the padding and the end chunk.
  LC_ALL=C grep -aobUP '(\xc8\x64\x32){256}' a.shard > found
  assert_lines found 1
  fixture png b.png kind=palette-alpha
  "$BIN/imgprep" -q --size=16 -o black.shard b.png
  "$BIN/imgprep" -q --size=16 --background=255,255,255 -o white.shard b.png
  run ! cmp -s black.shard white.shard
}

@test "--gray has one channel, --exif turns, --size=none keeps sizes" {
  fixture jpeg a.jpg exif=6 size=40x30
  "$BIN/imgprep" -q --size=16 -o plain.shard a.jpg
  "$BIN/imgprep" -q --size=16 --exif -o turned.shard a.jpg
  run ! cmp -s plain.shard turned.shard
  expect_status 0 "$BIN/imgprep" --size=none --gray --exif -o gray.shard a.jpg
  run "$BIN/shardpack" --info gray.shard
  assert_contains "$output" "30"
  assert_contains "$output" "40"
  fixture jpeg b.jpg size=41x30
  refuse 3 "b.jpg: 41x30 pixels, where the images before have 40x30" \
    "$BIN/imgprep" --size=none -o x.shard a.jpg b.jpg
}

@test "IDX pairs, compressed or not" {
  requires gzip
  make_idx small 20
  expect_status 0 "$BIN/imgprep" --idx --gray --size=none -o a.shard small-images.idx small-labels.idx
  assert_contains "$stderr" "20 images, 10 classes"
  gzip -k small-images.idx small-labels.idx
  "$BIN/imgprep" -q --idx --gray --size=none -o b.shard small-images.idx.gz small-labels.idx.gz
  [ "$(wc -c < a.shard)" -eq "$(wc -c < b.shard)" ]
}

@test "--class-pattern and --labels name classes" {
  requires tar
  fixture png n02_dog.png seed=1
  fixture png n01_cat.png seed=2
  tar -cf flat.tar n02_dog.png n01_cat.png
  expect_status 0 "$BIN/imgprep" --class-pattern='(n[0-9]+)_(.*)\.png' --size=8 -o a.shard flat.tar
  assert_contains "$stderr" "2 images, 2 classes"
  printf 'n02_dog.png\t0\nn01_cat.png\t1\n' > truth
  expect_status 0 "$BIN/imgprep" --labels=truth --size=8 -o b.shard flat.tar
  assert_contains "$stderr" "2 images, 2 classes"
  refuse 2 "exclude each other" "$BIN/imgprep" --labels=truth --class-pattern='(x)' -o c.shard flat.tar
  refuse 2 "^imgprep: --class-pattern: '.*': .d is no escape of .*: write \[0-9\]" \
    "$BIN/imgprep" --class-pattern='(n\d+)_' -o c.shard flat.tar
  refuse 2 "^imgprep: --class-pattern: '.*': .5 is a back-reference, which can take endless time to match: write again " \
    "$BIN/imgprep" --class-pattern='(.*)(.*)(.*)(.*)(.*)\5\4\3\2\1y' -o c.shard flat.tar
  refuse 2 "^imgprep: --class-pattern: '.*': repeats something more than 1000 times: repeat less$" \
    "$BIN/imgprep" --class-pattern='((((a{1,100}){1,100}){1,100}){1,100})' -o c.shard flat.tar
}

@test "the five hundred photographs of ImageNet" {
  requires_data imagenet-samples-500.tar
  expect_status 0 "$BIN/imgprep" --class-pattern='(n[0-9]+)_(.*)\.JPEG' -o a.shard "$DATA"
  assert_contains "$stderr" "500 images, 500 classes"
}

@test "wrong options are usage errors" {
  fixture png a.png
  for wrong in --size=0 --size=-1 --size=x --codec=gif --codec=jpeg:0 --codec=jpeg:101 --codec=jpeg: \
    --background=1,2 --background=1,2,3,4 --background=1,2,256 --on-error=ask --max-side=0 --max-pixels=0 -j0 \
    --class-pattern=x --class-pattern='(' --nonsense; do
    expect_status 2 "$BIN/imgprep" "$wrong" -o x.shard a.png
    assert_contains "$stderr" "Try 'convoy imgprep --help'."
  done
  refuse 1 "a.png: a PNG image where an IDX file is expected" "$BIN/imgprep" --idx -o x.shard a.png
  assert_missing x.shard
}

@test "the examples of the manual pages" {
  requires tar gzip
  fixture png a.jpg && fixture jpeg b.png
  tar -cf images.tar a.jpg b.png
  mkdir photos && mkdir photos/cat photos/dog && cp a.jpg photos/cat/1.png && cp b.png photos/dog/2.png
  tar -czf photos.tar.gz photos
  printf 'cat\ndog\n' > classes.txt
  cp a.jpg n01443537_goldfish.JPEG && tar -cf samples.tar n01443537_goldfish.JPEG
  make_idx t10k 10
  gzip -c t10k-images.idx > t10k-images-idx3-ubyte.gz
  gzip -c t10k-labels.idx > t10k-labels-idx1-ubyte.gz
  n=0
  for page in convoy-imgprep.1 convoy-list.5; do
    while read -r command; do
      run_example "$command"
      n=$((n + 1))
    done < <(man_examples "$page")
  done
  [ "$n" -ge 11 ]
}

@test "imgprep: --size=N keeps the pixels of images that are N x N, as --size=none does" {
  local size
  make_idx train 20 size=28x28 classes=4
  fixture png a.png size=32x32
  fixture png b.png size=32x32 seed=2 kind=gray
  for size in none 28; do
    "$BIN/imgprep" -q --size=$size --gray --idx train-images.idx train-labels.idx -o idx-$size.shard
    "$BIN/shardpack" --list idx-$size.shard | cut -f 2-7 > idx-$size
  done
  for size in none 32; do
    "$BIN/imgprep" -q --size=$size -o png-$size.shard a.png b.png
    "$BIN/shardpack" --list png-$size.shard | cut -f 4-7 | cut -f 1,3- > png-$size
  done
  assert_equal "$(wc -l < idx-28)" 20
  assert_equal "$(cut -f 3,5,6 idx-28)" "$(cut -f 3,5,6 idx-none)"
  assert_equal "$(< png-32)" "$(< png-none)"
}
