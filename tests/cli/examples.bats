# Runs the Makefiles in examples/ from end to end, on miniature archives of the same form as the real ones.
load common
load training

setup() {
  common_setup
  requires make tar
  printf '%s\n' 'input 24x24x3 from=32x32' 'conv c1 8 5x5 stride=2' 'relu' 'maxpool 3x3 stride=2' 'fc f 1000' \
    'softmax' > small.net
}

# Makes the archives: images of class WNID in train/WNID.tar, one of each class in the validation tar, and its class in
# the annotations.
make_ilsvrc() {
  mkdir inner val boxes boxes/val
  local wnid image number=0
  for wnid in n01440764 n01443537 n02123045; do
    mkdir "$wnid"
    for image in 1 2 3 4; do
      fixture jpeg "$wnid/${wnid}_$image.JPEG" size=48x40 seed="$((number * 5 + image))"
    done
    tar -C "$wnid" -cf "inner/$wnid.tar" .
    number=$((number + 1))
    fixture jpeg "val/ILSVRC2012_val_0000000$number.JPEG" size=40x48 seed="$number"
    printf '<annotation>\n\t<folder>val</folder>\n\t<filename>%s</filename>\n\t<object>\n\t\t<name>%s</name>\n' \
      "ILSVRC2012_val_0000000$number" "$wnid" > "boxes/val/$number.xml"
    printf '\t</object>\n\t<object>\n\t\t<name>n09999999</name>\n\t</object>\n</annotation>\n' \
      >> "boxes/val/$number.xml"
  done
  tar -C inner -cf ILSVRC2012_img_train.tar n02123045.tar n01440764.tar n01443537.tar
  tar -C val -cf ILSVRC2012_img_val.tar .
  tar -C boxes -czf ILSVRC2012_bbox_val_v3.tgz val
}

@test "examples/imagenet goes from ILSVRC2012's archives to an evaluation, and resumes" {
  make_ilsvrc
  mkdir work
  cd work
  local options=(-f "$ROOT/examples/imagenet/Makefile" CONVOY="$BIN/convoy" ILSVRC=.. NET=../small.net
    SIZE=32 SHARDS=2 BATCH=4 CHANGES=)
  expect_status 0 make "${options[@]}" EPOCHS=2
  assert_contains "$output" "images	3"
  assert_equal "$(cat classes.txt)" "$(printf 'n01440764\nn01443537\nn02123045')"
  assert_lines train.shards 2
  run "$BIN/shardpack" --list val.shard
  assert_contains "$output" "n02123045"
  run "$BIN/shardpack" --info train-00000.shard
  assert_contains "$output" "classes	3"
  assert_missing alexnet.checkpoint.safetensors
  rm alexnet.safetensors
  interrupted() {
    "$BIN/train" -q --net=../small.net --mean=mean.safetensors --batch=4 --epochs=2 --files-from=train.shards \
      --checkpoint=alexnet.checkpoint.safetensors -o other.safetensors
  }
  interrupted
  expect_status 0 make "${options[@]}" EPOCHS=4
  assert_contains "$output$stderr" "resumed at step 6"
  rm alexnet.safetensors
  interrupted
  echo '# another net' >> ../small.net
  expect_status 0 make "${options[@]}" EPOCHS=3
  [[ $stderr != *"resumed at"* ]] || fail "$stderr"
  assert_contains "$stderr" "the checkpoint is of another net than --net: kept as alexnet.checkpoint.safetensors.~1~"
  # The data are newer than the weights: the rule runs again, unattended.
  touch -d 'now + 1 minute' train.shards
  expect_status 0 make "${options[@]}" EPOCHS=3
  expect_status 0 make "${options[@]}" clean
  assert_equal "$(ls)" other.safetensors
}

