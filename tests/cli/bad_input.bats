# imgprep with bad input: one clear line for each, the documented status, and nothing half-written.

# shellcheck disable=SC2016,SC2154  # texts for inner shells; stderr is set by run

load common

# rejected PATTERN FILE...: next to a good image, which is written, each FILE is refused with a line that matches.
rejected() {
  local pattern=$1
  shift
  [ -e good.png ] || fixture png good.png
  refuse 3 "$pattern" "$BIN/imgprep" --size=16 -o out.shard good.png "$@" || return 1
  expect_status 0 "$BIN/shardpack" --verify out.shard
  # Without the good image there is nothing to write.
  rm out.shard
  refuse 1 "^imgprep: every image was rejected$" "$BIN/imgprep" --size=16 -o out.shard "$@" || return 1
  assert_missing out.shard
}

@test "empty, garbage and truncated images" {
  : > empty.jpg
  rejected "^imgprep: empty.jpg: empty file" empty.jpg
  head -c 5000 "$BIN/imgprep" | tail -c 4000 > garbage.png
  rejected "^imgprep: garbage.png: neither JPEG nor PNG" garbage.png
  fixture jpeg whole.jpg size=200x150
  fixture png whole.png size=200x150
  for part in 3 50 500 1500; do
    head -c "$part" whole.jpg > cut.jpg
    rejected "^imgprep: cut.jpg: JPEG: " cut.jpg
  done
  for part in 20 100 500; do
    head -c "$part" whole.png > cut.png
    rejected "^imgprep: cut.png: PNG: " cut.png
  done
  fixture jpeg progressive.jpg size=200x150 progressive=1
  head -c "$(($(wc -c < progressive.jpg) / 2))" progressive.jpg > cut.jpg
  rejected "^imgprep: cut.jpg: JPEG: Premature end" cut.jpg
}

@test "a PNG header of 100,000 x 100,000 pixels" {
  fixture png-header bomb.png size=100000x100000
  rejected "^imgprep: bomb.png: 100000x100000 pixels: a side is longer than the limit of 65535" bomb.png
  fixture png-header bomb.png size=60000x60000
  rejected "^imgprep: bomb.png: 60000x60000 pixels: more than the limit of 134217728" bomb.png
}

@test "--max-side and --max-pixels" {
  fixture png good.png size=16x16
  fixture png a.png size=64x48
  refuse 3 "a.png: 64x48 pixels: a side is longer than the limit of 63" \
    "$BIN/imgprep" --max-side=63 -o x.shard a.png good.png
  refuse 3 "a.png: 64x48 pixels: more than the limit of 3071" \
    "$BIN/imgprep" --max-pixels=3071 -o x.shard a.png good.png
  expect_status 0 "$BIN/imgprep" --max-side=64 --max-pixels=3072 -o x.shard a.png good.png
}

@test "missing files, folders for files, files for folders" {
  rejected "^imgprep: gone.png: No such file or directory" gone.png
  mkdir folder
  printf 'folder\t0\ngood.png\t0\n' > list
  fixture png good.png
  refuse 3 "^imgprep: folder: a folder where a file is expected" "$BIN/imgprep" --files-from=list -o x.shard
  refuse 1 "no images" "$BIN/imgprep" -o y.shard folder
  refuse 1 "^imgprep: folder: a folder where a file is expected" "$BIN/imgprep" --classes=folder -o y.shard good.png
  refuse 1 "^imgprep: folder: a folder where a file is expected" "$BIN/imgprep" --files-from=folder -o y.shard
  assert_missing y.shard
}

@test "a folder within that leads back, or that cannot be read, is one reject" {
  make_folders photos 2 2
  ln -s .. photos/class0/up
  refuse 3 "^imgprep: photos/class0/up: leads back to a folder that it lies in$" \
    "$BIN/imgprep" --size=8 --rejects=r.tsv -o a.shard photos
  assert_contains "$stderr" "4 images, 2 classes, 1 rejected"
  assert_lines r.tsv 1
  rm photos/class0/up
  local as=()
  if [ "$(id -u)" -eq 0 ]; then  # who may read everything
    requires setpriv
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  fi
  chmod 755 .
  "${as[@]}" test -x "$BIN/imgprep" || skip "nobody may run $BIN/imgprep"
  chmod 000 photos/class0
  run --separate-stderr "${as[@]}" "$BIN/imgprep" --size=8 -o - photos
  chmod 755 photos/class0
  [ "$status" -eq 3 ] || fail "status $status: $stderr"
  assert_contains "$stderr" "imgprep: photos/class0: Permission denied"
  assert_contains "$stderr" "2 images, 1 class, 1 rejected"
}

@test "--on-error=stop writes nothing" {
  fixture png a.png
  : > b.png
  refuse 1 "^imgprep: b.png: empty file" "$BIN/imgprep" --on-error=stop -o x.shard --rejects=r.tsv a.png b.png a.png
  assert_missing x.shard
  assert_equal "$(cat r.tsv)" "$(printf 'b.png\tempty file')"
}

