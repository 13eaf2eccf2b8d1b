# Shared by gtest.awk, bats.awk and check.awk, which count the tests in one job's output. tests/run_one sets job, status,
# how (how the job ended), seconds, and the files failures, skips and counts. A counter sets `planned`, and for each
# result calls fail or skip, or increments `passed`.

function fail(title, text) {
  print "FAIL " job ": " title > failures
  if (text != "") printf "%s", text > failures
  failed++
}

function skip(title, reason) {
  print "skip " job ": " title ": " reason > skips
  skipped++
}

function indent(line) { return "    " line "\n" }

# Tests without a result are failures: the program crashed or hung in `current`, or never got to them.
function finish(    missing, others) {
  missing = planned - passed - failed - skipped
  if (missing > 0) {
    others = missing > 1 ? " (and " (missing - 1) " more without a result)" : ""
    fail((current != "" ? current : "some tests") ": no result: it " how others, text)
    failed += missing - 1
  } else if (!planned) {
    fail("no tests ran: it " how, text)
  } else if (status != 0 && !failed) {
    fail("it " how, text)
  }
  printf "%d %d %d %s\n", passed, failed, skipped, seconds > counts
}
