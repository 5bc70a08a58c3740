# SPDX-License-Identifier: Apache-2.0
"""Launch measurements a second time, written from the specifications (snp.md c, tdx.md b,
docs/interfaces.md I-1.5 and I-1.7) and sharing nothing with attestation/: plain, whole files in
memory, standard library only. measure_property and tests/interop/test_measure compare with it."""
import hashlib
import struct
import uuid

PAGE = 4096
GUIDS = {
    "footer": "96b582de-1fb2-45f7-baea-a366c55a082d",
    "reset": "00f771de-1a7e-4fcb-890e-68c77e2fb44e",
    "sev": "dc886566-984a-4798-a75e-5585a7bf67cc",
    "hashes": "7255371f-3a3b-4b04-927b-1da6efa8d454",
    "tdx": "e47a6535-984a-4798-865e-4685a7bf8ec2",
    "svsm": "a789a612-0597-4c4b-a49f-cbb1fe9d1ddd",
    "table": "9438d606-4f22-4cc9-b479-a793d411fd21",
    "cmdline": "97d02dd8-bd20-4c94-aa78-e7714d36ab2a",
    "initrd": "44baf731-3a2f-4bd7-9af1-41e29169781d",
    "kernel": "4de79437-abd2-427f-b835-d5b172d2045b",
    "variables": "8be4df61-93ca-11d2-aa0d-00e098032b8c",
    "security": "d719b2cb-3d3a-4596-a3bc-dad00e67656f",
}


def guid(name):
    return uuid.UUID(GUIDS[name]).bytes_le


def sha256(data):
    return hashlib.sha256(data).digest()


def sha384(data):
    return hashlib.sha384(data).digest()


def footer_table(rom):
    """Entries of the GUID table by name."""
    end = len(rom) - 32
    if rom[end - 16:end] != guid("footer"):
        return {}
    total = struct.unpack_from("<H", rom, end - 18)[0]
    start, at, found = end - total, end - 18, {}
    names = {guid(n): n for n in GUIDS}
    while at > start:
        size = struct.unpack_from("<H", rom, at - 18)[0]
        name = names.get(rom[at - 16:at])
        if name:
            found[name] = rom[at - size:at - 18]
        at -= size
    return found


def hash_table(kernel, initrd, cmdline):
    def entry(name, digest):
        return guid(name) + struct.pack("<H", 50) + digest

    table = guid("table") + struct.pack("<H", 168)
    table += entry("cmdline", sha256(cmdline.encode() + b"\0"))
    table += entry("initrd", sha256(initrd or b""))
    table += entry("kernel", sha256(kernel))
    return table + bytes(8)


def hash_page(rom, kernel, initrd, cmdline):
    """GPA and contents of the page of kernel hashes."""
    base = struct.unpack_from("<I", footer_table(rom)["hashes"])[0]
    table = hash_table(kernel, initrd, cmdline)
    page = bytearray(PAGE)
    page[base % PAGE:base % PAGE + len(table)] = table
    return base - base % PAGE, bytes(page)


# ---- SEV-SNP

NORMAL, VMSA, ZERO, UNMEASURED, SECRETS, CPUID = range(1, 7)


def vmsa(vmm, bsp, reset, sig, features):
    page = bytearray(PAGE)

    def seg(at, selector, attrib, limit, base):
        struct.pack_into("<HHIQ", page, at, selector, attrib, limit, base)

    ec2 = vmm == "ec2"
    plain = vmm in ("cloister", "qemu")
    cs_base, rip = (0xFFFF0000, 0xFFF0) if bsp else (reset & 0xFFFF0000, reset & 0xFFFF)
    for at in (0x00, 0x30, 0x40, 0x50):
        seg(at, 0, 0x93, 0xFFFF, 0)
    seg(0x10, 0xF000, 0x9A if ec2 and bsp else 0x9B, 0xFFFF, cs_base)
    seg(0x20, 0, 0x92 if ec2 else 0x93, 0xFFFF, 0)
    seg(0x60, 0, 0, 0xFFFF, 0)
    seg(0x70, 0, 0x82, 0xFFFF, 0)
    seg(0x80, 0, 0, 0xFFFF, 0)
    seg(0x90, 0, 0x83 if ec2 else 0x8B, 0xFFFF, 0)
    for at, value in ((0xD0, 0x1000), (0x148, 0x40), (0x158, 0x10), (0x160, 0x400),
                      (0x168, 0xFFFF0FF0), (0x170, 2), (0x178, rip),
                      (0x268, 0x70106 if vmm == "gce" else 0x7040600070406),
                      (0x310, sig if plain else 0x600), (0x3B0, features), (0x3E8, 1)):
        struct.pack_into("<Q", page, at, value)
    if plain:
        struct.pack_into("<I", page, 0x408, 0x1F80)
        struct.pack_into("<H", page, 0x410, 0x37F)
    return bytes(page)