@test "--rejects lists every reject with its reason" {
  fixture png a.png
  : > "$(printf 'odd\tname.png')"
  echo hello > c.png
  expect_status 3 "$BIN/imgprep" -o x.shard --rejects=r.tsv a.png "$(printf 'odd\tname.png')" a.png c.png
  assert_equal "$(cat r.tsv)" "$(printf 'odd\\tname.png\tempty file\nc.png\ta text where an image is expected')"
  assert_contains "$stderr" "2 images"
  assert_contains "$stderr" "2 rejected"
  # Also if there is nothing to write.
  expect_status 1 "$BIN/imgprep" -o y.shard --rejects=r.tsv c.png
  assert_lines r.tsv 1
  assert_missing y.shard
}

@test "lists with stray characters, and labels out of range" {
  fixture png a.png
  printf 'cat\ndog\n' > classes
  bad_list() {  # CONTENT PATTERN [OPTION]
    # shellcheck disable=SC2059  # the content has escapes
    printf "$1" > list
    refuse 1 "$2" "$BIN/imgprep" "${@:3}" --files-from=list -o x.shard || return 1
    assert_equal "$(wc -l <<< "$stderr")" 1
    assert_missing x.shard
  }
  bad_list 'a.png\t0\r\n' '^imgprep: list:1:8: carriage return'
  bad_list 'a.png 0\na.png 1 \n' '^imgprep: list:2:8: blank at the end'
  bad_list 'a.png\t0\t\n' '^imgprep: list:1:9: nothing behind the TAB|^imgprep: list:1:8: a second TAB'
  bad_list 'a.png\t0\n\na.png\t0\n' '^imgprep: list:2:1: empty line'
  bad_list ' a.png 0\n' '^imgprep: list:1:1: blank at the beginning'
  bad_list 'a.png\t2\n' '^imgprep: list:1:7: label 2 is out of range: the table has 2 classes' --classes=classes
  bad_list 'a.png\t-1\n' '^imgprep: list:1:7: label -1 is out of range'
  bad_list 'a.png\t1048576\n' '^imgprep: list:1:7: label 1048576 is out of range'
  bad_list 'a.png\t+1\n' "^imgprep: list:1:7: label '.1': write it without a sign"
  bad_list 'a.png\tcow\n' "^imgprep: list:1:7: 'cow' is no class of the table" --classes=classes
  bad_list 'a.png\tcow\n' "^imgprep: list:1:7: label 'cow' is no number"
  printf 'cat\r\ndog\r\n' > classes
  bad_list 'a.png\t0\n' '^imgprep: classes:1:4: carriage return' --classes=classes
  printf 'cat\ncat\n' > classes
  bad_list 'a.png\t0\n' "^imgprep: classes:2:1: class 'cat' is on line 1 already" --classes=classes
}

@test "names of files where images are expected are told how to be read" {
  make_folders photos 1 2
  # shellcheck disable=SC2016
  expect_status 1 bash -c 'find photos | "$0" -o x.shard' "$BIN/imgprep"
  assert_contains "$stderr" "bytes that are neither JPEG nor PNG (names of files? --files-from=-)"
}

@test "the images of a folder whose name can be no class are left out, and the run goes on" {
  make_folders lat 2 1
  mkdir lat/$'caf\xe9' && cp lat/class0/*.png lat/$'caf\xe9'/1.png
  expect_status 3 "$BIN/imgprep" -q --size=8 --rejects=rejects -o x.shard lat
  assert_contains "$stderr" "cannot be a class: the name is not UTF-8"
  assert_equal "$("$BIN/shardpack" --list x.shard | cut -f2 | sort | tr '\n' ' ')" "0 1 "
  assert_equal "$(wc -l < rejects)" 1
  refuse 1 "^imgprep: lat/.*/1.png: '.*' cannot be a class: the name is not UTF-8" \
    "$BIN/imgprep" --size=8 --on-error=stop -o y.shard lat
  assert_missing y.shard
}

@test "images without a class are warned of where classes were looked for" {
  make_folders photos 2 1
  local warning="imgprep: no image has a class, which train and eval refuse: name the folder above the class folders"
  expect_status 0 "$BIN/imgprep" -q --size=8 -o x.shard photos/class0 photos/class1
  assert_contains "$stderr" "$warning"
  printf 'cat\ndog\n' > classes
  expect_status 0 "$BIN/imgprep" -q --size=8 --classes=classes -o x.shard photos/class0/0.png
  assert_contains "$stderr" "$warning"
  # Images that are named one by one have no class, and some images of a folder may be outside its class folders.
  expect_status 0 "$BIN/imgprep" -q --size=8 -o x.shard photos/class0/0.png
  assert_equal "$stderr" ""
  expect_status 0 "$BIN/imgprep" -q --size=8 -o x.shard - < photos/class0/0.png
  assert_equal "$stderr" ""
  cp photos/class0/0.png photos
  expect_status 0 "$BIN/imgprep" -q --size=8 -o x.shard photos
  assert_equal "$stderr" ""
}

