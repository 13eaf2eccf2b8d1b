# Archives against the folders that they were made of: imgprep and predict read both alike.

# shellcheck disable=SC2016,SC2154  # texts for inner shells; stderr is set by run

load common

setup() {
  common_setup
  requires tar gzip
  make_folders photos 3 2
}

# same_as_folder FOLDER ARCHIVE [OPTION]...: both give one shard, but for the names of records, also compressed and
# through a pipe.
same_as_folder() {
  local folder=$1 archive=$2
  shift 2
  "$BIN/imgprep" -q --size=8 -o folder.shard "$@" "$folder" 2> folder.err || true
  gzip -c "$archive" > packed.tar.gz
  "$BIN/imgprep" -q --size=8 -o 1.shard "$@" "$archive" 2> archive.err || true
  "$BIN/imgprep" -q --size=8 -o 2.shard "$@" packed.tar.gz 2> /dev/null || true
  # shellcheck disable=SC2002  # a pipe is meant
  cat "$archive" | "$BIN/imgprep" -q --size=8 -o 3.shard "$@" 2> /dev/null || true
  "$BIN/shardpack" --info folder.shard | grep '^class	' > classes
  # With the table given, a pipe is read once, as far as it has no links.
  cut -f3 classes > table
  if [ -s table ]; then
    # shellcheck disable=SC2002
    cat packed.tar.gz | "$BIN/imgprep" -q --size=8 --classes=table -o 4.shard "$@" 2> /dev/null || true
    "$BIN/imgprep" -q --size=8 --classes=table -o 5.shard "$@" "$archive" 2> /dev/null || true
  fi
  contents folder.shard > expected
  local other
  for other in [1-5].shard; do
    contents "$other" > got
    diff expected got >&2 || fail "$other of $archive differs from the folder $folder: $(cat archive.err)" || return 1
    rm "$other"
  done
  # As many inputs are rejected.
  assert_equal "$(wc -l < archive.err)" "$(wc -l < folder.err)"
}

# The class table, the label of each record, and the pixels of all in order: everything but the names.
contents() {
  local offset records
  "$BIN/shardpack" --info "$1" | grep '^class	'
  "$BIN/shardpack" --list "$1" > list.tsv
  cut -f2 list.tsv
  offset=$(head -n 1 list.tsv | cut -f5)
  records=$(wc -l < list.tsv)
  tail -c +$((offset + 1)) "$1" | head -c $((records * 8 * 8 * 3)) | sha256sum
}

@test "packed with its folder, without, with ./, //, absolute names and .." {
  tar --sort=name -cf 1.tar photos && same_as_folder photos 1.tar
  tar --sort=name -C photos -cf 2.tar . && same_as_folder photos 2.tar
  tar --sort=name -C photos -cf 3.tar class0 class1 class2 && same_as_folder photos 3.tar
  tar --sort=name -cPf 4.tar "$PWD/photos" && same_as_folder photos 4.tar
  tar --sort=name -cf 5.tar --transform='s|^photos|a//b/./photos/|' photos && same_as_folder photos 5.tar
  (mkdir deep && cd deep && tar --sort=name -cPf ../6.tar ../photos) && same_as_folder photos 6.tar
  find photos -name '*.png' | LC_ALL=C sort | tar -cf 7.tar -T - && same_as_folder photos 7.tar
}

@test "folders in class folders, and class folders below others" {
  mkdir -p photos/class1/a/b && cp photos/class0/0.png photos/class1/a/b/x.png
  tar --sort=name -cf 1.tar photos && same_as_folder photos 1.tar
  mkdir -p x/y && mv photos x/y
  tar --sort=name -cf 2.tar x/y/photos && same_as_folder x/y/photos 2.tar
}

