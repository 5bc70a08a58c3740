# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# apt-private.sh - an apt of our own beside the machine's: another suite of the machine's mirror, packages fetched and never installed.
# Sourced after lib.sh by fetch-backports and build-skopeo, in the folder scripts/.
# Trust: apt checks the suite's signature with the key of the machine's own source; each .deb is compared with the signed lists,
# whether it was just downloaded or lay in the folder. The machine's apt configuration and lists are only read.

cl_apt_self="$(basename "$0")"

# The distribution's name: bookworm.
cl_codename() {
    local name
    name="$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")"
    [ -n "$name" ] || cl_die "$cl_apt_self '/etc/os-release': VERSION_CODENAME: expected a name, got nothing"
    printf '%s\n' "$name"
}

# One private source, derived from the machine's, into $cl_apt_source.
cl_apt_write_source() { # TYPES
    local f form text codename
    codename="$(cl_codename)"
    for f in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        [ -f "$f" ] || continue
        case "$f" in
        *.sources) form=sources ;;
        *.list) form=list ;;
        *) continue ;;
        esac
        text="$(awk -v codename="$codename" -v suite="$cl_apt_suite" -v types="$1" -v form="$form" -f apt-suite.awk "$f")"
        if [ -n "$text" ]; then
            rm -f "$cl_apt_dir"/source.list "$cl_apt_dir"/source.sources
            cl_apt_source="$cl_apt_dir/source.$form"
            printf '%s\n' "$text" >"$cl_apt_source"
            return
        fi
    done
    cl_die "$cl_apt_self '/etc/apt': no source of $codename main found" "add the distribution's mirror to apt's sources"
}

# A configuration of its own on top of the machine's (its proxies and certificates stay in force). _apt cannot reach a home directory,
# so the downloads run as the caller; the hooks of the machine's configuration would act on the machine's cache, so they are cleared.
cl_apt_write_config() {
    cat >"$cl_apt_dir/apt.conf" <<END
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
#clear Acquire::IndexTargets::deb::DEP-11-icons-small;
#clear Acquire::IndexTargets::deb::DEP-11-icons-large;
#clear Acquire::IndexTargets::deb::DEP-11-icons-hidpi;
#clear Acquire::IndexTargets::deb::DEP-11-icons-large-hidpi;
Dir::Etc::sourcelist "$cl_apt_source";
Dir::Etc::sourceparts "$cl_apt_dir/empty";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "$cl_apt_dir/empty";
Dir::State "$cl_apt_dir";
Dir::State::lists "$cl_apt_dir/lists";
Dir::State::status "/dev/null";
Dir::Cache "$cl_apt_dir";
Dir::Cache::archives "$cl_apt_dir/archives";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::Retries "3";
END
}
cl_apt_get() { apt-get -q -c "$cl_apt_dir/apt.conf" "$@"; }
cl_apt_cache() { apt-cache -q -c "$cl_apt_dir/apt.conf" "$@"; }

# Opens the apt that lives in DIR and sees only SUITE's main. TYPES is "deb" or "deb deb-src". The caller holds a lock on DIR.
cl_apt_open() { # DIR SUITE TYPES
    cl_apt_dir="$1"
    cl_apt_suite="$2"
    mkdir -p "$cl_apt_dir/lists/partial" "$cl_apt_dir/archives/partial" "$cl_apt_dir/empty"
    cl_apt_write_source "$3"
    cl_apt_write_config
}

