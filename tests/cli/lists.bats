# Lists, class tables and label tables as people have them: read, or refused in one line.

# shellcheck disable=SC2016,SC2154  # inner shells expand by themselves; run sets stderr
load common

# One line of the message, and no shard.
refused_in_one_line() {  # TEXT COMMAND...
  local text=$1
  shift
  run --separate-stderr "$@"
  [ "$status" -ne 0 ] || fail "status 0"
  assert_equal "$(printf '%s\n' "$stderr" | wc -l)" 1
  [[ $stderr == *"$text"* ]] || fail "$stderr"
  [ ! -e x.shard ]
}
labels() { "$BIN/shardpack" --list "$1" | cut -f2,4; }

@test "lists: class tables of ILSVRC, and tables without TABs" {
  make_folders in 2 2 size=8x6
  mv in p
  mv p/class0 p/n01440764
  mv p/class1 p/n01443537
  printf 'n01443537 goldfish, Carassius auratus\nn01440764 tench, Tinca tinca\n' > synset_words.txt
  "$BIN/imgprep" -q --size=none --classes=synset_words.txt -o y.shard p
  assert_equal "$("$BIN/shardpack" --list y.shard | cut -f2 | xargs)" "1 1 0 0"
  mv p/n01440764 p/cat
  mv p/n01443537 p/dog
  printf 'cat cat, house cat\ndog dog, domestic dog\n' > t
  refused_in_one_line "no class of the table is called 'cat', but one 'cat cat, house cat'" \
    "$BIN/imgprep" --size=none --classes=t -o x.shard p
  printf '0: cat\n1: dog\n' > t
  refused_in_one_line "is called 'cat', but one '0: cat'" "$BIN/imgprep" --size=none --classes=t -o x.shard p
  # A class that has a space is one.
  mv p/dog 'p/sea lion'
  printf 'cat\nsea lion\n' > t
  "$BIN/imgprep" -q --size=none --classes=t -o y.shard p
}

@test "lists: label tables of other forms are refused in one line" {
  make_folders in 1 2 size=8x6
  printf '2\n1\n' > t
  refused_in_one_line 't: 2 numbers without names' "$BIN/imgprep" --size=none --labels=t -o x.shard in
  printf 'id,label,split\n1,frog,train\n' > t
  refused_in_one_line "t:2: 3 columns" "$BIN/imgprep" --size=none --labels=t -o x.shard in
  printf '1\tfrog\n2\tfrog\n' > t
  refused_in_one_line "t:1:3: label 'frog' is no number" "$BIN/imgprep" --size=none --labels=t -o x.shard in
  printf 'a.jpg\tfrog\t0\t1\n' > t
  refused_in_one_line 'cut -f1,2' "$BIN/imgprep" --size=none --labels=t -o x.shard in
}

@test "lists: label tables with commas and semicolons" {
  make_folders in 3 1 size=8x6
  mkdir flat
  local i=0 file
  for file in in/*/*; do cp "$file" "flat/$((++i)).${file##*.}"; done
  printf 'frog\nsea lion\n' > classes
  printf 'id,label\n1,frog\n3,frog\n2,sea lion\n' > t
  "$BIN/imgprep" -q --size=none --classes=classes --labels=t -o y.shard flat
  assert_equal "$(labels y.shard | cut -f1 | xargs)" '0 1 0'
  printf '"2";"sea lion"\r\n1;frog\r\n3;0\r\n' > t
  "$BIN/imgprep" -q --size=none --classes=classes --labels=t -o z.shard flat
  cmp y.shard z.shard
  printf 'filename,label\n1,2\n2,0\n3,1\n' > t
  "$BIN/imgprep" -q --size=none --labels=t -o z.shard flat
  assert_equal "$(labels z.shard | cut -f1 | xargs)" '2 0 1'
  printf 'id,label\n1,frog\n2,toad\n' > t
  refused_in_one_line "t:3:3: 'toad' is no class of the table" \
    "$BIN/imgprep" --size=none --classes=classes --labels=t -o x.shard flat
}

@test "lists: other texts are named" {
  make_folders in 1 2 size=8x6
  printf 'class0\n' > t
  iconv -f UTF-8 -t UTF-16 t > u
  iconv -f UTF-8 -t UTF-16LE t > v
  for option in classes labels files-from; do
    for file in u v; do
      refused_in_one_line "$file:1:1: UTF-16 text" "$BIN/imgprep" --size=none "--$option=$file" -o x.shard in
    done
  done
  printf 'item {\n  id: 1\n  name: "class0"\n}\n' > t
  refused_in_one_line 't: a label map of TensorFlow' "$BIN/imgprep" --size=none --classes=t -o x.shard in
  printf 'path,label\nin/class0/0.png,0\n' > t
  refused_in_one_line "t: columns separated by ','" "$BIN/imgprep" --size=none --files-from=t -o x.shard
  # A comma in the path of a file is no separator.
  cp in/class0/0.png a,b.png
  printf 'a,b.png\n' > t
  "$BIN/imgprep" -q --size=none --files-from=t -o y.shard
}

@test "lists: names without extension; names that no image has are counted" {
  make_folders in 1 2 size=8x6
  find in -type f | sort | sed 's,.*/,,; s,\.[^.]*$,,' | awk '{ print $0 "\t" NR - 1 }' > t
  run --separate-stderr "$BIN/imgprep" --size=none --labels=t -o y.shard in
  assert_equal "$status" 0
  [[ $stderr != *"no image has"* ]] || fail "$stderr"
  assert_equal "$(labels y.shard | cut -f1 | sort | xargs)" "0 1"
  printf 'not-there.jpg\t0\n' >> t
  run --separate-stderr "$BIN/imgprep" --size=none --labels=t -o y.shard in
  [[ $stderr == *"t: no image has the name 'not-there.jpg'"* ]] || fail "$stderr"
}

