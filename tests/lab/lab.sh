# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# lab.sh - what run and session share: is a lab needed here, its kernel and initrd (cached), how its VM starts. Sourced, never run.
# Trust: kernel and emulator come from the distribution's signed backports suite; everything else is this machine's own.

lab_dir="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
lab_source_dir="$(cd "$lab_dir/../.." && pwd -P)"
# shellcheck source=scripts/lib.sh
. "$lab_source_dir/scripts/lib.sh"
CL_DIE_STATUS=125

LAB_KERNEL_PACKAGE='linux-image-6.12.*-amd64'
# What init needs before it can reach the machine's root, what lab_server needs, and KVM. The rest is found by modprobe later.
LAB_MODULES="virtio_pci 9p 9pnet_virtio overlay virtio_console kvm_amd tun sch_ingress cls_u32 act_mirred loop dm_crypt dm_integrity authenc ecb xts ext4"
LAB_PORTS=4
LAB_BOOT_TIMEOUT="${LAB_BOOT_TIMEOUT:-90}"

# Does this machine run ordinary guests on /dev/kvm? The device alone says nothing: some paravirtual kernels offer one that
# runs no ordinary kernel. The CPU's flag and the module decide.
lab_hardware_kvm() {
    grep -qwE 'svm|vmx' /proc/cpuinfo && [ -c /dev/kvm ] && [ -w /dev/kvm ] &&
        { [ -d /sys/module/kvm_amd ] || [ -d /sys/module/kvm_intel ]; }
}

lab_need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || cl_die "lab: $tool: expected on PATH, not found" "run scripts/install-packages"
    done
}

# Publishes a finished directory under its final name; of two that race the first wins.
lab_publish() { # TEMP FINAL
    mv -T "$1" "$2" 2>/dev/null || { rm -rf "$1" && [ -d "$2" ]; }
}

# Unpacks the emulator once; libraries and BIOS are those of the installed QEMU 7.2. That one may go on running code that another CPU has
# replaced meanwhile, so that a kernel that patches itself sometimes takes a stale breakpoint and panics. Sets lab_qemu_dir.
lab_unpack_qemu() {
    local debs tmp deb
    mapfile -t debs < <("$lab_source_dir/scripts/fetch-backports" qemu-system-x86 qemu-system-data)
    [ "${#debs[@]}" = 2 ] || cl_die "lab: its emulator could not be fetched"
    lab_qemu_dir="$lab_cache/$(basename "${debs[0]}" .deb)"
    [ ! -d "$lab_qemu_dir" ] || return 0
    cl_say "lab: unpacking $(basename "${debs[0]}")"
    tmp="$(mktemp -d "$lab_cache/tmp.XXXXXX")"
    for deb in "${debs[@]}"; do
        dpkg -x "$deb" "$tmp"
    done
    lab_publish "$tmp" "$lab_qemu_dir"
}

# Unpacks the kernel package once. Sets lab_kernel_dir (with vmlinuz, lib/modules) and lab_kernel_version.
lab_unpack_kernel() {
    local deb tmp
    deb="$("$lab_source_dir/scripts/fetch-backports" "$LAB_KERNEL_PACKAGE")" || cl_die "lab: its kernel could not be fetched"
    lab_kernel_dir="$lab_cache/$(basename "$deb" .deb)"
    if [ ! -d "$lab_kernel_dir" ]; then
        cl_say "lab: unpacking $(basename "$deb")"
        tmp="$(mktemp -d "$lab_cache/tmp.XXXXXX")"
        dpkg -x "$deb" "$tmp"
        [ -d "$tmp/lib/modules" ] || mv "$tmp/usr/lib" "$tmp/lib"
        mv "$tmp"/boot/vmlinuz-* "$tmp/vmlinuz"
        rm -rf "${tmp:?}/usr" "${tmp:?}/boot"
        PATH="$PATH:/usr/sbin:/sbin" depmod -b "$tmp" "$(ls "$tmp/lib/modules")"
        lab_publish "$tmp" "$lab_kernel_dir"
    fi
    lab_kernel_version="$(ls "$lab_kernel_dir/lib/modules")"
}

# Copies the modules and what they depend on, unpacked, into DIR, and their order into DIR/order. kvm.ko may be one of our own ($lab_kvm_dir).
lab_collect_modules() { # DIR
    local module path name
    mkdir -p "$1"
    for module in $LAB_MODULES; do
        PATH="$PATH:/usr/sbin:/sbin" modprobe -d "$lab_kernel_dir" -S "$lab_kernel_version" --show-depends "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r path; do
        name="$(basename "$path" .xz)"
        case "$path" in
        *.xz) xz -dc "$path" >"$1/$name" ;;
        *) cp "$path" "$1/$name" ;;
        esac
        printf '%s\n' "$name" >>"$1/order"
    done
    [ -z "${lab_kvm_dir:-}" ] || cp "$lab_kvm_dir/kvm.ko" "$1/kvm.ko"
}

