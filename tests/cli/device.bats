# What --device=auto and --device=cuda say in a build with CUDA if there is no GPU, or none is visible.

load common
load training

@test "a build with CUDA works without a GPU and says so" {
  local tool reason
  for tool in train eval predict; do
    expect_status 0 "$BIN/$tool" --version
    case $output in *CUDA*) ;; *) skip "this build runs on a CPU only" ;; esac
  done
  make_training_set
  expect_status 0 "$BIN/train" "${SMALL[@]}" --steps=1 -o w.safetensors train.shard
  case $stderr in *"device cuda:"*) skip "there is a GPU: CUDA_VISIBLE_DEVICES= hides it" ;; esac
  reason=$(sed -n 's/.*device cpu (\([^)]*\)).*/\1/p' <<< "$stderr")
  [ -n "$reason" ] || fail "no reason why there is no GPU: $stderr"
  for tool in eval predict; do
    expect_status 0 "$BIN/$tool" -w w.safetensors val.shard
    assert_contains "$stderr" "$tool: device cpu ($reason)"
    expect_status 0 "$BIN/$tool" -q -w w.safetensors val.shard
    assert_equal "$stderr" ""
    refuse 1 'device cuda: ' "$BIN/$tool" -w w.safetensors --device=cuda val.shard
    assert_contains "$stderr" "device cuda: $reason"
  done
  refuse 1 'device cuda: ' "$BIN/train" "${SMALL[@]}" --steps=1 --device=cuda -o v.safetensors train.shard
  assert_contains "$stderr" "device cuda: $reason"
  assert_missing v.safetensors
}
