# A script of tests/check/: one test; status 77 means skipped, with the reason in the last line.

{ text = text indent($0); last = $0 }
END {
  planned = 1
  if (status == 77) { skip("check", last); status = 0 }
  else if (status == 0) passed = 1
  else fail("it " how, text)
  finish()
}