# Brings the lists up to date; "yes" asks the mirror even if they are of today. With old lists at hand a mirror that does not answer is
# only worth a warning.
cl_apt_update() { # REFRESH
    local try stamp="$cl_apt_dir/updated-from" max_age_min=1440
    if [ "$1" != yes ] && cmp -s "$cl_apt_source" "$stamp" && [ -n "$(find "$stamp" -mmin "-$max_age_min")" ]; then
        return
    fi
    cl_say "$cl_apt_self: reading the lists of $cl_apt_suite"
    for try in 1 2; do
        if cl_apt_get -o APT::Update::Error-Mode=any update >"$cl_apt_dir/update.log" 2>&1; then
            cp "$cl_apt_source" "$stamp"
            return
        fi
        [ "$try" = 2 ] || sleep 3
    done
    if cmp -s "$cl_apt_source" "$stamp"; then
        cl_say "$cl_apt_self: the mirror does not answer; going on with the lists of an earlier day"
        return
    fi
    tail -n 5 "$cl_apt_dir/update.log" >&2
    cl_die "$cl_apt_self '$cl_apt_suite': apt-get update failed" "see $cl_apt_dir/update.log"
}

# Runs `apt-get download` or the like in the folder, twice if need be, and says every 16 files how far it is.
cl_apt_try() { # DIR OBJECT COMMAND...
    local dir="$1" object="$2" log="$cl_apt_dir/download.log" try
    shift 2
    for try in 1 2; do
        if (cd "$dir" && cl_apt_get "$@" 2>&1 </dev/null) | tee "$log" | cl_progress 16 'Get:*' "$cl_apt_self" files; then
            return
        fi
        [ "$try" = 2 ] || sleep 3
    done
    tail -n 5 "$log" >&2
    rm -rf "$dir"
    cl_die "$cl_apt_self '$object': download failed" "see $log"
}

cl_apt_is_good() { [ -f "$1" ] && printf '%s  %s\n' "$2" "$1" | sha256sum --check --status 2>/dev/null; }

# "name file sha256 size" of each package's candidate, from the signed lists.
cl_apt_candidates() { # PACKAGE...
    cl_apt_cache show --no-all-versions "$@" 2>/dev/null | awk '
        /^Package: / { name = $2 }
        /^Filename: / { n = split($2, part, "/"); file = part[n] }
        /^SHA256: / { sha = $2 }
        /^Size: / { size = $2 }
        /^$/ { flush() }
        END { flush() }
        function flush() {
            if (name != "" && file != "" && sha != "") print name, file, sha, size
            name = file = sha = size = ""
        }'
}

# Fetches the packages into DIR and prints their paths in the order asked for. What lies there is taken if it is what the lists say.
cl_apt_fetch() { # DIR PACKAGE...
    local dir="$1" name file sha size missing=() bytes=0 what tmp deb
    local -A files=() sums=() got=()
    shift
    mkdir -p "$dir"
    while read -r name file sha size; do
        [ -z "${files[$name]:-}" ] || continue
        files[$name]="$file"
        sums[$name]="$sha"
        cl_apt_is_good "$dir/$file" "$sha" && continue
        missing+=("$name")
        bytes=$((bytes + size))
        what="$file"
    done < <(cl_apt_candidates "$@")
    for name in "$@"; do
        [ -n "${files[$name]:-}" ] || cl_die "$cl_apt_self '$name': no such package in $cl_apt_suite"
    done
    if [ ${#missing[@]} -gt 0 ]; then
        [ ${#missing[@]} = 1 ] || what="${#missing[@]} packages, $((bytes / 1000000)) MB"
        cl_say "$cl_apt_self: downloading $what"
        tmp="$(mktemp -d "$dir/download.XXXXXX")"
        cl_apt_try "$tmp" "${missing[*]}" download "${missing[@]}"
        for deb in "$tmp"/*.deb; do
            got[$(sha256sum <"$deb" | cut -d' ' -f1)]="$deb"
        done
        for name in "${missing[@]}"; do
            sha="${sums[$name]}"
            if [ -z "${got[$sha]:-}" ]; then
                rm -rf "$tmp"
                cl_die "$cl_apt_self '$name': sha256: expected $sha, got another file"
            fi
            mv "${got[$sha]}" "$dir/${files[$name]}"
        done
        rm -rf "$tmp"
    fi
    for name in "$@"; do
        printf '%s\n' "$dir/${files[$name]}"
    done
}