@test "hard links, also to a member that is left out" {
  mkdir photos/pets && ln photos/class0/0.png photos/pets/a.png && ln photos/class2/1.png photos/pets/b.png
  mkdir photos/.store && cp photos/class1/0.png photos/.store/x && ln photos/.store/x photos/pets/c.png
  tar --sort=name -cf 1.tar photos && same_as_folder photos 1.tar
  # A link before its target.
  (tar -cf 2.tar photos/pets && tar --sort=name -cf 3.tar photos)
  tar --sort=name -cf 4.tar photos/class0 photos/.store photos/class1 photos/class2 photos/pets
  expect_status 0 "$BIN/imgprep" --size=8 -o x.shard 4.tar
  assert_contains "$stderr" "9 images, 4 classes"
  # To a file that is excluded.
  same_as_folder photos 1.tar --exclude=class0
}

@test "symbolic links to files and folders, chained, through folders, in loops and to nothing" {
  mkdir -p photos/links store/class9
  fixture png store/class9/z.png seed=77
  ln -s ../class0/0.png photos/links/a.png
  ln -s a.png photos/links/b.png
  ln -s ../class1 photos/links/folder
  ln -s folder/0.png photos/links/through.png
  ln -s ../links photos/links/loop
  ln -s round.png photos/links/round.png
  ln -s nothing.png photos/links/nowhere.png
  ln -s class2 photos/zz
  tar --sort=name -cf 1.tar photos && same_as_folder photos 1.tar
  grep -q 'photos/links/loop: leads back to a folder' archive.err
  grep -q "photos/links/nowhere.png: a link to 'photos/links/nothing.png', which is not in the archive" archive.err
  # All images behind links, as git-annex and DVC keep them.
  mkdir -p annex/.objects annex/cat annex/dog
  mv photos/class0/0.png annex/.objects/k1 && mv photos/class1/0.png annex/.objects/k2
  ln -s ../.objects/k1 annex/cat/1.png && ln -s ../.objects/k2 annex/dog/2.png
  tar --sort=name -cf 2.tar annex && same_as_folder annex 2.tar
  # Out of the archive.
  ln -s /etc/hostname photos/links/absolute.png
  ln -s ../../../../x.png photos/links/above.png
  tar --sort=name -cf 3.tar photos
  refuse 3 "photos/links/absolute.png: a link to '/etc/hostname', which is outside the archive" \
    "$BIN/imgprep" --size=8 -o x.shard 3.tar
}

@test "links that stand for ever more files end" {
  mkdir -p bomb/d0
  local i j
  for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    mkdir bomb/d$i
    for j in 0 1 2 3 4 5 6 7 8 9; do ln -s ../d$((i - 1)) bomb/d$i/$j; done
  done
  cp photos/class0/0.png bomb/0.png
  tar --sort=name -cf bomb.tar bomb
  expect_status 3 timeout 120 "$BIN/imgprep" --size=8 -o x.shard bomb.tar
  assert_contains "$stderr" "links that stand for more than"
}

