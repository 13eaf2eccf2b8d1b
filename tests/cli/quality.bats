# On five hundred ImageNet photographs: imgprep's pixels compared with Pillow's, and the loss at which AlexNet starts.

load common

@test "at least 45 dB on average compared with Pillow's antialiased resize, no image below 36" {
  requires_data imagenet-samples-500.tar
  python=$(command -v /usr/bin/python3 || command -v python3) || skip "needs python3, which is not installed"
  "$python" -c 'import numpy, PIL' 2> /dev/null || skip "needs Python's numpy and Pillow (python3-numpy, python3-pil)"
  "$BIN/imgprep" -q -o a.shard "$DATA"
  "$python" "$ROOT/tests/quality/pillow.py" a.shard "$DATA" > report
  cat report
  assert_equal "$(awk '$1 == "images" { print $2 }' report)" 500
  awk '$1 == "mean" { mean = $2 } $1 == "least" { least = $2 } END { exit !(mean >= 45 && least >= 36) }' report ||
    fail "$(cat report)"
}

@test "alexnet.net without dropout starts to learn the photographs at a loss between 6.9 and 8.0" {
  requires_data imagenet-samples-500.tar
  "$BIN/imgprep" -q --class-pattern='^(n[0-9]+)_(.*)\.JPEG$' -o a.shard "$DATA"
  "$BIN/meanimg" -q -o mean.safetensors a.shard
  grep -v ^dropout "$NETS/alexnet.net" > alexnet.net
  "$BIN/train" -q --net=alexnet.net --mean=mean.safetensors --batch=50 --steps=1 --log=log.tsv -o w.safetensors a.shard
  cat log.tsv
  awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "loss") column = i }
    NR == 2 { exit !(column > 0 && $column >= 6.9 && $column <= 8.0) }' log.tsv || fail "$(cat log.tsv)"
}

@test "tests/quality/by_heart says what is missing" {
  expect_status 0 env CONVOY_DATA= "$ROOT/tests/quality/by_heart"
  assert_contains "$output" "skipped: needs imagenet-samples-500.tar"
}
