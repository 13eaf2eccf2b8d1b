# The fixed pipeline, which shows whether a change leaves every byte as it was.
load common

@test "the fixed pipeline runs from images to predictions, on the emulated device too, and hashes what it makes" {
  EMULATED=$(dirname "$BIN")/emulated/bin expect_status 0 "$ROOT/tests/quality/pipeline" "$TMP/run"
  assert_equal "$(find run/made -type f | wc -l)" "${#lines[@]}"
  local made
  for made in folder.shard tar.rejects mean.png fashion-fp32.safetensors small-fp32-resumed.safetensors \
    emulated-bf16.predict emulated-small-fp32.eval extracted; do
    assert_contains "$output" "made/$made"
  done
  run ! grep -v '^[0-9a-f]\{64\}  made/' <<< "$output"
}
