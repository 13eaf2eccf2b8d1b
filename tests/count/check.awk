# Counts a script in tests/check/ as one test; status 77 means skipped, for the reason in its last line.

{ text = text indent($0); last = $0 }
END {
  planned = 1
  if (status == 77) { skip("check", last); status = 0 }
  else if (status == 0) passed = 1
  else fail("it " how, text)
  finish()
}
