# meanimg: the mean of real shards in any order, split in any way, from files and pipes; damage; wrong use.

load common

# Makes three shards with 4, 5 and 6 images of 8x6, and all.shard with all of them.
make_shards() {
  local i=0 part
  for part in 4 5 6; do
    make_folders "in$part" 1 "$part" size=8x6 fill=$((part * 20)),$((part * 7)),30
    for ((i = 0; i < part; i++)); do fixture png "in$part/class0/$i.png" size=8x6 seed=$((part * 10 + i)); done
    "$BIN/imgprep" -q --size=none "in$part" -o "$part.shard" || return 1
  done
  cat 4.shard 5.shard 6.shard > all.shard
}

@test "meanimg: order, splitting, threads, pipes and merging do not change a bit" {
  make_shards
  expect_status 0 "$BIN/meanimg" -q -o a.safetensors 4.shard 5.shard 6.shard
  expect_status 0 "$BIN/meanimg" -q -j1 -o b.safetensors 6.shard 4.shard 5.shard
  cmp a.safetensors b.safetensors
  "$BIN/meanimg" -q -j3 < all.shard > c.safetensors
  cmp a.safetensors c.safetensors
  cat 5.shard 4.shard | "$BIN/meanimg" -q -o d.safetensors - 6.shard
  cmp a.safetensors d.safetensors
  printf '4.shard\n6.shard\n' > names
  "$BIN/meanimg" -q -o e.safetensors --files-from=names 5.shard
  cmp a.safetensors e.safetensors

  for part in 4 5 6; do "$BIN/meanimg" -q -o "$part.mean" "$part.shard"; done
  "$BIN/meanimg" -q --merge -o m.safetensors 6.mean 4.mean 5.mean
  cmp a.safetensors m.safetensors
  "$BIN/meanimg" -q --merge -o p.safetensors 6.mean 5.mean
  "$BIN/meanimg" -q --merge p.safetensors 4.mean | cmp - a.safetensors
}

@test "meanimg: images from JPEG shards are decoded, from files and from a pipe alike" {
  make_folders in 2 5 size=16x16
  "$BIN/imgprep" -q --size=none --codec=jpeg:90 in -o jpeg.shard
  "$BIN/meanimg" -q -o a.safetensors jpeg.shard
  "$BIN/meanimg" -q < jpeg.shard | cmp - a.safetensors
}

@test "meanimg: one image is its own mean, and --png shows it" {
  fixture png a.png size=9x5 seed=3
  "$BIN/imgprep" -q --size=none a.png -o a.shard
  expect_status 0 "$BIN/meanimg" -q --png=mean.png -o mean.safetensors a.shard
  "$BIN/imgprep" -q --size=none mean.png -o b.shard
  "$BIN/meanimg" -q -o again.safetensors b.shard
  cmp mean.safetensors again.safetensors
}

@test "meanimg: gray images" {
  fixture png a.png size=4x4 kind=gray fill=10,10,10
  fixture png b.png size=4x4 kind=gray fill=13,13,13
  "$BIN/imgprep" -q --size=none --gray a.png b.png -o g.shard
  "$BIN/meanimg" -q -o mean.safetensors g.shard
  # The values of `mean` are 11.5 = 0x41380000. Before them come 16 sums of 8 bytes, the count and the product.
  length=$(od -A n -t u8 -N 8 mean.safetensors | tr -d ' ')
  first=$(od -A n -t f4 -N 4 -j $((8 + length + 16 * 8 + 8 + 8)) mean.safetensors | tr -d ' ')
  assert_equal "$first" 11.5
}

@test "meanimg: a damaged record is named, counted, listed and left out, and the status is 3" {
  make_shards
  cp 5.shard damaged.shard
  # Changes pixels in the middle of the file's payloads, which end before the end chunk.
  size=$(stat -c %s damaged.shard)
  printf '\377\376\375' | dd of=damaged.shard bs=1 seek=4200 conv=notrunc status=none
  [ "$size" -eq "$(stat -c %s damaged.shard)" ]
  refuse 3 'damaged.shard: record [0-9]+ .*checksum' "$BIN/meanimg" --rejects=list -o m.safetensors 4.shard damaged.shard
  assert_lines list 1
  grep -Eqx "damaged.shard: record [0-9]+ \([^)]*\): offset [0-9]+	payload checksum mismatch" list
  [ -s m.safetensors ]
  refuse 1 'damaged.shard: .*record [0-9]+.*checksum' "$BIN/meanimg" -q --on-error=stop -o s.safetensors damaged.shard
  assert_missing s.safetensors
  # The same images are left out if they come from a pipe.
  expect_status 3 "$BIN/meanimg" -q -o p.safetensors - < damaged.shard
  expect_status 3 "$BIN/meanimg" -q -o f.safetensors damaged.shard
  cmp p.safetensors f.safetensors
}

