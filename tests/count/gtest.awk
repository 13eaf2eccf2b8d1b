# Counts the cases in GoogleTest's output. Lines before a result belong to that test.

/^\[==========\] Running [0-9]+ test/ { planned = $3; text = ""; next }
/^\[==========\] .* ran\./ { over = 1; text = "" }
over && /YOU HAVE [0-9]+ DISABLED TEST/ {
  for (number = $3; number > 0; number--) { planned++; skip("a test", "disabled in the source") }
}
over { next }
/\[ RUN      \] / { current = $0; sub(/.*\[ RUN      \] /, "", current); text = ""; next }
/\[       OK \] .* ms\)$/ { passed++; current = ""; text = ""; next }
/\[  FAILED  \] .* ms\)$/ { fail(current, text); current = ""; text = ""; next }
/\[  SKIPPED \] .* ms\)$/ { skip(current, reason); current = ""; text = ""; next }
/: Skipped$/ { if ((getline reason) <= 0 || reason == "") reason = "no reason given"; next }
{ text = text indent($0) }
END { finish() }