@test "lists: --list-root, and a list without labels" {
  make_folders in 2 2 size=8x6
  (cd in && find . -type f | sort | sed 's,^\.,,' | awk '{ print $0, NR % 2 }') > t
  "$BIN/imgprep" -q --size=none --files-from=t --list-root=in -o y.shard
  sed 's,^/,,' t > u
  "$BIN/imgprep" -q --size=none --files-from=u --list-root=in/ -o z.shard
  cmp y.shard z.shard
  assert_equal "$(labels y.shard | cut -f1 | xargs)" "1 0 1 0"
  refuse 2 'needs --files-from' "$BIN/imgprep" --list-root=in -o x.shard in
  run --separate-stderr bash -c 'find in -type f | "$BIN/imgprep" --size=none --files-from=- -o y.shard'
  assert_equal "$status" 0
  [[ $stderr == *"no image has a class"* ]] || fail "$stderr"
}

@test "lists: classes that look alike are told apart by their bytes" {
  make_folders in 1 2 size=8x6
  mkdir a b
  cp -r in/* "a/$(printf 'caf\303\251')"
  cp -r in/* "b/$(printf 'cafe\314\201')"
  "$BIN/imgprep" -q --size=none -o a.shard a
  "$BIN/imgprep" -q --size=none -o b.shard b
  run --separate-stderr "$BIN/shardpack" -o c.shard a.shard b.shard
  assert_equal "$status" 1
  [[ $stderr == *"in bytes, 'cafe"*"xcc"*"x81' against 'caf"*"xc3"*"xa9')"* ]] || fail "$stderr"
  # A class that a table cannot name is none of a folder either.
  mkdir d
  cp -r in/* 'd/cat '
  run --separate-stderr "$BIN/imgprep" --size=none -o x.shard d
  assert_equal "$status" 1
  [[ $stderr == *"'cat ' cannot be a class: the name begins or ends with a blank"* ]] || fail "$stderr"
}

@test "lists: classes that look alike are refused within a run" {
  make_folders in 1 2 size=8x6
  local nfc nfd wide
  nfc=$(printf 'caf\303\251') nfd=$(printf 'cafe\314\201') wide=$(printf 'dog\343\200\200')
  local against="'caf\\xc3\\xa9' against 'cafe\\xcc\\x81'"
  mkdir train val
  cp -r in/class0 "train/$nfc"
  cp -r in/class0 "val/$nfd"
  refused_in_one_line "look alike" "$BIN/imgprep" --size=none -o x.shard train val
  [[ $stderr == *"in bytes, "* ]] || fail "$stderr"
  cp -r in/class0 train/dog
  tar cf t.tar -C train "$nfc" dog
  refused_in_one_line "look alike" "$BIN/imgprep" -q --size=none -o x.shard t.tar val
  printf '%s\n' dog "$nfc" "$nfd" > t
  refused_in_one_line "t:3:1: classes '$nfc' and '$nfd' look alike (in bytes, $against)" \
    "$BIN/imgprep" --size=none --classes=t -o x.shard train
  printf '%s\n' "$wide" cat dog > t
  refused_in_one_line "(in bytes, 'dog\\xe3\\x80\\x80' against 'dog')" \
    "$BIN/imgprep" --size=none --classes=t -o x.shard train
  # The table has the one, and a folder or a list the other.
  printf '%s\n' dog "$nfd" > t
  refused_in_one_line "but one that looks like it (in bytes, $against)" \
    "$BIN/imgprep" --size=none --classes=t -o x.shard train
  refused_in_one_line "but one that looks like it (in bytes, $against)" \
    "$BIN/imgprep" --size=none --classes=t --classes-only -o x.shard train
  printf '%s\t%s\n' "$(find in -type f | head -n 1)" "$nfc" > list
  refused_in_one_line "but looks like '$nfd' (in bytes, $against)" \
    "$BIN/imgprep" --size=none --classes=t --files-from=list -o x.shard
  cp -r "train/$nfc" "val/$nfc"
  refused_in_one_line "look alike" "$BIN/imgprep" --size=none -o x.shard val
  # Blanks and marks that tell words apart are no fault.
  mkdir other
  cp -r in/class0 other/cafe
  cp -r in/class0 'other/sea lion'
  cp -r in/class0 other/sealion
  "$BIN/imgprep" -q --size=none -o y.shard train other
}

@test "lists: a table that fits no image is refused in one line, and an unknown class named in one" {
  make_folders in 3 4 size=8x6
  printf 'n01440764\nn01443537\n' > t
  refused_in_one_line 'none of the 12 images has a class of t: their classes are class0, class1, class2; the table has n01440764, n01443537' \
    "$BIN/imgprep" --size=none --classes=t --rejects=rejects -o x.shard in
  assert_equal "$status" 1
  assert_equal "$(wc -l < rejects)" 12
  tar cf in.tar in
  refused_in_one_line 'none of the 12 images has a class of t' "$BIN/imgprep" --size=none --classes=t -o x.shard in.tar
  printf 'class0\nclass1\n' > t
  run --separate-stderr "$BIN/imgprep" --size=none --classes=t --rejects=rejects -o y.shard in
  assert_equal "$status" 3
  [[ $stderr == *"in/class2/"*" and 3 images more: 'class2' is no class of the table"* ]] || fail "$stderr"
  assert_equal "$(grep -c "'class2' is no class" <<< "$stderr")" 1
  assert_equal "$(wc -l < rejects)" 4
  mv in/class2 'in/class2 '
  run --separate-stderr "$BIN/imgprep" --size=none -o y.shard in
  assert_equal "$status" 3
  assert_equal "$(grep -c "'class2 ' cannot be a class" <<< "$stderr")" 1
  refused_in_one_line "is no class of the table" "$BIN/imgprep" --size=none --classes=t --on-error=stop -o x.shard in
}

@test "lists: images without label are reported in one line" {
  make_folders in 3 4 size=8x6
  printf 'class0/%s\t0\n' "$(find in/class0 -type f -printf '%f\n' | head -n 1)" > t
  run --separate-stderr "$BIN/imgprep" --size=none --labels=t --rejects=rejects -o y.shard in
  assert_equal "$status" 3
  assert_equal "$(grep -c 'and 10 images more: no label in t' <<< "$stderr")" 1
  assert_equal "$(grep -c 'no label' <<< "$stderr")" 1
  assert_equal "$(wc -l < rejects)" 11
  run --separate-stderr "$BIN/imgprep" --size=none --class-pattern='class0/(.)' -o y.shard in
  assert_equal "$status" 3
  assert_equal "$(grep -c 'and 7 images more: the name does not match --class-pattern' <<< "$stderr")" 1
  assert_equal "$(grep -c 'does not match' <<< "$stderr")" 1
}

@test "lists: labels that begin at 1 are refused as that" {
  make_folders in 3 1 size=8x6
  printf 'a\nb\nc\n' > t
  find in -type f | sort | awk '{ print $0, NR }' > list
  refused_in_one_line 'label 3 is out of range: the table has 3 classes, and labels count from 0; these seem to begin at 1' \
    "$BIN/imgprep" --size=none --classes=t --files-from=list -o x.shard
  sed 's,^in/,,' list | tr ' ' '\t' > labels
  refused_in_one_line 'these seem to begin at 1' "$BIN/imgprep" --size=none --classes=t --labels=labels -o x.shard in
  # Where the highest is not missing, a note says so.
  printf 'd\n' >> t
  for file in list labels; do
    local input=(--labels=labels in)
    [ "$file" = labels ] || input=(--files-from=list)
    run --separate-stderr "$BIN/imgprep" --size=none --classes=t -o y.shard "${input[@]}"
    assert_equal "$status" 0
    [[ $stderr == *'1 class of 4 has no images: a (labels count from 0; these seem to begin at 1)'* ]] || fail "$stderr"
  done
  printf 'a\nb\nc\n' > t
  # With a 0 they do not.
  find in -type f | sort | awk '{ print $0, NR == 1 ? 0 : NR }' > list
  refused_in_one_line 'label 3 is out of range: the table has 3 classes, from 0' \
    "$BIN/imgprep" --size=none --classes=t --files-from=list -o x.shard
}
