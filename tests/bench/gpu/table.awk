# Makes tables of the lines that tests/bench/gpu/report.h describes: each layer, then whole steps, then the peaks.
#   us, cold   the time with what it reads in the L2 cache, if it fits there, and without
#   model      what tests/bench/gpu/model expects
BEGIN { FS = "\t" }
function subject() { return $4 SUBSEP $2 SUBSEP $3 }
$1 == "device" { device = $2 ", compute capability " $3 ", " $4 " multiprocessors, " $5; next }
$1 == "version" { versions = versions (versions == "" ? "" : "; ") $2 " " $3; next }
$1 == "peak" { peak[$2] = $5; peaks = peaks sprintf("%s%s %s: %s %s", peaks == "" ? "" : ", ", $2, $3, $5, $6); next }
$1 == "failed" { failed[++failures] = $2 " " $3 " " $4 " " ($5 == "-" ? "" : $5 " ") "failed: " $6; next }
$1 == "left_out" { failed[++failures] = $2 " " $3 " " $4 " " $5 " left out: the time was up"; next }
($1 == "step" || $1 == "torch" || ($1 == "model" && $3 == "train")) && $6 == "images/s" {
  key = $4 SUBSEP $2
  if (!(key in rates)) { rates[key]; rate_order[++rate_count] = key }
  rate[key, $1 == "torch" ? $3 : $1] = $5
  next
}
$6 == "us" {
  key = subject()
  if ($1 == "own" || $1 == "cudnn") {
    if (!(key in listed)) { listed[key]; order[++count] = key }
    if ($7 > 0) { work[key] = $7; unit[key] = $8 }
  }
  us[$1, key] = $5
}
function cell(value, format) { return value == "" ? sprintf("%" (format + 0) "s", "-") : sprintf("%" format, value) }
END {
  for (i = 1; i <= count; i++) {
    key = order[i]
    split(key, part, SUBSEP)
    if (part[1] != batch) {
      batch = part[1]
      printf "\nAlexNet, layer by layer, batch %s, bf16\n", batch
      printf "%-7s%-19s%9s%9s%9s%10s %-8s%5s%10s%10s%7s\n", "layer", "pass", "us", "cold", "model", "rate", "", \
        "peak", "cuDNN", "cold", "ratio"
    }
    own = us["own", key]
    rate_of = ""; name = ""; share = ""
    flop = unit[key] == "FLOP"
    if (own > 0 && unit[key] != "") {
      rate_of = work[key] / own * (flop ? 1e-6 : 1e-3)
      name = flop ? "TFLOP/s" : "GB/s"
      roof = flop ? peak["bf16"] : peak["memory"]
      if (roof > 0) share = 100 * rate_of / roof
    }
    peer = us["cudnn", key]
    printf "%-7s%-19s%s%s%s%s %-8s%s%s%s%s\n", part[2], part[3], cell(own, "9.1f"), cell(us["own_cold", key], "9.1f"), \
      cell(us["model", key], "9.1f"), cell(rate_of, "10.1f"), name, share == "" ? "    -" : sprintf("%4.0f%%", share), \
      cell(peer, "10.1f"), cell(us["cudnn_cold", key], "10.1f"), cell(own > 0 && peer != "" ? peer / own : "", "7.2f")
  }
  print ""
  for (i = 1; i <= failures; i++) print failed[i]
  printf "images/s%26s%9s%9s%9s%9s%10s%15s\n", "", "convoy", "model", "eager", "graph", "compiled", "compiled+graph"
  for (i = 1; i <= rate_count; i++) {
    key = rate_order[i]
    split(key, part, SUBSEP)
    printf "%-20s batch %5s  %s%s%s%s%s%s\n", part[2], part[1], cell(rate[key, "step"], "9.0f"), \
      cell(rate[key, "model"], "9.0f"), cell(rate[key, "eager"], "9.0f"), cell(rate[key, "graph"], "9.0f"), \
      cell(rate[key, "compiled"], "10.0f"), \
      cell(rate[key, "compiled+graph"], "15.0f")
  }
  print device (versions == "" ? "" : "; " versions)
  if (peaks != "") print peaks
}
