# shellcheck shell=bash
# shellcheck disable=SC2154 # step.sh sets what is used here
#
# What may be printed of talosctl's and kubectl's output. Sourced by step.sh, never executed.
#
# Talos quotes the config in its errors, and appends the difference of two configs to some. Patches hold passwords: in
# environment variables, proxy URLs, files, registry credentials. So no value of a config is printed unless it cannot be a
# secret, whatever its key; keys are printed.

# Functions of awk. can_print: whether the form of a value shows that it is no secret, or whether it is a plain setting of
# the step. add: a value, its lines, and each word after `=` or `:` in it.
readonly awk_values='
  BEGIN { for (name in ENVIRON) if (name ~ /^TALOS_[A-Z_]+$/) shown[ENVIRON[name]] }
  function can_print(value) {
    return value in shown || value ~ /^(true|false|null|~|[|>][-+0-9]*|[{][}]|\[\]|-?[0-9][0-9]?[0-9]?[0-9]?)$/ ||
      value ~ /^v?[0-9]+\.[0-9]+(\.[0-9]+)?(-(alpha|beta|rc)\.[0-9]+)?$/ ||
      value ~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(\/[0-9]+)?$/ || value ~ /^[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F]*(\/[0-9]+)?$/ ||
      value ~ /^([a-z0-9.-]+(:[0-9]+)?\/)+[a-z0-9._-]+:v?[0-9]+\.[0-9]+\.[0-9]+$/ ||
      value ~ /^https?:\/\/[a-z0-9.-]+(:[0-9]+)?\/?$/ || value ~ /^\/(dev|etc|var|opt|run|usr|machine|cluster)(\/[a-zA-Z0-9._-]*)*$/ && length(value) < 64
  }
  function unquoted(value) {
    sub(/^[[:space:]]+/, "", value); sub(/[[:space:],]+$/, "", value)
    # Anchors and tags of YAML.
    while (sub(/^[&!][^[:space:]]*[[:space:]]+/, "", value)) continue
    if (value ~ /^".*"$/) { value = substr(value, 2, length(value) - 2); gsub(/\\"/, "\"", value); gsub(/\\\\/, "\\", value) }
    else if (value ~ /^\047.*\047$/) { value = substr(value, 2, length(value) - 2); gsub(/\047\047/, "\047", value) }
    return value
  }
  function add(value,   count, at, items) {
    value = unquoted(value)
    if (length(value) >= 4 && !can_print(value)) print length(value), value
    if (value !~ /^[[{].*[]}]$/) return
    # Items of flow collections.
    count = split(substr(value, 2, length(value) - 2), items, /[][{},]/)
    for (at = 1; at <= count; at++) { sub(/^[[:space:]]*[^[:space:]:"\047]+:[[:space:]]/, "", items[at]); add(items[at]) }
  }'

# The values of the parts of stdin that are patches and configs, and of the config that nodes run, longest first, so that
# no rest of one remains.
config_values() {
  { ((${#parts[@]} < 2)) || printf '%s\n' "${parts[@]:1}"; cat "$work"/seen-* 2>/dev/null || true; } | awk "$awk_values"'
    # Words after `=` or `:`, and user and password of a URL.
    function add_words(text,   word, at, count, words) {
      if (match(text, /:\/\/[^\/@[:space:]]+@/)) {
        word = substr(text, RSTART + 3, RLENGTH - 4); add(word)
        count = split(word, words, ":"); for (at = 1; at <= count; at++) add(words[at])
      }
      while (match(text, /[=:][[:space:]]*["\047]?[^[:space:]"\047,;{}]+/)) {
        word = substr(text, RSTART + 1, RLENGTH - 1); text = substr(text, RSTART + RLENGTH)
        sub(/^[[:space:]]*["\047]?/, "", word); add(word)
      }
    }
    /^[[:space:]]*(kind|apiVersion):/ { next }
    {
      line = $0; sub(/^[[:space:]]*(- )*/, "", line)
      # The value of a key; else a list item, or a line of a string.
      if (match(line, /^[^[:space:]:]+:([[:space:]]+|$)/)) add(substr(line, RLENGTH + 1)); else add(line)
      add_words(line)
      # Strings of JSON and of flow mappings, line by line; one before a colon is a key.
      while (match(line, /"([^"\\]|\\.)*"/)) {
        text = substr(line, RSTART + 1, RLENGTH - 2); line = substr(line, RSTART + RLENGTH)
        if (line ~ /^[[:space:]]*:/ || text ~ /^(add|replace|remove|test|move|copy)$/) continue
        number = split(text, lines, /\\n/)
        for (i = 1; i <= number; i++) { gsub(/\\"/, "\"", lines[i]); add(lines[i]); add_words(lines[i]) }
      }
    }' | sort -u | sort -rn | cut -d ' ' -f 2-
}

# Copies stdin without secrets: without the values of the machine secrets and of configs, and without what looks like a key,
# a token or a password.
redact() {
  [[ -f $work/values ]] || config_values >"$work/values"
  awk '
    # A short value may be part of a word, and a key may have the name of a value.
    function hide(line, value, whole,   from, at, before, after) {
      for (from = 1; (at = index(substr(line, from), value)) > 0; ) {
        at += from - 1
        before = substr(line, at - 1, at > 1); after = substr(line, at + length(value), 2)
        if (whole && (length(value) < 8 && (before ~ /[[:alnum:]]/ || after ~ /^[[:alnum:]]/) || after ~ /^:([[:space:]]|$)/)) from = at + 1
        else {
          line = substr(line, 1, at - 1) "[secret]" substr(line, at + length(value))
          from = at + length("[secret]")
        }
      }
      return line
    }
    input == 1 { value = $NF; gsub(/["\047]/, "", value); if (length(value) >= 8) secrets[++secret_count] = value; next }
    input == 2 { values[++value_count] = $0; next }
    {
      for (i = 1; i <= secret_count; i++) $0 = hide($0, secrets[i], 0)
      for (i = 1; i <= value_count; i++) $0 = hide($0, values[i], 1)
      print
    }
  ' input=1 <(printf '%s\n' "$secrets") input=2 "$work/values" input=3 - |
    # sed, because not every awk supports repetitions.
    sed -E \
      -e 's/-----BEGIN [A-Z ]+-----.*/[secret]/' \
      -e 's#://[^/@[:space:]]+@#://[secret]@#g' \
      -e 's#[A-Za-z0-9+/_-]{40,}=*#[secret]#g' \
      -e 's/[a-z0-9]{6}\.[a-z0-9]{16}/[secret]/g' \
      -e 's/((key|token|secret|crt|cert|password|auth|[sS]ecret)"?:[[:space:]]+)[^[:space:]].*/\1[secret]/'
}

# Copies stdin up to the difference of two configs that Talos appends to an error.
without_diff() { awk '{ at = index($0, "diff:") } at { print substr($0, 1, at - 1); exit } { print }'; }

# Copies the difference of two configs with its keys, and with those values alone that cannot be a secret.
redact_diff() {
  awk "$awk_values"'
    /diff:/ { in_diff = 1; print; next }
    !in_diff || /^(---|\+\+\+|@@)/ || /^[[:space:]]*$/ || /^No changes\.$/ { print; next }
    {
      rest = $0; match(rest, /^[-+ ]?[[:space:]]*(- )*/); start = substr(rest, 1, RLENGTH); rest = substr(rest, RLENGTH + 1)
      if (match(rest, /^["\047]?[A-Za-z0-9._\/-]+["\047]?:([[:space:]]+|$)/)) { start = start substr(rest, 1, RLENGTH); rest = substr(rest, RLENGTH + 1) }
      print start (rest == "" || can_print(unquoted(rest)) ? rest : "[hidden]")
    }'
}