@test "examples/imagenet leaves out images that cannot be used, and shards of an earlier run" {
  make_ilsvrc
  : > n01443537/n01443537_2.JPEG
  tar -C n01443537 -cf inner/n01443537.tar .
  tar -C inner -cf ILSVRC2012_img_train.tar n02123045.tar n01440764.tar n01443537.tar
  head -c 300 val/ILSVRC2012_val_00000002.JPEG > short.jpg && mv short.jpg val/ILSVRC2012_val_00000002.JPEG
  tar -C val -cf ILSVRC2012_img_val.tar .
  mkdir work
  cd work
  local options=(-f "$ROOT/examples/imagenet/Makefile" CONVOY="$BIN/convoy" ILSVRC=.. SIZE=32)
  expect_status 0 make "${options[@]}" SHARDS=3 shards
  assert_lines train.rejects 1
  assert_contains "$(cat train.rejects)" "n01443537_2.JPEG	empty file"
  assert_contains "$(cat val.rejects)" "ILSVRC2012_val_00000002.JPEG"
  assert_equal "$("$BIN/shardpack" --list train-*.shard | wc -l)" 11
  assert_equal "$("$BIN/shardpack" --list val.shard | wc -l)" 2
  touch -d '1 hour' classes.txt
  expect_status 0 make "${options[@]}" SHARDS=2 train.shards
  assert_equal "$(cat train.shards)" "train-00000.shard
train-00001.shard"
  # Some images left out is fine; more than MAX_REJECTS are not, and then no older shard is taken for the new one.
  rm val.shard
  expect_status 2 make "${options[@]}" MAX_REJECTS=0 val.shard
  assert_contains "$stderr" "1 rejected, more than --max-rejects=0 allows"
  [ ! -e val.shard ]
  # None left is not fine either.
  for image in ../val/*.JPEG; do : > "$image"; done
  tar -C ../val -cf ../ILSVRC2012_img_val.tar .
  expect_status 2 make "${options[@]}" val.shard
  assert_contains "$stderr" "every image was rejected"
  [ ! -e val.shard ]
}

# make_miniature: makes miniature.net, alexnet-2012.net with fewer and smaller maps, and sets RECIPE to what scales the rest
# of the recipe down to it: nine epochs for 93.
make_miniature() {
  sed -E -e 's/^input .*/input 67x67x3 from=72x72/' -e 's/^(conv +conv1 +)96 (.*) pad=0,0,3,3/\18 \2/' \
    -e 's/^(conv +conv[2-5] +)[0-9]+/\116/' -e 's/^(fc +fc[67] +)4096/\132/' "$NETS/alexnet-2012.net" > miniature.net
  RECIPE=(NET=../miniature.net SIZE=72 SHARDS=2 EPOCHS=9 LR=0.001 LR_POLICY="step:0.1@2,5,8"
    CHANGES="--at=6:color-noise=0,conv1.lr=0.1 --at=7:conv1.lr=0,conv1.bias-lr=0"
    TRAIN_OPTIONS='--checkpoint-every=1epoch --log-every=1epoch')
}

@test "examples/imagenet runs the recipe of 2012, with its changes, on a miniature" {
  make_ilsvrc
  make_miniature
  mkdir work
  cd work
  local options=(-f "$ROOT/examples/imagenet/Makefile" CONVOY="$BIN/convoy" ILSVRC=.. BATCH=4 "${RECIPE[@]}")
  expect_status 0 make "${options[@]}" EPOCHS=7
  mv alexnet.safetensors seven.safetensors
  rm train.tsv
  expect_status 0 make "${options[@]}"
  assert_contains "$stderr" "epoch 6: color-noise=0, conv1.lr=0.1"
  assert_contains "$stderr" "epoch 7: conv1.lr=0, conv1.bias-lr=0"
  assert_equal "$(grep -c '^images	3$' <<< "$output")" 2  # the centre view and ten views
  # The rate at the end of each epoch.
  assert_equal "$(awk -F '\t' '$3 == "train" { print $8 }' train.tsv | xargs)" \
    "0.001 0.001 0.0001 0.0001 0.0001 1e-05 1e-05 1e-05 1e-06"
  # From epoch 7 on conv1 stays as it is, and the others go on learning.
  local layer
  for layer in seven alexnet; do "$BIN/netpack" --list $layer.safetensors | cut -f 1-8 > $layer.list; done
  diff <(grep '^conv1' seven.list) <(grep '^conv1' alexnet.list)
  for layer in conv2 conv5 fc6 fc8; do
    run ! diff -q <(grep "^$layer" seven.list) <(grep "^$layer" alexnet.list)
  done
  assert_contains "$("$BIN/netpack" --extract=options alexnet.safetensors)" "color-noise=0.1"
}

