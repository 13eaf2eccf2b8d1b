# Bash completion of convoy's tools: `convoy TOOL ...` and convoy-TOOL. Installed as
# share/bash-completion/completions/convoy. The options, and the policies of --lr-policy, come from each tool's --help, so
# they are never out of date; the values of other options are listed here.

_convoy_tools="imgprep meanimg shardpack train eval predict netpack shownet"

# Prints the options in --help, from lines like "  -o [ --output ] FILE (=-)  write to FILE" and "  --quiet". Options
# that take a value end in "=".
_convoy_options() {  # COMMAND...
  "$@" --help 2> /dev/null < /dev/null | awk '
    /^  -/ {
      line = $0
      if (!match(line, /--[a-z0-9][a-z0-9-]*/)) next
      name = substr(line, RSTART, RLENGTH)
      rest = substr(line, RSTART + RLENGTH)
      sub(/^ \]/, "", rest)
      # The name of a value follows after one blank; the description follows after two or more, or on the next line.
      print name (rest ~ /^ [^ ]/ ? "=" : "")
    }'
}

# Prints the alternatives of an option's description in --help, without parameters: "fixed" and "step:" for
# "fixed, or step:FACTOR@EPOCH[,EPOCH]...".
_convoy_alternatives() {  # OPTION COMMAND...
  local option=$1
  shift
  "$@" --help 2> /dev/null < /dev/null | awk -v option="$option" '
    /^  -/ { inside = ($1 == option); sub(/^  [^ ]+ [^ ]+( \(=[^)]*\))?/, "") }
    NF == 0 { inside = 0 }
    inside {
      for (i = 1; i <= NF; i++) {
        if ($i == "or") continue
        sub(/,$/, "", $i)
        sub(/:.*/, ":", $i)
        print $i
      }
    }'
}

# Prints the values of an option that takes one of a few words.
_convoy_values() {  # TOOL OPTION COMMAND...
  case $1:$2 in
    *:--device) echo "auto cpu cuda" ;;
    shardpack:--split-by) echo "class record" ;;
    *:--on-error) echo "skip stop" ;;
    *:--codec) echo "raw jpeg" ;;
    netpack:--extract) echo "net classes mean options" ;;
    netpack:--channels) echo "rgb bgr" ;;
    netpack:--to) echo "weights safetensors onnx" ;;
    netpack:--type) echo "f32 f16 bf16" ;;
    *:--flip) echo "on off" ;;
    *:--color-noise-scale) echo "deviations eigenvalues" ;;
    *:--crop) echo "random center" ;;
    *:--keep) echo "last best all" ;;
    *:--early-stop) echo "never" ;;
    *:--lr-policy | *:--optimizer) _convoy_alternatives "$2" "${@:3}" ;;
    *:--order) echo "shuffle sequential" ;;
    *:--views) echo "1 10" ;;
    *:--precision) echo "auto fp32 bf16" ;;
    shownet:--format) echo "png svg pdf" ;;
    shownet:--normalise) echo "layer filter" ;;
    shownet:--set) echo "both train val" ;;
    shownet:--show) echo "error top5 loss rate" ;;
    shownet:--x) echo "epoch step" ;;
    *:--checkpoint-every | *:--val-every | *:--log-every) echo "never" ;;
  esac
}

# Prints the kinds of pictures that shownet draws, from its usage.
_convoy_pictures() {  # COMMAND...
  "$@" --help 2> /dev/null < /dev/null | awk '/^$/ { exit } { sub(/^Usage:/, "") } $1 == "convoy" && $2 == "shownet" { print $3 }'
}

# Prints the words that an option takes instead of a file.
_convoy_words() {  # OPTION
  case $1 in
    --resume) echo "auto" ;;
    --mean) echo "none" ;;
  esac
}

# Prints a shell pattern for the files that an option, or an operand if OPTION is empty, may name; nothing for all files.
_convoy_pattern() {  # TOOL OPTION
  case $1:$2 in
    *:--net) echo '*.net' ;;
    *:--mean | *:-w | *:--weights | *:--nearest | *:--resume | *:--init-from | meanimg:--merge | netpack:) echo '*.safetensors' ;;
    *:--val | meanimg: | shardpack: | train: | eval:) echo '*.shard' ;;
  esac
}

_convoy_files() {  # WORD PATTERN: completes folders, and files that match
  local word=$1 pattern=$2 name
  while IFS= read -r name; do
    # shellcheck disable=SC2254  # the pattern is one
    if [ -d "$name" ]; then
      COMPREPLY+=("$name/")
    else
      case $name in ${pattern:-*}) COMPREPLY+=("$name") ;; esac
    fi
  done < <(compgen -f -- "$word")
  # No blank after a folder, whose name is completed further.
  if [ "${#COMPREPLY[@]}" -eq 1 ] && [[ ${COMPREPLY[0]} == */ ]]; then
    compopt -o nospace 2> /dev/null
  fi
  compopt -o filenames 2> /dev/null
}

_convoy() {
  local word=${COMP_WORDS[COMP_CWORD]} previous="" option="" tool command values
  COMPREPLY=()
  if [ "$COMP_CWORD" -gt 0 ]; then previous=${COMP_WORDS[COMP_CWORD - 1]}; fi
  command=("${COMP_WORDS[0]}")
  tool=${command[0]##*/}
  if [ "$tool" = convoy ]; then
    tool=${COMP_WORDS[1]}
    if [ "$COMP_CWORD" -eq 1 ]; then
      mapfile -t COMPREPLY < <(compgen -W "$_convoy_tools help --help --version" -- "$word")
      return
    elif [ "$tool" = help ]; then
      mapfile -t COMPREPLY < <(compgen -W "$_convoy_tools shard weights net list" -- "$word")
      return
    fi
    command+=("$tool")
  fi
  tool=${tool#convoy-}

  # Readline splits words at "=": --codec=r is the words --codec, = and r.
  if [ "$word" = "=" ]; then
    option=$previous word=""
  elif [ "$previous" = "=" ]; then
    option=${COMP_WORDS[COMP_CWORD - 2]}
  elif [[ $previous == -[a-z] ]]; then
    case $previous in -o | -w) option=$previous ;; esac
  elif [[ $previous == --* ]] && grep -qx -e "$previous=" <(_convoy_options "${command[@]}"); then
    option=$previous
  fi

  if [ -z "$option" ] && [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_convoy_options "${command[@]}")" -- "$word")
    if [ "${#COMPREPLY[@]}" -eq 1 ] && [[ ${COMPREPLY[0]} == *= ]]; then compopt -o nospace 2> /dev/null; fi
    return
  fi
  values=$(_convoy_values "$tool" "$option" "${command[@]}")
  if [ -n "$values" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
    return
  fi
  if [ "$tool" = shownet ] && [ -z "$option" ] && [ "$COMP_CWORD" -eq "${#command[@]}" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_convoy_pictures "${command[@]}")" -- "$word")
    return
  fi
  mapfile -t COMPREPLY < <(compgen -W "$(_convoy_words "$option")" -- "$word")
  _convoy_files "$word" "$(_convoy_pattern "$tool" "$option")"
}

complete -F _convoy convoy convoy-imgprep convoy-meanimg convoy-shardpack convoy-train convoy-eval convoy-predict \
  convoy-netpack convoy-shownet
