# Reads ptxas's reports (`ptxas -v`) and prints a line for each kernel and architecture, separated by tabs:
#   architecture  registers  bytes of stack and spills  kernel, mangled
/Compiling entry function/ {
  split($0, part, "'")
  kernel = part[2]
  arch = part[4]
  bytes = 0
  next
}
/bytes stack frame/ {
  bytes = 0
  for (i = 1; i <= NF; i++) if ($i == "bytes") bytes += $(i - 1)
}
/Used [0-9]+ registers/ {
  match($0, /Used [0-9]+/)
  print arch "\t" substr($0, RSTART + 5, RLENGTH - 5) "\t" bytes "\t" kernel
}
