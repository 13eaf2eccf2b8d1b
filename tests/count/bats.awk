# Counts Bats tests, from TAP. Lines after "not ok" belong to that test.

function flush_failure() {
  if (broken != "") fail(broken, text)
  broken = ""
  text = ""
}

/^1\.\.[0-9]+$/ { planned = substr($0, 4) + 0; text = ""; next }
/^ok [0-9]+ / {
  flush_failure()
  title = $0
  sub(/^ok [0-9]+ /, "", title)
  at = match(title, / # skip/)
  if (at) {
    reason = substr(title, at + 8)
    skip(substr(title, 1, at - 1), reason == "" ? "no reason given" : reason)
  } else {
    passed++
  }
  next
}
/^not ok [0-9]+ / { flush_failure(); broken = $0; sub(/^not ok [0-9]+ /, "", broken); next }
{ sub(/^# ?/, ""); text = text indent($0) }
END { flush_failure(); finish() }