@test "examples/imagenet takes a tar of tars of ImageNet's photographs" {
  requires_data imagenet-samples-500.tar
  mkdir photos inner val work
  tar -C photos -xf "$DATA"
  find photos -name '*.JPEG' | sort > list
  assert_lines list 500
  make_miniature
  local path wnid number=0
  while IFS= read -r path; do
    wnid=$(basename "$path" | sed 's/_.*//')
    number=$((number + 1))
    tar -C "$(dirname "$path")" -cf "inner/$wnid.tar" "$(basename "$path")"
    mkdir -p boxes/val
    cp "$path" "val/ILSVRC2012_val_$number.JPEG"
    printf '<annotation>\n<filename>ILSVRC2012_val_%s</filename>\n<name>%s</name>\n</annotation>\n' \
      "$number" "$wnid" > "boxes/val/$number.xml"
    printf '%s a readable name\n' "$wnid" >> synset_words.txt
  done < list
  (cd inner && tar -cf ../ILSVRC2012_img_train.tar ./*.tar)
  tar -C val -cf ILSVRC2012_img_val.tar .
  tar -C boxes -czf ILSVRC2012_bbox_val_v3.tgz val
  cd work
  expect_status 0 make -f "$ROOT/examples/imagenet/Makefile" CONVOY="$BIN/convoy" ILSVRC=.. BATCH=50 CODEC=jpeg:95 \
    "${RECIPE[@]}"
  assert_contains "$output" "images	500"
  assert_contains "$stderr" "epoch 7: conv1.lr=0, conv1.bias-lr=0"
  assert_equal "$("$BIN/shardpack" --list train-*.shard | cut -f 3 | sort -u | wc -l)" 500
  assert_contains "$("$BIN/shardpack" --info val.shard)" "a readable name"
}

# make_devkit ID WNID NAME...: makes ILSVRC2012_devkit_t12.tar.gz as ILSVRC2012 has it, with these classes, a synset above
# them, and the ground truth of the images of make_ilsvrc.
make_devkit() {
  PYTHON=${PYTHON:-/usr/bin/python3}
  requires "$PYTHON"
  "$PYTHON" -c 'import scipy.io' 2> /dev/null || skip "needs Python's SciPy (python3-scipy)"
  mkdir -p ILSVRC2012_devkit_t12/data
  printf '%s\n' 3 1 2 > ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt
  "$PYTHON" - "$@" << 'END'
import sys
import numpy
from scipy.io import savemat
args = sys.argv[1:]
rows = [(int(args[i]), args[i + 1], args[i + 2], "a gloss", 0) for i in range(0, len(args), 3)]
rows.insert(1, (4, "n00001740", "entity", "what there is", 3))
kinds = [("ILSVRC2012_ID", object), ("WNID", object), ("words", object), ("gloss", object), ("num_children", object)]
savemat("ILSVRC2012_devkit_t12/data/meta.mat", {"synsets": numpy.array(rows, dtype=kinds).reshape(-1, 1)},
        do_compression=True)
END
  tar -czf ILSVRC2012_devkit_t12.tar.gz ILSVRC2012_devkit_t12
}

# The label, class and image of each record of a shard, in the order of the names.
labels_of() { "$BIN/shardpack" --list "$1" | cut -f 2,3,4 | sort -k 3; }

@test "examples/imagenet takes classes in the order of sorted WNIDs or of the devkit, with its ground truth" {
  make_ilsvrc
  # The images are of n01440764, n01443537 and n02123045, whose IDs are 3, 1 and 2.
  make_devkit 2 n02123045 'tabby, tabby cat' 3 n01440764 'tench, Tinca tinca' 1 n01443537 'goldfish,  Carassius auratus'
  mkdir wnid devkit devkit/shards clsloc
  cd wnid
  local options=(-f "$ROOT/examples/imagenet/Makefile" CONVOY="$BIN/convoy" PYTHON="$PYTHON" ILSVRC=.. SIZE=32)
  expect_status 0 make "${options[@]}" val.shard
  labels_of val.shard > boxes
  assert_equal "$(cat classes.txt)" "$(printf '%s\t%s\n' n01440764 'tench, Tinca tinca' n01443537 \
    'goldfish, Carassius auratus' n02123045 'tabby, tabby cat')"
  # The ground truth of the devkit says what the annotations say.
  mv ../ILSVRC2012_bbox_val_v3.tgz ../other
  rm val.shard val.labels
  expect_status 0 make "${options[@]}" val.shard
  labels_of val.shard | diff - boxes
  assert_equal "$(cut -f 1 boxes | xargs)" "0 1 2"
  cd ../devkit
  expect_status 0 make "${options[@]}" ORDER=devkit val.shard
  labels_of val.shard > labels
  assert_equal "$(cut -f 1 labels | xargs)" "2 0 1"
  cut -f 2,3 labels | diff - <(cut -f 2,3 ../wnid/boxes)
  assert_equal "$(head -n 1 classes.txt)" "n01443537	goldfish, Carassius auratus"
  cd ../clsloc
  printf '%s\n' 'n01443537 1 goldfish' 'n02123045 2 tabby' 'n01440764 3 tench' > ../map_clsloc.txt
  expect_status 0 make "${options[@]}" ORDER=devkit val.shard
  labels_of val.shard | diff - ../devkit/labels
  assert_contains "$("$BIN/shardpack" --info val.shard)" "goldfish"
  expect_status 2 make "${options[@]}" ORDER=ilsvrc val.shard
  assert_contains "$stderr" "ORDER is wnid or devkit, not 'ilsvrc'"
  mkdir ../none
  cd ../none
  expect_status 2 make "${options[@]}" ILSVRC=../none ORDER=devkit classes.txt
  assert_contains "$stderr" "ORDER=devkit needs map_clsloc.txt or ILSVRC2012_devkit_t12.tar.gz in ../none"
  expect_status 2 make "${options[@]}" ILSVRC=../none val.labels
  assert_contains "$stderr" "needs ILSVRC2012_bbox_val_v3.tgz or ILSVRC2012_devkit_t12.tar.gz in ../none"
  expect_status 0 make "${options[@]}" ILSVRC=../none clean
}

@test "examples/imagenet/devkit-classes says what is wrong with a file" {
  make_devkit 1 n01443537 goldfish 3 n02123045 cat
  local program=$ROOT/examples/imagenet/devkit-classes
  expect_status 1 "$PYTHON" "$program" ILSVRC2012_devkit_t12.tar.gz
  assert_contains "$stderr" "its ILSVRC2012_IDs are not 1 to 2"
  head -c 200 ILSVRC2012_devkit_t12/data/meta.mat > cut.mat
  expect_status 1 "$PYTHON" "$program" cut.mat
  assert_contains "$stderr" "cut.mat: not the meta.mat of ILSVRC2012"
  tar -czf empty.tgz cut.mat
  expect_status 1 "$PYTHON" "$program" empty.tgz
  assert_contains "$stderr" "no meta.mat inside"
  expect_status 1 "$PYTHON" "$program"
  expect_status 1 "$PYTHON" "$program" nothing.mat
  assert_contains "$stderr" "nothing.mat"
}

@test "examples/fashion-mnist makes its photographs again, even if an earlier run was interrupted" {
  requires gzip
  local set count
  mkdir mnist work
  for set in train t10k; do
    [ $set = train ] && count=40 || count=20
    make_idx "$set" "$count"
    gzip -c $set-images.idx > mnist/$set-images-idx3-ubyte.gz
    gzip -c $set-labels.idx > mnist/$set-labels-idx1-ubyte.gz
  done
  cd work
  local options=(-f "$ROOT/examples/fashion-mnist/Makefile" BIN="$BIN" FASHION_MNIST=../mnist)
  expect_status 0 make "${options[@]}" photographs
  assert_equal "$(find photographs -name '*.png' | wc -l)" 20
  rm classes.txt test.shard  # as if the class table had changed
  mkdir -p photographs.new/half
  expect_status 0 make "${options[@]}" photographs
  assert_equal "$(find photographs -name '*.png' | wc -l)" 20
  assert_equal "$(find . -name half)" ""
  expect_status 0 make "${options[@]}" EPOCHS=1 MAX_ERROR=100
  assert_contains "$output" "Test error:"
}

@test "the commands in the files of nets have only options that train has, and name the mean" {
  local net command option help
  help=$("$BIN/train" --help)
  for net in "$NETS"/*.net; do
    command=$(awk '/^#   train / { inside = 1 } inside && /^# *$/ { exit } inside { sub(/^# */, ""); print }' "$net")
    assert_contains "$command" "--net=$(basename "$net") "
    assert_contains "$command" "--mean=mean.safetensors"
    while read -r option; do
      assert_contains "$help" "$option"
    done < <(grep -Eo -- '--[a-z-]+' <<< "$command")
  done
}