def snp(rom, cpus, sig, features, vmm, kernel=None, initrd=None, cmdline=""):
    ld = bytes(48)

    def add(kind, gpa, page=None):
        nonlocal ld
        contents = sha384(page) if page is not None else bytes(48)
        ld = sha384(ld + contents + struct.pack("<HBBBBBBQ", 0x70, kind, 0, 0, 0, 0, 0, gpa))

    table = footer_table(rom)
    for at in range(0, len(rom), PAGE):
        add(NORMAL, (1 << 32) - len(rom) + at, rom[at:at + PAGE])
    sections = []
    if "sev" in table:
        at = len(rom) - struct.unpack("<I", table["sev"])[0]
        count = struct.unpack_from("<I", rom, at + 12)[0]
        sections = [struct.unpack_from("<III", rom, at + 16 + 12 * i) for i in range(count)]
    if vmm == "ec2":
        sections = [s for s in sections if s[2] != 3] + [s for s in sections if s[2] == 3]
    for gpa, size, kind in sections:
        if kind == 0x10 and kernel is not None:
            add(NORMAL, gpa, hash_page(rom, kernel, initrd, cmdline)[1])
            continue
        page_type = {1: UNMEASURED if vmm == "gce" else ZERO, 2: SECRETS, 3: CPUID, 4: ZERO,
                     0x10: ZERO}[kind]
        for at in range(0, size, PAGE):
            add(page_type, gpa + at)
    reset = struct.unpack("<I", table["reset"])[0]
    for i in range(cpus):
        add(VMSA, 0xFFFFFFFFF000, vmsa(vmm, i == 0, reset, sig, features))
    return ld


# ---- TDX

BFV, CFV, TD_HOB, TEMP_MEM, PERM_MEM, PAYLOAD = range(6)


def tdvf_sections(rom):
    table = footer_table(rom)
    at = len(rom) - struct.unpack("<I", table["tdx"])[0] if "tdx" in table else \
        struct.unpack_from("<I", rom, len(rom) - 32)[0]
    count = struct.unpack_from("<I", rom, at + 12)[0]
    return [struct.unpack_from("<IIQQII", rom, at + 16 + 32 * i) for i in range(count)]


def mrtd(rom, two_pass=False, read_on=False, extra=None):
    """extra: (gpa, page) measured behind the sections."""
    h = hashlib.sha384()

    def add(gpa):
        h.update(b"MEM.PAGE.ADD".ljust(16, b"\0") + struct.pack("<Q", gpa) + bytes(104))

    def extend(gpa, page):
        for k in range(0, PAGE, 256):
            h.update(b"MR.EXTEND".ljust(16, b"\0") + struct.pack("<Q", gpa + k) + bytes(104))
            h.update(page[k:k + 256])

    regions = []
    for data, raw, gpa, size, _, attributes in tdvf_sections(rom):
        if attributes & 2:
            continue
        contents = rom[data:data + (size if read_on and raw else raw)].ljust(size, b"\0")
        regions.append((gpa, size, contents, attributes & 1))
    if extra:
        regions.append((extra[0], PAGE, extra[1], 1))
    for gpa, size, contents, measured in regions:
        steps = [(at, "ae") for at in range(0, size, PAGE)]
        if two_pass:
            steps = [(at, "a") for at in range(0, size, PAGE)] + \
                    [(at, "e") for at in range(0, size, PAGE)]
        for at, what in steps:
            if "a" in what:
                add(gpa + at)
            if "e" in what and measured:
                extend(gpa + at, contents[at:at + PAGE])
    return h.digest()


def hob(rom, vmm, memory, hash_gpa=None):
    """The list without its last entry."""
    if vmm == "qemu":
        low = memory if memory < 0xB0000000 else 0x80000000
    else:
        low = min(memory, 0x80000000)
    sections = tdvf_sections(rom)
    there = sorted((s[2], s[3]) for s in sections if s[4] in (TD_HOB, TEMP_MEM))
    if hash_gpa is not None:
        there = sorted(there + [(hash_gpa, PAGE)])
    entries = []
    for start, end in ((0, low), (1 << 32, (1 << 32) + memory - low)):
        at = start
        for gpa, size in there:
            if start <= gpa < end:
                entries += [(7, at, gpa), (0, gpa, gpa + size)]
                at = gpa + size
        entries.append((7, at, end))
    body = b"".join(struct.pack("<HHI16xIIQQ", 3, 48, 0, kind, 7, a, b - a)
                    for kind, a, b in entries if a < b)
    hob_gpa = next(s[2] for s in sections if s[4] == TD_HOB)
    return struct.pack("<HHIII32xQ", 1, 56, 0, 9, 0, hob_gpa + 56 + len(body) + 8) + body