# Makes kernel, initrd and the client program, or finds them in the cache. Sets lab_kernel_dir, lab_qemu_dir, lab_image_dir, lab_client.
lab_prepare() {
    lab_need busybox cpio xz cc dpkg qemu-system-x86_64
    lab_cache="$(cl_cache_dir)/lab"
    mkdir -p "$lab_cache"
    exec 7>"$lab_cache/lock"
    flock 7
    lab_unpack_kernel
    lab_unpack_qemu
    local busybox key tmp
    busybox="$(command -v busybox)"
    key="$({
        printf '%s\n' "$lab_kernel_version" "$LAB_MODULES"
        [ -z "${lab_kvm_dir:-}" ] || cat "$lab_kvm_dir/kvm.ko"
        cat "$lab_dir/lab.sh" "$lab_dir/init" "$lab_dir/lab_server.c" "$lab_dir/lab_client.c" "$lab_dir/lab_wire.h" "$busybox"
    } | sha256sum | cut -c1-16)"
    lab_image_dir="$lab_cache/image-$key"
    lab_client="$lab_image_dir/lab_client"
    if [ ! -d "$lab_image_dir" ]; then
        cl_say "lab: making its initrd"
        tmp="$(mktemp -d "$lab_cache/tmp.XXXXXX")"
        mkdir -p "$tmp/tree/bin"
        cp "$busybox" "$tmp/tree/bin/busybox"
        cp "$lab_dir/init" "$tmp/tree/init"
        chmod 755 "$tmp/tree/init"
        cc -std=gnu17 -D_GNU_SOURCE -O2 -static -o "$tmp/tree/lab_server" "$lab_dir/lab_server.c"
        cc -std=gnu17 -D_GNU_SOURCE -O2 -o "$tmp/lab_client" "$lab_dir/lab_client.c"
        lab_collect_modules "$tmp/tree/modules"
        (cd "$tmp/tree" && find . | sort | cpio --quiet -o -H newc >"$tmp/initrd.img")
        rm -rf "$tmp/tree"
        lab_publish "$tmp" "$lab_image_dir"
    fi
    exec 7>&-
}

# Starts QEMU in the background, detached from our descriptors, with the session's directory as its working directory: all the
# names it is given are short and relative. timeout(1) is the last watchdog: no VM outlives its session's lifetime. Its process id, which
# is known before QEMU has done anything, stands for the VM: what it is sent goes on to QEMU, and SIGKILL follows.
# What the CPU lacks, QEMU 7.2 (and perhaps later) emulates wrongly for nested guests: XSETBV of a guest is not intercepted, so KVM restores the wrong state
# (xsave, and pku which needs it), and CMPXCHG16B leaves garbage in EFLAGS, which ends in the guest's saved state (cx16). Without five-level page tables (la57) a walk of nested
# tables is a third shorter, and everything a fifth faster.
lab_start_vm() { # DIR CPUS MEMORY LIFETIME
    local dir="$1" i ports=() tsc_khz
    tsc_khz="$("$lab_client" --tsc-khz)"
    for ((i = 0; i < LAB_PORTS; i++)); do
        ports+=(-chardev "socket,id=port$i,path=port$i.sock,server=on,wait=off"
            -device "virtserialport,chardev=port$i,name=lab.$i,nr=$((i + 1))")
    done
    rm -f "$dir"/port*.sock "$dir/console.log" "$dir/vm.pid"
    (
        cd "$dir" || exit
        exec setsid timeout --kill-after=5 "$4" "$lab_qemu_dir/usr/bin/qemu-system-x86_64" \
            -L "$lab_qemu_dir/usr/share/qemu" -L /usr/share/seabios \
            -machine q35 -accel tcg,thread=multi -cpu max,+svm,-la57,-xsave,-pku,-cx16 -smp "$2" -m "$3" \
            -nodefaults -no-user-config -display none -no-reboot -serial file:console.log \
            -kernel "$lab_kernel_dir/vmlinuz" -initrd "$lab_image_dir/initrd.img" \
            -append "console=ttyS0 panic=-1 quiet tsc_early_khz=$tsc_khz" \
            -virtfs local,path=/,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap \
            -virtfs local,path=results,mount_tag=results,security_model=none,multidevs=remap \
            -device virtio-serial-pci,max_ports=$((LAB_PORTS + 1)) "${ports[@]}" \
            </dev/null >qemu.log 2>&1 7>&- 8>&- 9>&-
    ) &
    printf '%s\n' "$!" >"$dir/vm.pid"
    for ((i = 0; i < 200; i++)); do
        [ ! -S "$dir/port$((LAB_PORTS - 1)).sock" ] || return 0
        kill -0 "$(cat "$dir/vm.pid")" 2>/dev/null || break
        sleep 0.1
    done
    cl_say "lab: QEMU did not start:"
    cat "$dir/qemu.log" >&2
    return 1
}

# Prints the id of the session's VM while it lives.
lab_vm_pid() { # DIR
    local pid
    pid="$(cat "$1/vm.pid" 2>/dev/null)" || return 1
    [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$(cd "$1" && pwd -P)" ] || return 1
    printf '%s\n' "$pid"
}

lab_stop_vm() { # DIR
    local pid i
    pid="$(lab_vm_pid "$1")" || return 0
    kill -TERM "$pid" 2>/dev/null || true
    for ((i = 0; i < 100; i++)); do
        lab_vm_pid "$1" >/dev/null || return 0
        sleep 0.1
    done
    cl_say "lab: process $pid does not end"
    return 1
}

lab_console_tail() { # DIR
    [ -s "$1/console.log" ] || return 0
    cl_say "lab: last lines of its console:"
    tail -n 80 "$1/console.log" | tr -d '\r' | sed 's/^/lab| /' >&2
}