@test "examples/cifar10 leaves out images that cannot be used" {
  make_folders images 3 10 size=32x32
  echo 'no image' > images/class1/3.png
  local options=(-f "$ROOT/examples/cifar10/Makefile" CONVOY="$BIN/convoy" IMAGES=images)
  expect_status 0 make "${options[@]}" shards
  assert_equal "$("$BIN/shardpack" --list train.shard val.shard | wc -l)" 29
  assert_contains "$(cat train.rejects)" "images/class1/3.png	a text where an image"
  # A record that is damaged later costs only itself, too.
  damage_payload train.shard 5
  damage_payload val.shard 1
  expect_status 0 make "${options[@]}" TRAIN_OPTIONS="--batch=8 --epochs=1"
  assert_contains "$(cat mean.rejects)" "record 5 ("
  assert_contains "$(cat cifar-80sec.rejects)" "record 5 ("
  assert_contains "$(cat evaluation.rejects)" "record 1 ("
  assert_contains "$output" "images	2"
}

@test "examples/cifar10 trains from a folder of images for each class" {
  local class image
  for class in cat dog ship; do
    mkdir -p "images/$class"
    for image in 1 2 3 4 5 6 7 8 9 10; do
      fixture jpeg "images/$class/$image.jpg" size=32x32 seed="$image"
    done
  done
  expect_status 0 make -f "$ROOT/examples/cifar10/Makefile" CONVOY="$BIN/convoy" IMAGES=images \
    TRAIN_OPTIONS="--batch=9 --steps=2"
  assert_contains "$output" "images	3"
}