def authenticode(pe):
    lfanew = struct.unpack_from("<I", pe, 0x3C)[0]
    count, = struct.unpack_from("<H", pe, lfanew + 6)
    optional_size, = struct.unpack_from("<H", pe, lfanew + 20)
    optional = lfanew + 24
    plus = struct.unpack_from("<H", pe, optional)[0] == 0x20B
    headers, = struct.unpack_from("<I", pe, optional + 60)
    dirs = optional + (112 if plus else 96)
    entries, = struct.unpack_from("<I", pe, dirs - 4)
    certificates = 0
    data = pe[:optional + 64]
    if entries > 4:
        certificates, = struct.unpack_from("<I", pe, dirs + 36)
        data += pe[optional + 68:dirs + 32] + pe[dirs + 40:headers]
    else:
        data += pe[optional + 68:headers]
    total = headers
    sections = []
    for i in range(count):
        size, at = struct.unpack_from("<II", pe, optional + optional_size + 40 * i + 16)
        if size:
            sections.append((at, size))
    for at, size in sorted(sections):
        data += pe[at:at + size]
        total += size
    if total < len(pe):
        data += pe[total:len(pe) - certificates]
    return sha384(data)


def qemu_patched(kernel, initrd_size, memory):
    k = bytearray(kernel)
    protocol, = struct.unpack_from("<H", k, 0x206)
    k[0x210] = 0xB0
    k[0x211] |= 0x80
    struct.pack_into("<H", k, 0x224, 0xFE00)
    struct.pack_into("<I", k, 0x228, 0x20000)
    if initrd_size:
        top = 0x37FFFFFF
        if protocol >= 0x20C and struct.unpack_from("<H", k, 0x236)[0] & 0x40:
            top = 0xFFFFFFFF
        elif 0x203 <= protocol < 0x20C:
            top = struct.unpack_from("<I", k, 0x22C)[0] or top
        low = memory if memory < 0xB0000000 else 0x80000000
        top = min(top, low - 0x28000 - 1)
        struct.pack_into("<II", k, 0x218, (top - initrd_size) // PAGE * PAGE, initrd_size)
    return bytes(k)


def replay(digests):
    value = bytes(48)
    for digest in digests:
        value = sha384(value + digest)
    return value


SEPARATOR = sha384(bytes(4))
BOOT_0000 = bytes.fromhex(
    "090100002c0055006900410070007000000004071400c9bdb87cebf8344faaea3ee4af6516a104061400"
    "21aa2c4614760345836e8ab6f46623317fff0400")


def variable(owner, name):
    return sha384(guid(owner) + struct.pack("<QQ", len(name), 0) + name.encode("utf-16-le"))


def tdx(rom, vmm, memory=0, kernel=None, initrd=None, cmdline="", acpi=None, variants=()):
    """mrtd, rtmr0, rtmr1, rtmr2; None where something that it needs is missing."""
    ours = vmm == "cloister"
    extra = hash_page(rom, kernel, initrd, cmdline) if ours and kernel is not None else None
    regs = [mrtd(rom, "two-pass" in variants, "read-on" in variants, extra), None, None, None]
    late = [] if "separator-rtmr0" in variants else [SEPARATOR]
    if memory:
        first = sha384(hob(rom, vmm, memory, extra[0] if extra else None))
        cfv = [s for s in tdvf_sections(rom) if s[4] == CFV]
        if ours:
            regs[1] = replay([first])
        elif acpi and cfv:
            names = (("variables", "SecureBoot"), ("variables", "PK"), ("variables", "KEK"),
                     ("security", "db"), ("security", "dbx"))
            events = [first, sha384(rom[cfv[0][0]:cfv[0][0] + cfv[0][1]])]
            events += [variable(owner, name) for owner, name in names] + [SEPARATOR]
            events += [sha384(a) for a in acpi] + [sha384(bytes(2)), sha384(BOOT_0000)]
            regs[1] = replay(events + ([] if late else [SEPARATOR]))
    if kernel is None:
        return regs
    if ours:
        regs[2] = replay([sha384(kernel), SEPARATOR])
        regs[3] = replay([sha384(cmdline.encode() + b"\0"), sha384(initrd or b"")])
        return regs
    if "patched-kernel" not in variants or memory or not initrd:
        image = kernel
        if "patched-kernel" in variants:
            image = qemu_patched(kernel, len(initrd or b""), memory)
        regs[2] = replay([authenticode(image),
                          sha384(b"Calling EFI Application from Boot Option")] + late +
                         [sha384(b"Exit Boot Services Invocation"),
                          sha384(b"Exit Boot Services Returned with Success")])
    options = cmdline
    if initrd and "no-initrd-arg" not in variants:
        first_arg = "initrd-arg-first" in variants
        options = "initrd=initrd " + cmdline if first_arg else cmdline + " initrd=initrd"
    events = [sha384(options.encode("utf-16-le") + bytes(2))]
    regs[3] = replay(events + ([sha384(initrd)] if initrd else []))
    return regs