@test "a missing file in a list is one reject" {
  fixture png a.png
  printf 'a.png\t0\ngone.png\t1\na.png\t1\n' > list
  refuse 3 "^imgprep: gone.png: No such file or directory" "$BIN/imgprep" --files-from=list -o x.shard
  assert_contains "$stderr" "2 images, 2 classes, 1 rejected"
}

@test "damaged archives" {
  requires tar gzip
  make_folders photos 2 3 size=200x150
  tar --sort=name -cf photos.tar photos
  head -c "$(($(wc -c < photos.tar) / 2))" photos.tar > cut.tar
  refuse 3 "^imgprep: cut.tar.*: " "$BIN/imgprep" --size=16 -o x.shard cut.tar
  expect_status 0 "$BIN/shardpack" --verify x.shard
  gzip -k photos.tar
  head -c "$(($(wc -c < photos.tar.gz) / 2))" photos.tar.gz > cut.tar.gz
  refuse 1 "^imgprep: cut.tar.gz.*: " "$BIN/imgprep" --size=16 -o y.shard cut.tar.gz
  head -c 20 photos.tar.gz > stub.gz
  refuse 1 "^imgprep: stub.gz.*: " "$BIN/imgprep" -o z.shard stub.gz
  assert_missing z.shard
}

@test "garbage between images on standard input costs itself alone" {
  fixture png a.png seed=1
  fixture jpeg b.jpg seed=2
  (cat a.png && echo nonsense && cat b.jpg && head -c 100 a.png && cat b.jpg) > stream
  expect_status 3 "$BIN/imgprep" --size=16 -o x.shard < stream
  assert_contains "$stderr" "imgprep: stdin:3: PNG: "
  assert_contains "${stderr_lines[-1]}" "3 images"
  assert_contains "${stderr_lines[-1]}" "1 rejected, bytes behind 1 image passed over"
  (echo nonsense && cat b.jpg a.png) > stream
  expect_status 3 "$BIN/imgprep" --size=16 -o x.shard < stream
  assert_contains "$stderr" "imgprep: stdin:1: 9 bytes that are neither JPEG nor PNG"
  assert_contains "${stderr_lines[-1]}" "2 images"
}

@test "nothing on standard input" {
  refuse 1 "^imgprep: stdin: empty input" "$BIN/imgprep" < /dev/null
  assert_equal "$output" ""
}

@test "IDX files that do not fit" {
  make_idx a 10
  make_idx b 12
  refuse 1 "b-labels.idx: 12 labels for the 10 images" \
    "$BIN/imgprep" --idx -o x.shard a-images.idx b-labels.idx
  head -c 1000 a-images.idx > cut.idx
  refuse 1 "cut.idx: offset 1000: the header promises" "$BIN/imgprep" --idx -o x.shard cut.idx a-labels.idx
  fixture png good.png
  refuse 1 "good.png: a PNG image where an IDX file is expected" "$BIN/imgprep" --idx -o x.shard good.png a-labels.idx
  assert_missing x.shard
}

@test "a full disk and a closed standard output" {
  requires_full_device
  make_folders photos 2 2
  refuse 1 "No space left on device" "$BIN/imgprep" -o /dev/full photos
  expect_status 1 bash -c '"$0" photos > /dev/full' "$BIN/imgprep"
  assert_contains "$stderr" "No space left on device"
  expect_status 1 bash -c '"$0" photos >&-' "$BIN/imgprep"
  refuse 1 "No such file or directory" "$BIN/imgprep" -o no/such/folder/x.shard photos
}

@test "a reader that goes away ends imgprep quietly" {
  make_folders photos 2 2
  run --separate-stderr bash -c '"$0" -q photos | head -c 10 > /dev/null; exit "${PIPESTATUS[0]}"' "$BIN/imgprep"
  [ "$status" -eq 141 ] || [ "$status" -eq 0 ]
  assert_equal "$stderr" ""
}

@test "SIGHUP and SIGTERM leave nothing behind" {
  fixture jpeg a.jpg size=500x375
  # More work than can be finished before the signal arrives.
  yes a.jpg | head -n 200000 > list
  for signal in HUP:129 TERM:143; do
    "$BIN/imgprep" -q -o x.shard --files-from=list &
    child=$!
    until ls x.shard.* > /dev/null 2>&1; do
      kill -0 "$child" || fail "imgprep ended by itself"
      sleep 0.1
    done
    kill -"${signal%:*}" "$child"
    status=0
    wait "$child" || status=$?
    assert_equal "$status" "${signal#*:}"
    assert_missing x.shard
  done
}