# The nets see crops of the images; the options are those of the Makefile, the run is cut short.
@test "examples/cifar10 trains the nets with locally connected layers" {
  local net options
  make_folders images 10 10 size=32x32
  for net in local-13pct local-11pct; do
    options=(-f "$ROOT/examples/cifar10/Makefile" CONVOY="$BIN/convoy" IMAGES=images NET="$net")
    run make -n "${options[@]}"
    assert_contains "$output" "--net=$ROOT/examples/cifar10/../nets/cifar-$net.net"
    assert_contains "$output" "--crop=random --flip=on --batch=128 --lr=0.001 --momentum=0.9 --weight-decay=0.004"
    assert_contains "$output" "eval -w cifar-$net.safetensors --views=10 "
    expect_status 0 make "${options[@]}" TRAIN_OPTIONS="--batch=16 --steps=2 --crop=random --flip=on"
    assert_contains "$output" "images	10"
    run "$BIN/train" --describe --net="$NETS/cifar-$net.net"
    assert_contains "$output" "local3    local    6x6x32        664704         663552"
  done
}

# The figures are those of two steps: what is shown is that each is there.
@test "examples/cifar10 makes the table, figure 1 and the claims" {
  local options net kind
  make_folders images 3 10 size=32x32
  make_folders test 3 4 size=32x32 seed=50
  options=(-f "$ROOT/examples/cifar10/Makefile" CONVOY="$BIN/convoy" IMAGES=images TEST=test)
  expect_status 0 make "${options[@]}" table TRAIN_OPTIONS="--batch=8 --steps=2 --log-every=1steps"
  for net in 80sec 18pct local-13pct local-11pct; do
    [[ $output =~ $'\n'$net\ +[0-9.]+\ %\ +[0-9]+\ +[0-9.]+\ min\ \ [0-9]+\ %\ in\ [0-9]+\ (s|min) ]] ||
      fail "no row of $net: $output"
  done
  assert_equal "$("$BIN/shardpack" --list train.shard | wc -l)" 30
  assert_contains "$(cat cifar-80sec.tsv)" "images	12"
  # Every error is at most 100 %.
  expect_status 0 make "${options[@]}" figure1 FIGURE1_ERROR=1 FIGURE1_RATES="0.001 0.002" SEEDS="1 2" \
    FIGURE1_EPOCHS_relu=1 FIGURE1_EPOCHS_tanh=1
  assert_contains "$output" ": 1.0 times as many"
  assert_equal "$(cut -f1 figure1.rates)" "relu"$'\n'"tanh"
  assert_equal "$(wc -l < figure1.tsv)" 4
  assert_contains "$(cat figure1.svg)" "<svg"
  expect_status 0 make "${options[@]}" claims CLAIMS_OPTIONS="--epochs=1 --crop=random" SEEDS="1 2"
  for kind in plain normalised apart; do
    [[ $output =~ $kind\ +[0-9.]+\ +[0-9.]+\ \ mean\ [0-9.]+ ]] || fail "no errors of $kind: $output"
  done
  assert_contains "$(cat claims.svg)" "<svg"
  run "$BIN/train" --describe --net=claims-apart.net
  assert_contains "$output" "maxpool  12x12x64"
  expect_status 0 make "${options[@]}" clean
  assert_equal "$(find . -maxdepth 1 -name '*.s[hva]*' -o -name '*[.-]*.tsv' -o -name '*.rejects')" ""
}