@test "meanimg: wrong use" {
  make_shards
  "$BIN/meanimg" -q -o a.mean 4.shard
  refuse 2 "on-error" "$BIN/meanimg" --on-error=maybe 4.shard
  refuse 2 "threads" "$BIN/meanimg" -j0 4.shard
  refuse 2 "--merge and --rejects exclude each other" "$BIN/meanimg" --merge --rejects=x a.mean
  refuse 2 "unknown|unrecogni[sz]ed" "$BIN/meanimg" --no-such-option 4.shard
}

@test "meanimg: unusable inputs" {
  make_shards
  "$BIN/meanimg" -q -o a.mean 4.shard
  : > empty
  refuse 1 "empty" "$BIN/meanimg" -o x.safetensors empty
  refuse 1 "stdin" "$BIN/meanimg" -o x.safetensors - < /dev/null
  refuse 1 "nowhere.shard: No such file" "$BIN/meanimg" -o x.safetensors nowhere.shard
  refuse 1 "directory|folder" "$BIN/meanimg" -o x.safetensors .
  refuse 1 "a.mean" "$BIN/meanimg" -o x.safetensors a.mean
  fixture png other.png size=9x6
  "$BIN/imgprep" -q --size=none other.png -o other.shard
  refuse 1 "other.shard: does not go with .*4.shard" "$BIN/meanimg" -o x.safetensors 4.shard other.shard
  "$BIN/meanimg" -q -o other.mean other.shard
  refuse 1 "other.mean: images of 6x9x3 against 6x8x3" "$BIN/meanimg" --merge -o x.safetensors a.mean other.mean
  refuse 1 "4.shard: a shard where a mean file is expected" "$BIN/meanimg" --merge -o x.safetensors 4.shard
  "$BIN/imgprep" -q --size=6 in4 -o six.shard
  "$BIN/imgprep" -q --size=6 --background=1,2,3 in4 -o background.shard
  "$BIN/meanimg" -q -o six.mean six.shard
  "$BIN/meanimg" -q -o background.mean background.shard
  refuse 1 "background.mean: .*prepared differently" "$BIN/meanimg" --merge -o x.safetensors six.mean background.mean
  assert_missing x.safetensors
}

@test "meanimg: a full disk and a closed pipe" {
  requires_full_device
  make_shards
  refuse 1 "No space left" "$BIN/meanimg" -q -o /dev/full 4.shard
  expect_status 1 bash -c "'$BIN/meanimg' -q 4.shard > /dev/full"
  assert_contains "$stderr" "No space left"
  expect_status 0 bash -c "'$BIN/meanimg' -q 4.shard | true"
}

@test "meanimg: the mean of Fashion-MNIST is that of its pixels" {
  requires_fashion_mnist
  requires python3
  "$BIN/imgprep" -q --size=none --gray --idx "$FASHION_MNIST/t10k-images-idx3-ubyte.gz" \
    "$FASHION_MNIST/t10k-labels-idx1-ubyte.gz" -o t.shard
  "$BIN/meanimg" -q -o mean.safetensors t.shard
  python3 - "$FASHION_MNIST/t10k-images-idx3-ubyte.gz" mean.safetensors << 'PYTHON'
import gzip, json, struct, sys
from fractions import Fraction
pixels = gzip.open(sys.argv[1]).read()[16:]
count = len(pixels) // 784
data = open(sys.argv[2], "rb").read()
length = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + length])
begin, end = header["mean"]["data_offsets"]
mean = struct.unpack("<784f", data[8 + length + begin:8 + length + end])
for i in range(784):
    exact = Fraction(sum(pixels[i::784]), count)
    bits = struct.unpack("<I", struct.pack("<f", mean[i]))[0]
    near = [struct.unpack("<f", struct.pack("<I", b))[0] for b in (max(bits - 1, 0), bits, bits + 1)]
    assert min(near, key=lambda x: abs(Fraction(x) - exact)) == mean[i], i
PYTHON
}

@test "meanimg: the manual's examples run as they stand" {
  make_folders in 2 6 size=20x20
  "$BIN/imgprep" -q --size=16 in/class0 -o train-00000.shard
  "$BIN/imgprep" -q --size=16 in/class1 -o train-00001.shard
  count=0
  while IFS= read -r command; do
    run_example "$command"
    count=$((count + 1))
  done < <(man_examples convoy-meanimg.1)
  [ "$count" -ge 5 ]
}
