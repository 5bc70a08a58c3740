# SPDX-License-Identifier: Apache-2.0
# apt-suite.awk - from apt's source files to one source for a chosen suite of the same mirror.
# Reads both forms: one-line (*.list) and deb822 (*.sources). Prints the first entry that carries the distribution's own
# suite and component main, in deb822 form or one-line form as it was, every option (Signed-By, Trusted, ...) kept, with the suite
# and the types replaced. Variables: codename (bookworm), form ("list" or "sources"), suite (bookworm-backports), types ("deb" or
# "deb deb-src"); prints nothing when no entry fits.

function wanted(suite) {
    return suite == codename || suite == "oldstable" || suite == "stable"
}
function has_word(text, word,    n, parts, i) {
    n = split(text, parts, /[ \t\n]+/)
    for (i = 1; i <= n; i++) {
        if (parts[i] == word) return 1
    }
    return 0
}
function has_wanted(text,    n, parts, i) {
    n = split(text, parts, /[ \t\n]+/)
    for (i = 1; i <= n; i++) {
        if (wanted(parts[i])) return 1
    }
    return 0
}
function one_line(line,    options, n, parts, i, main, type) {
    sub(/#.*/, "", line)
    if (line !~ /^[ \t]*deb[ \t]/) return
    sub(/^[ \t]*deb[ \t]+/, "", line)
    options = ""
    if (line ~ /^\[/) {
        options = line
        sub(/\].*/, "] ", options)
        sub(/^\[[^]]*\][ \t]*/, "", line)
    }
    n = split(line, parts, /[ \t]+/)
    if (n < 3 || !wanted(parts[2])) return
    for (i = 3; i <= n; i++) {
        if (parts[i] == "main") main = 1
    }
    if (main) {
        n = split(types, type, " ")
        for (i = 1; i <= n; i++) print type[i] " " options parts[1] " " suite " main"
        done = 1
    }
}
function stanza_end(    name) {
    if (field["types"] != "" && has_word(field["types"], "deb") && has_wanted(field["suites"]) &&
        has_word(field["components"], "main") && tolower(field["enabled"]) !~ /no|false|off|0/) {
        print "Types: " types
        print "Suites: " suite
        print "Components: main"
        for (name in field) {
            if (name !~ /^(types|suites|components|enabled)$/) print raw[name]
        }
        done = 1
    }
    split("", field)
    split("", raw)
    last = ""
}

done { next }
form == "list" { one_line($0); next }
/^#/ { next }
/^[ \t]*$/ { stanza_end(); next }
/^[ \t]/ {
    if (last != "") {
        field[last] = field[last] "\n" $0
        raw[last] = raw[last] "\n" $0
    }
    next
}
{
    last = tolower($0)
    sub(/:.*/, "", last)
    value = $0
    sub(/^[^:]*:[ \t]*/, "", value)
    field[last] = value
    raw[last] = $0
}
END { if (!done && form == "sources") stanza_end() }