@test "examples/transfer fine-tunes a net to few images and to stamps" {
  local class i options target way
  for class in airplane automobile bird cat deer dog frog horse ship truck; do
    mkdir -p "cifar/$class"
    for i in 1 2 3 4; do fixture png "cifar/$class/$i.png" size=32x32 seed="$i"; done
  done
  for class in animals/birds animals/mammals vehicles/auto/cartoon; do
    mkdir -p "stamps/$class"
    for i in 1 2 3 4 5; do fixture png "stamps/$class/$i.png" kind=rgba size=48x40 seed="$i"; done
    echo '<svg/>' > "stamps/$class/6.svg"
  done
  options=(-f "$ROOT/examples/transfer/Makefile" CONVOY="$BIN/convoy" CIFAR=cifar STAMPS=stamps SEEDS="1 2" EPOCHS=1
    TARGET_EPOCHS=2 FEW_SHARE=0.5)
  for target in few stamps; do
    expect_status 0 make "${options[@]}" "$target"
    for way in anew frozen tuned; do
      [[ $output =~ $way\ +[0-9.]+\ +[0-9.]+\ \ mean\ [0-9.]+ ]] || fail "no errors of $way: $output"
    done
    assert_contains "$stderr" "taken: conv1, conv2, conv3, conv4; drawn from the seed: $target-classes"
    assert_contains "$(cat "$target.svg")" "<svg"
  done
  assert_equal "$("$BIN/shardpack" --list source.shard | wc -l)" 28
  assert_equal "$("$BIN/shardpack" --list few-train.shard few-val.shard | wc -l)" 12
  assert_equal "$("$BIN/shardpack" --list stamps-train.shard stamps-val.shard | cut -f3 | sort | uniq -c | xargs)" \
    "5 birds 5 mammals 5 vehicles"
  # What is frozen is what was taken.
  assert_equal "$("$BIN/netpack" --list few-frozen-1.safetensors | grep conv | cut -f1-7)" \
    "$("$BIN/netpack" --list source.safetensors | grep conv | cut -f1-7)"
  run "$BIN/train" --describe --net=stamps-tuned.net
  assert_contains "$output" "stamps-classes"
  expect_status 0 make "${options[@]}" clean
  assert_equal "$(find . -maxdepth 1 -name '*.s[hva]*' -o -name '*[.-]*.tsv' -o -name '*.mean')" ""
}

@test "examples/cifar10 tells at which epoch an error is reached" {
  local head="step	epoch	set	images	loss	top1_error	top5_error	learning_rate	images_per_second"
  printf '%s\n' "$head" "1	1	train	8	2	0.5	0	0.1	9" "1	1	val	8	2	0.1	0	0.1	9" \
    "2	2	train	8	2	0.3	0	0.1	9" "3	3	train	8	2	0.1	0	0.1	9" > a.log.tsv
  printf '%s\n' "$head" "1	1	train	8	2	0.26	0	0.1	9" > b.log.tsv
  run "$ROOT/examples/cifar10/epochs-to" 0.25 a.log.tsv b.log.tsv a.log.tsv
  assert_equal "$output" "a	2.25"$'\n'"b	never"$'\n'"a	2.25"
}

@test "examples/cifar10 reads CIFAR-10's binary archive" {
  requires perl
  mkdir cifar-10-batches-bin
  perl -e 'binmode STDOUT; print map { chr($_ % 10) . chr($_) x 1024 . chr(2 * $_) x 1024 . "\1" x 1024 } 0 .. 29' \
    > cifar-10-batches-bin/data_batch_1.bin
  head -c $((3073 * 10)) cifar-10-batches-bin/data_batch_1.bin > cifar-10-batches-bin/test_batch.bin
  printf '%s\n' airplane automobile bird cat deer dog frog horse ship truck '' \
    > cifar-10-batches-bin/batches.meta.txt
  tar -czf cifar-10-binary.tar.gz cifar-10-batches-bin
  expect_status 0 make -f "$ROOT/examples/cifar10/Makefile" CONVOY="$BIN/convoy" \
    BINARY=cifar-10-binary.tar.gz shards
  run "$BIN/shardpack" --list val.shard
  assert_equal "${#lines[@]}" 10
  assert_contains "${lines[7]}" "7	7	horse"
  expect_status 0 "$BIN/shardpack" --extract=out val.shard
  assert_equal "$(find out -name '*.png' | wc -l)" 10
  expect_status 0 "$BIN/shardpack" --info train.shard
  assert_contains "$output" "records	30"
}
