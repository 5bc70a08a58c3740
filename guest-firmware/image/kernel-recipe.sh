# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# kernel-recipe.sh - how the minimal kernel is made from a source package: everything that decides its bytes, so that the cache's key
# covers this file and kernel.config. Sourced by build-kernel; needs scripts/lib.sh, $here, $cache and $jobs.
# Trust: the source package, which fetch-backports verified; compiler and linker of the machine.

source_package="linux-source-6.12"
usual_steps=2180 # lines that make prints for a whole build; only for the progress display

# Every line of kernel.config must have survived: "CONFIG_X=..." literally, "# CONFIG_X is not set" as not y, m or a value.
check_config() {
    local line name bad=0
    while read -r line; do
        case "$line" in
        CONFIG_*=*) grep -qxF -- "$line" "$1" && continue ;;
        '# CONFIG_'*' is not set')
            name="${line#\# }"
            grep -q -- "^${name% is not set}=" "$1" || continue
            ;;
        *) continue ;;
        esac
        cl_say "cloister: build-kernel 'kernel.config': expected '$line', Kconfig did not keep it"
        bad=1
    done <"$here/kernel.config"
    [ $bad -eq 0 ] || cl_die "build-kernel 'kernel.config': lines above: a dependency is missing or a name is wrong"
}

# The one change to the source. ACPICA installs a default handler for each of four address spaces, PCI configuration space among them,
# but compiles that handler only with CONFIG_PCI; without it, it gives up on the DSDT. So: three address spaces.
fix_acpi_without_pci() {
    sed -i '/^u8 acpi_gbl_default_address_spaces/,/^};/{/ACPI_ADR_SPACE_PCI_CONFIG,$/d}' drivers/acpi/acpica/evhandler.c
    sed -i 's/^\(#define ACPI_NUM_DEFAULT_SPACES *\)4$/\13/' include/acpi/acconfig.h
    local spaces
    spaces="$(sed -n '/^u8 acpi_gbl_default_address_spaces/,/^};/p' drivers/acpi/acpica/evhandler.c | grep -c 'ACPI_ADR_SPACE_' || true)"
    [ "$spaces" = 3 ] && grep -q '^#define ACPI_NUM_DEFAULT_SPACES *3$' include/acpi/acconfig.h ||
        cl_die "build-kernel '$source_package': the change for ACPI without PCI does not fit this source any more"
}

# make's output, counted: one line every ten seconds, everything in the log.
progress() {
    local line n=0 last=$SECONDS
    while read -r line; do
        printf '%s\n' "$line"
        n=$((n + 1))
        if [ $((SECONDS - last)) -ge 10 ]; then
            last=$SECONDS
            cl_say "build-kernel: $n of about $usual_steps steps, $(cl_duration $SECONDS)"
        fi
    done >"$1"
}

# build DEB DIR: the kernel of DEB into DIR (vmlinuz, config), in a directory of its own that goes away.
build() {
    local deb="$1" out="$2" log
    tree="$(mktemp -d "$cache/kernel/build.XXXXXX")" # not local: the trap reads it
    trap 'rm -rf "$tree"' EXIT
    log="$tree/log"
    cl_say "build-kernel: unpacking $(basename "$deb")"
    dpkg-deb -x "$deb" "$tree/deb"
    export KBUILD_BUILD_USER=cloister KBUILD_BUILD_HOST=cloister KBUILD_BUILD_VERSION=1 ARCH=x86_64
    KBUILD_BUILD_TIMESTAMP="$(date -u -r "$tree/deb/usr/src/$source_package.tar.xz" '+%Y-%m-%d %H:%M:%S UTC')"
    export KBUILD_BUILD_TIMESTAMP
    # What a build on x86 never reads.
    tar -xJf "$tree/deb/usr/src/$source_package.tar.xz" -C "$tree" --exclude="$source_package/Documentation/*/*" \
        --exclude="$source_package/tools/testing/*/*" --exclude="$source_package/arch/*/boot/dts/*"
    rm -rf "$tree/deb"
    cd "$tree/$source_package"
    scripts/kconfig/merge_config.sh -n "$here/kernel.config" >"$tree/config.log" 2>&1 || {
        tail -n 20 "$tree/config.log" >&2
        cl_die "build-kernel '$source_package': configuration failed"
    }
    check_config .config
    fix_acpi_without_pci
    if ! nice -n 10 make -j"$jobs" bzImage 2>&1 | progress "$log"; then
        tail -n 30 "$log" >&2
        cl_die "build-kernel '$source_package': make failed"
    fi
    mkdir -p "$out"
    cp arch/x86/boot/bzImage "$out/vmlinuz"
    cp .config "$out/config"
    make -s kernelrelease >"$out/release"
    cd /
}