# Else an archive of n bytes with as many links would be n^2 bytes of images.
@test "links that stand for ever more bytes end" {
  mkdir links
  tar -cf links/a.tar photos
  head -c 2000000 /dev/zero >links/zeros && tar -rf links/a.tar links/zeros && rm links/zeros
  local i
  for i in $(seq -w 400); do ln links/a.tar "links/$i.tar"; done
  tar --sort=name -cf links.tar links
  expect_status 3 "$BIN/imgprep" --size=8 -o x.shard links.tar
  assert_contains "$stderr" "a link, which cannot be followed: links that stand for files of 7"
  # As many links to little are followed.
  rm links/*.tar && cp photos/class0/0.png links/000.png
  for i in $(seq -w 400); do ln links/000.png "links/$i.png"; done
  tar --sort=name -cf links.tar links
  expect_status 0 "$BIN/imgprep" --size=8 -o x.shard links.tar
  "$BIN/shardpack" --list x.shard >list.txt
  assert_equal "$(wc -l <list.txt)" 401
}

@test "FIFOs are rejected, not waited for" {
  mkfifo photos/class0/f
  tar --sort=name -cf 1.tar photos && same_as_folder photos 1.tar
  grep -q 'photos/class0/f: not a regular file' archive.err
}

@test "hidden names at any depth are left out" {
  mkdir -p photos/.ipynb_checkpoints photos/class0/.git/y photos/__MACOSX/class0
  cp photos/class0/0.png photos/.ipynb_checkpoints/0.png
  cp photos/class0/0.png photos/class0/.git/y/0.png
  cp photos/class0/0.png photos/__MACOSX/class0/._0.png
  cp photos/class0/0.png photos/class0/.0.png
  tar --sort=name -cf 1.tar photos && same_as_folder photos 1.tar
  tar --sort=name -C photos -cf 2.tar . && same_as_folder photos 2.tar
  assert_lines classes 3
  # In archives inside archives too.
  mkdir tars && tar --sort=name -C photos/class0 -cf tars/class0.tar . && tar -C tars -cf 3.tar class0.tar
  expect_status 0 "$BIN/imgprep" --size=8 -o x.shard 3.tar
  assert_contains "$stderr" "2 images, 1 class"
}

@test "joined archives are the parts of one set, and one class folder is a class" {
  mkdir part1 part2 && cp -r photos/class0 photos/class1 part1 && cp -r photos/class0 photos/class2 part2
  tar --sort=name -cf 1.tar part1 && tar --sort=name -cf 2.tar part2 && cat 1.tar 2.tar > both.tar
  expect_status 0 "$BIN/imgprep" -q --size=8 -o two.shard 1.tar 2.tar
  expect_status 0 "$BIN/imgprep" --size=8 -o one.shard both.tar
  assert_contains "$stderr" "both.tar: classes are the folders below each folder in the archive: class0, class1, class2 (--root=FOLDER"
  assert_equal "$(contents two.shard)" "$(contents one.shard)"
  gzip -k 1.tar 2.tar && cat 1.tar.gz 2.tar.gz > both.tar.gz
  expect_status 0 "$BIN/imgprep" -q --size=8 -o one.shard both.tar.gz
  assert_equal "$(contents two.shard)" "$(contents one.shard)"
  rm -r part1 part2
  tar --sort=name -cf 3.tar photos/class1
  expect_status 0 "$BIN/imgprep" --size=8 -o x.shard 3.tar
  assert_contains "$stderr" "3.tar: classes are the folders below photos/: class1 (--root=FOLDER names another folder)"
  assert_contains "$stderr" "2 images, 1 class"
}

@test "texts and damaged images make no class, and shift no labels" {
  mkdir photos/__pycache__ photos/docs photos/bad && echo x > photos/__pycache__/x.pyc && echo y > photos/docs/readme.txt
  head -c 60 photos/class0/0.png > photos/bad/cut.png
  echo hello > README.md
  tar --sort=name -cf 1.tar README.md photos && same_as_folder photos 1.tar
  assert_lines classes 3
  expect_status 3 "$BIN/imgprep" --size=8 -v -o x.shard photos
  assert_contains "$stderr" "6 images, 3 classes, 1 rejected, 2 other files passed over"
  assert_contains "$stderr" "photos/docs/readme.txt: passed over"
  refuse 3 "photos/bad/cut.png: " "$BIN/imgprep" --size=8 -o x.shard photos
  find photos -name '*.png' | LC_ALL=C sort > list
  expect_status 3 "$BIN/imgprep" --size=8 --class-pattern='photos/([^/]*)/' --files-from=list -o x.shard
  assert_contains "$stderr" "6 images, 3 classes, 1 rejected"
}

@test "--root names the folder above the class folders" {
  mkdir -p data/train data/val && cp -r photos/class0 photos/class1 data/train && cp -r photos/class2 data/val
  tar --sort=name -cf 1.tar data
  expect_status 0 "$BIN/imgprep" --size=8 --root=train -o folder.shard data
  assert_contains "$stderr" "4 images, 2 classes, 2 files outside --root left out"
  expect_status 0 "$BIN/imgprep" --size=8 --root=data/train -o tar.shard 1.tar
  assert_contains "$stderr" "4 images, 2 classes, 2 files outside --root left out"
  assert_equal "$(contents folder.shard)" "$(contents tar.shard)"
  # In a list, too.
  find data/train -name '*.png' | LC_ALL=C sort > list
  expect_status 0 "$BIN/imgprep" --size=8 --root=data/train/ --files-from=list -o list.shard
  assert_equal "$(contents folder.shard)" "$(contents list.shard)"
  # Also as find writes the paths, and with the folder as another option says.
  local paths
  for paths in ./data/train "$PWD/data/train" data//train; do
    find "$paths" -name '*.png' | LC_ALL=C sort > list
    expect_status 0 "$BIN/imgprep" --size=8 --root="$paths" --files-from=list -o list.shard
    assert_equal "$(contents folder.shard)" "$(contents list.shard)"
  done
  (cd data/train && find . -name '*.png' | LC_ALL=C sort) > list
  for paths in . data/train; do
    expect_status 0 "$BIN/imgprep" --size=8 --list-root=data/train --root="$paths" --files-from=list -o list.shard
    assert_equal "$(contents folder.shard)" "$(contents list.shard)"
  done
  # The top of an archive, which is not found without it.
  tar -cf 2.tar data/train/class0 data/train/class1
  for paths in . ./ /; do
    expect_status 0 "$BIN/imgprep" --size=8 --root="$paths" -o tar.shard 2.tar
    assert_contains "$stderr" "classes are the folders below the top of the archive: data"
    assert_contains "$stderr" "4 images, 1 class"
  done
}

@test "one archive a class: in a folder, as operands, in an archive" {
  mkdir tars
  local c
  for c in class0 class1 class2; do tar --sort=name -C photos/$c -cf tars/$c.tar .; done
  gzip tars/class1.tar
  tar --sort=name -cf all.tar -C tars class0.tar class1.tar.gz class2.tar
  "$BIN/imgprep" -q --size=8 -o photos.shard photos
  "$BIN/imgprep" -q --size=8 -o 1.shard tars
  "$BIN/imgprep" -q --size=8 -o 2.shard tars/*
  "$BIN/imgprep" -q --size=8 -o 3.shard all.tar
  for c in 1 2 3; do assert_equal "$(contents $c.shard)" "$(contents photos.shard)"; done
  # Names of records are those of the tar of tars.
  cmp 1.shard 3.shard
  # The folder's name as well, if the archives have it.
  for c in class0 class1 class2; do tar --sort=name -C photos -cf part-$c.tar $c; done
  expect_status 0 "$BIN/imgprep" -q --size=8 -o 4.shard part-*.tar
  assert_equal "$(contents 4.shard)" "$(contents photos.shard)"
  # Beside images in class folders.
  mv tars/class2.tar photos && rm -r photos/class2
  expect_status 0 "$BIN/imgprep" -q --size=8 -o 5.shard photos
  assert_equal "$(contents 5.shard)" "$(contents 1.shard)"
}

@test "links in an archive inside an archive" {
  mkdir -p in && cp photos/class0/0.png in/a.png && ln in/a.png in/b.png && ln -s a.png in/c.png
  tar --sort=name -C in -cf cat.tar . && tar --sort=name -C photos/class1 -cf dog.tar . && ln cat.tar pets.tar
  tar -cf all.tar dog.tar cat.tar pets.tar
  expect_status 0 "$BIN/imgprep" --size=8 -o x.shard all.tar
  assert_contains "$stderr" "8 images, 3 classes"
  # shellcheck disable=SC2002
  cat all.tar | "$BIN/imgprep" -q --size=8 --class-pattern='^([a-z]*)/' -o y.shard
  assert_equal "$(contents x.shard)" "$(contents y.shard)"
}

@test "other files are passed over, and images that cannot be used are not" {
  echo '[ViewState]' > photos/class0/desktop.ini
  printf '\xd0\xcf\x11\xe0' > photos/class0/Thumbs.db
  echo x > photos/class0/0.png:Zone.Identifier
  echo '<annotation/>' > photos/class0/0.xml
  cp photos/class0/0.png photos/class0/without-suffix
  tar --sort=name -cf 1.tar photos && same_as_folder photos 1.tar
  expect_status 0 "$BIN/imgprep" --size=8 -o x.shard photos
  assert_contains "$stderr" "7 images, 3 classes, 4 other files passed over"
  printf 'GIF89a' > photos/class0/a.gif
  printf 'GIF89a' > photos/class0/picture
  tar --sort=name -cf 1.tar photos && same_as_folder photos 1.tar
  expect_status 3 "$BIN/imgprep" --size=8 -o x.shard 1.tar
  assert_contains "$stderr" "7 images, 3 classes, 2 rejected, 4 other files passed over"
  mkdir docs && echo x > docs/x.txt
  refuse 1 "^imgprep: no images, 1 other file passed over$" "$BIN/imgprep" --size=8 -o y.shard docs
  # What is named is never passed over.
  refuse 3 "Thumbs.db: " "$BIN/imgprep" --size=8 -o x.shard photos/class0/0.png photos/class0/Thumbs.db
}

@test "--include and --exclude, --classes-only" {
  cp photos/class0/0.png photos/class0/mask_0.png
  tar --sort=name -cf 1.tar photos
  same_as_folder photos 1.tar --exclude='mask_*' --exclude=class2
  assert_lines classes 2
  same_as_folder photos 1.tar --include='class1/*'
  assert_lines classes 1
  printf 'class0\nclass2\n' > two
  for input in photos 1.tar; do
    expect_status 0 "$BIN/imgprep" --size=8 --classes=two --classes-only -o x.shard $input
    assert_contains "$stderr" "5 images, 2 classes, 2 images of other classes left out"
    refuse 3 "'class1' is no class of the table" "$BIN/imgprep" --size=8 --classes=two -o x.shard $input
  done
  printf '0.png\tclass0\n1.png\tclass1\nmask_0.png\tclass2\n' > labels
  expect_status 0 "$BIN/imgprep" --size=8 --classes=two --labels=labels --classes-only -o x.shard photos
  assert_contains "$stderr" "4 images, 2 classes, 3 images of other classes left out"
  printf 'photos/class%s/0.png\tclass%s\n' 0 0 1 1 2 2 > list
  expect_status 0 "$BIN/imgprep" --size=8 --classes=two --files-from=list --classes-only -o x.shard
  assert_contains "$stderr" "2 images, 2 classes, 1 image of other classes left out"
  refuse 2 "needs the table: give --classes" "$BIN/imgprep" --classes-only --size=8 -o x.shard photos
}

@test "a pattern for folders is compared with archives that have none" {
  tar --sort=name -C photos -cf 1.tar .
  same_as_folder photos 1.tar --exclude=/class1/
  assert_lines classes 2
  same_as_folder photos 1.tar --include=/class1/ --exclude=/
  assert_lines classes 1
}

@test "--include is about the images in archives in folders, --exclude also about the archives" {
  mkdir tars
  local c
  for c in class0 class1; do tar --sort=name -C photos/$c -cf tars/$c.tar .; done
  tar -cf all.tar -C tars class0.tar class1.tar
  for input in tars all.tar; do
    expect_status 0 "$BIN/imgprep" --size=8 --include='0.*' -o x.shard $input
    assert_contains "$stderr" "2 images, 2 classes"
    expect_status 0 "$BIN/imgprep" --size=8 --exclude='class1.tar' -o x.shard $input
    assert_contains "$stderr" "2 images, 1 class"
  done
}

@test "a folder above the one that was packed is no class, though the table has its name" {
  mkdir class1 && mv photos class1
  tar --sort=name -cPf 1.tar "$PWD/class1/photos" && same_as_folder class1/photos 1.tar
}

@test "the classes are said, of many the first" {
  make_folders many 9 1
  tar --sort=name -cf many.tar many
  expect_status 0 "$BIN/imgprep" --size=8 -o x.shard many.tar
  assert_contains "$stderr" "many.tar: classes are the folders below many/: class0, class1, class2 and 6 more"
  expect_status 0 "$BIN/imgprep" --size=8 -o x.shard photos/class0
  assert_contains "$stderr" "no image has a class"
  mkdir one && cp -r photos/class0 one
  expect_status 0 "$BIN/imgprep" --size=8 -o x.shard one
  assert_contains "$stderr" "one: all images are in one class folder: class0 (--root=FOLDER names"
  local i
  for i in {1..9}; do tar -C many -cf "$i.tar" class0 class1; done
  expect_status 0 "$BIN/imgprep" --size=8 -o x.shard [1-9].tar
  assert_equal "$(grep -c 'classes are the folders below' <<< "$stderr")" 8
  assert_contains "$stderr" "and 1 more archive (-v lists their classes, too)"
  expect_status 0 "$BIN/imgprep" -v --size=8 -o x.shard [1-9].tar
  assert_equal "$(grep -c 'classes are the folders below' <<< "$stderr")" 9
}

@test "a pipe is kept for its links, and a folder for temporary files is needed only for them" {
  tar --sort=name -cf plain.tar photos
  ln photos/class0/0.png photos/class2/link.png
  tar --sort=name -cf linked.tar photos
  printf 'class%s\n' 0 1 2 > table
  TMPDIR=missing expect_status 0 bash -c 'cat plain.tar | "$0" --size=8 --classes=table -o x.shard' "$BIN/imgprep"
  assert_contains "$stderr" "6 images, 3 classes"
  TMPDIR=missing expect_status 1 bash -c 'cat linked.tar | "$0" --size=8 --classes=table -o z.shard' "$BIN/imgprep"
  assert_contains "$stderr" "imgprep: temporary copy of stdin in missing: No such file or directory"
  assert_missing z.shard
  TMPDIR=missing expect_status 1 "$BIN/imgprep" --size=8 -o y.shard linked.tar
  assert_contains "$stderr" "imgprep: copy of what the links in linked.tar lead to in missing: No such file or directory"
  assert_missing y.shard
}

@test "every dialect of tar, long names, and every compression, with links" {
  requires bzip2 xz zstd
  local long format pack
  long=$(printf 'n%.0s' {1..90})
  mkdir -p "photos/class0/$long/$long"
  cp photos/class1/0.png "photos/class0/$long/$long/a.png"
  ln "photos/class0/$long/$long/a.png" photos/class1/hard.png
  ln -s "../class0/$long/$long/a.png" photos/class1/soft.png
  for format in gnu pax oldgnu; do
    tar --sort=name --format=$format -cf 1.tar photos && same_as_folder photos 1.tar
  done
  rm -r "photos/class0/$long" photos/class1/soft.png
  tar --sort=name --format=ustar -cf 1.tar photos && same_as_folder photos 1.tar
  tar --sort=name --format=v7 -cf 2.tar photos && same_as_folder photos 2.tar
  for pack in bzip2 xz zstd; do
    $pack -c < 1.tar > 1.tar.packed && same_as_folder photos 1.tar.packed
  done
}

@test "loose images, an image beside the folder, a tar called like an image" {
  fixture png photos/loose.png seed=50
  tar --sort=name -cf 1.tar photos && same_as_folder photos 1.tar
  tar -cf photos/class0/tar.jpg photos/class1/0.png
  tar --sort=name -cf 2.tar photos && same_as_folder photos 2.tar
  grep -q 'photos/class0/tar.jpg: a tar archive where an image is expected' archive.err
  cp photos/loose.png cover.png
  tar -cf 3.tar cover.png photos
  expect_status 3 "$BIN/imgprep" --size=8 -o x.shard 3.tar
  assert_contains "$stderr" "classes are the folders below the top of the archive: photos (--root=FOLDER names"
}

@test "a damaged archive in a folder costs its images, and shifts no labels" {
  mkdir tars
  local c
  for c in class0 class1 class2; do tar --sort=name -C photos/$c -cf tars/$c.tar .; done
  gzip -c tars/class0.tar | head -c 100 > tars/a.tar.gz
  refuse 3 "tars/a.tar.gz: " "$BIN/imgprep" --size=8 -o x.shard tars
  assert_equal "$("$BIN/shardpack" --info x.shard | grep '^class	' | cut -f3 | xargs)" "class0 class1 class2"
  : > tars/b.tar
  head -c 700 tars/class1.tar > tars/c.tar
  tar -cf all.tar -C tars .
  for c in tars all.tar; do
    expect_status 3 "$BIN/imgprep" --size=8 -o x.shard $c
    assert_contains "$stderr" "a.tar.gz: "
    assert_contains "$stderr" "b.tar: empty file"
    assert_contains "$stderr" "c.tar: "
    assert_contains "$stderr" "6 images, 3 classes"
  done
}

@test "links to folders of links, which multiply, end with a reject and in time" {
  local i
  for ((i = 0; i < 30; i++)); do
    mkdir -p many/l$i
    ln -s ../l$((i + 1)) many/l$i/a
    ln -s ../l$((i + 1)) many/l$i/b
  done
  mkdir -p many/l30
  fixture png many/l30/c.png size=8x8
  expect_status 3 timeout 120 "$BIN/imgprep" --size=8 -o x.shard many
  assert_contains "$stderr" "links lead to more than 200000 folders"
}

@test "members that are no images are not unpacked, however large they claim to be" {
  requires_address_limit 400000
  local i
  for i in 1 2 3 4 5 6; do
    truncate -s 250M "sparse$i.jpg" && echo x >> "sparse$i.jpg"
  done
  cp photos/class0/0.png last.png
  tar --sparse -czf sparse.tar.gz sparse?.jpg last.png
  rm sparse?.jpg
  expect_status 3 bash -c 'ulimit -v 400000; exec "$0" "$@"' "$BIN/imgprep" -j 2 --size=8 -o x.shard sparse.tar.gz
  assert_contains "$stderr" "sparse.tar.gz: sparse6.jpg: zero bytes: the copy or the download failed"
  [ "$("$BIN/shardpack" --list x.shard | wc -l)" -eq 1 ]
}

@test "a file in a tar that is all or partly a hole is what its bytes are" {
  make_folders sparse 2 2
  truncate -s 100000 sparse/class0/hole.png
  # A hole behind an image, and one larger than any image.
  truncate -s 300000 sparse/class1/*.png
  truncate -s 3G sparse/class0/large.png
  : > sparse/class0/empty.png
  local format name
  for format in --format=gnu "--format=pax --sparse-version=0.0" "--format=pax --sparse-version=0.1" \
    "--format=pax --sparse-version=1.0"; do
    # shellcheck disable=SC2086
    tar $format -Scf a.tar sparse
    [ "$(stat -c %s a.tar)" -lt 200000 ] || skip "no sparse files here"
    expect_status 3 "$BIN/imgprep" -q --size=16 -o a.shard a.tar
    for name in hole large; do
      assert_contains "$stderr" "a.tar: sparse/class0/$name.png: zero bytes: the copy or the download failed" || fail "$format"
    done
    assert_contains "$stderr" "a.tar: sparse/class0/empty.png: empty file"
    assert_equal "$(wc -l <<< "$stderr")" 3
    assert_equal "$("$BIN/shardpack" --list a.shard | wc -l)" 4
    gzip -kf a.tar
    expect_status 3 "$BIN/imgprep" -q --size=16 -o b.shard a.tar.gz
    cmp a.shard b.shard
  done
  # The same as of the files themselves, and as through links.
  expect_status 3 "$BIN/imgprep" -q --size=16 -o b.shard sparse
  for name in hole large; do
    assert_contains "$stderr" "sparse/class0/$name.png: zero bytes: the copy or the download failed"
  done
  ln sparse/class0/hole.png sparse/class0/linked.png
  ln -s hole.png sparse/class0/soft.png
  tar -Scf a.tar sparse
  expect_status 3 "$BIN/imgprep" -q --size=16 -o a.shard a.tar
  for name in hole linked soft; do
    assert_contains "$stderr" "a.tar: sparse/class0/$name.png: zero bytes: the copy or the download failed"
  done
}
