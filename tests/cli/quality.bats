# imgprep's pixels against Pillow's, on five hundred photographs of ImageNet.

load common

@test "at least 45 dB on average against Pillow's antialiased resize, no image under 36" {
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
