# SPDX-License-Identifier: Apache-2.0
"""Random configurations to measure, with every part random: images, tables, sections, vCPUs, features,
VMM, kernel, initrd, command line, page orders, memory; each with what measure_model.py says of it."""
import os
import string
import struct

import measure_model as model

PAGE = model.PAGE


def put_tables(rom, rnd, entries):
    """The GUID table at the image's end, its entries in any order."""
    rnd.shuffle(entries)
    data = b"".join(value + struct.pack("<H", len(value) + 18) + model.guid(name)
                    for name, value in entries)
    data += struct.pack("<H", len(data) + 18) + model.guid("footer")
    rom[-32 - len(data):-32] = data


def gpas(rnd, count, start=0x1000, end=0x7000000):
    """That many ranges of pages that do not meet, in any order."""
    at, ranges = start, []
    for _ in range(count):
        at += rnd.randrange(0, 64) * PAGE
        size = rnd.randrange(1, 17) * PAGE
        ranges.append((at, size))
        at += size
    assert at < end
    rnd.shuffle(ranges)
    return ranges


def make_rom(rnd):
    """An image with SEV metadata and a TDVF descriptor; hashes: whether it has a place for them."""
    rom = bytearray(rnd.randbytes(rnd.randrange(1, 25) * PAGE))
    size, base = len(rom), (1 << 32) - len(rom)
    hashes = rnd.random() < 0.8
    page = 0x8000000
    entries = [("reset", struct.pack("<I", rnd.getrandbits(32)))]
    sev = [(g, s, rnd.choice((1, 1, 1, 2, 3, 4))) for g, s in gpas(rnd, rnd.randrange(0, 8))]
    sev = [(g, PAGE if kind in (2, 3) else s, kind) for g, s, kind in sev]
    if hashes:
        at = page + rnd.randrange(0, PAGE - 176)
        sev.insert(rnd.randrange(0, len(sev) + 1), (page, PAGE, 0x10))
        entries.append(("hashes", struct.pack("<II", at, rnd.choice((176, 0x400)))))
    if rnd.random() < 0.5:
        entries.append(("svsm", rnd.randbytes(4)))
    blob = b"ASEV" + struct.pack("<III", 16 + 12 * len(sev), 1, len(sev))
    blob += b"".join(struct.pack("<III", *s) for s in sev)
    rom[size - 0x400:size - 0x400 + len(blob)] = blob
    entries.append(("sev", struct.pack("<I", 0x400)))

    pages = size // PAGE
    cut = rnd.randrange(0, pages) * PAGE
    tdvf = [(cut, size - cut, base + cut, size - cut, model.BFV, 1)]
    if cut and rnd.random() < 0.8:
        tdvf.append((0, cut, base, cut, model.CFV, rnd.randrange(2)))
    places = gpas(rnd, 6)
    for gpa, length in places[:rnd.randrange(1, 4)]:
        tdvf.append((0, 0, gpa, length, model.TEMP_MEM, rnd.choice((0, 0, 1))))
    tdvf.append((0, 0, places[4][0], places[4][1], model.TD_HOB, 0))
    if rnd.random() < 0.3:
        tdvf.append((0, 0, 0x7800000, 0x10000, model.PERM_MEM, 2))
    if rnd.random() < 0.5:
        raw = rnd.randrange(1, size)
        tdvf.append((rnd.randrange(0, size - raw + 1), raw, 0x9000000,
                     (raw + rnd.randrange(0, 2 * PAGE)) // PAGE * PAGE + PAGE, model.PAYLOAD,
                     rnd.randrange(2)))
    rnd.shuffle(tdvf)
    blob = b"TDVF" + struct.pack("<III", 16 + 32 * len(tdvf), 1, len(tdvf))
    blob += b"".join(struct.pack("<IIQQII", *s) for s in tdvf)
    rom[size - 0x800:size - 0x800 + len(blob)] = blob
    if rnd.random() < 0.8:
        entries.append(("tdx", struct.pack("<I", 0x800)))
        put_tables(rom, rnd, entries)
    else:
        put_tables(rom, rnd, entries)
        rom[size - 32:size - 28] = struct.pack("<I", size - 0x800)
    return bytes(rom), hashes


def make_kernel(rnd):
    """A PE image that is a bzImage of some boot protocol too."""
    count = rnd.randrange(0, 5)
    plus = rnd.random() < 0.8
    dirs = rnd.choice((0, 4, 5, 6, 16))
    optional = (112 if plus else 96) + 8 * dirs
    lfanew = rnd.choice((0x40, 0x80 if dirs < 16 else 0x40, 0x400))  # setup header: from 0x1F1
    headers = max(0x600, lfanew + 24 + optional + 40 * count) + rnd.randrange(0, 64) * 8
    data = bytearray(rnd.randbytes(headers))
    struct.pack_into("<I", data, 0x3C, lfanew)
    data[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", data, 0x206, rnd.choice((0x202, 0x203, 0x20B, 0x20C, 0x20F)))
    data[0x211] |= 1
    if rnd.random() < 0.5:
        struct.pack_into("<I", data, 0x22C, rnd.choice((0, 0x7FFFFFFF, 0x37FFFFFF)))
    struct.pack_into("<IHH12xHH", data, lfanew, 0x4550, 0x8664, count, optional, 0)
    at = lfanew + 24
    struct.pack_into("<H", data, at, 0x20B if plus else 0x10B)
    struct.pack_into("<I", data, at + 60, headers)
    struct.pack_into("<I", data, at + (108 if plus else 92), dirs)
    sizes = [rnd.randrange(0, 5000) for _ in range(count)]
    order = list(range(count))
    rnd.shuffle(order)
    place = headers
    body = b""
    for i in order:
        struct.pack_into("<II", data, at + optional + 40 * i + 16, sizes[i], place)
        body += rnd.randbytes(sizes[i])
        place += sizes[i]
    tail = rnd.randbytes(rnd.choice((0, 0, 1, 777)))
    certificates = rnd.randbytes(rnd.choice((0, 8, 1000))) if dirs > 4 else b""
    if dirs > 4:
        struct.pack_into("<II", data, at + (112 if plus else 96) + 32, rnd.getrandbits(32),
                         len(certificates))
    return bytes(data) + body + tail + certificates


def make_cmdline(rnd):
    text = "".join(rnd.choice(string.ascii_letters + " =./-") for _ in range(rnd.randrange(0, 200)))
    return text.lstrip("-")


class Case:
    def __init__(self, rnd, folder):
        self.rnd, self.folder = rnd, folder
        self.rom, self.hashes = make_rom(rnd)
        self.kernel = self.initrd = None
        self.cmdline, self.args = "", ["--firmware", self.file("fw", self.rom)]

    def file(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def take_kernel(self):
        self.kernel = make_kernel(self.rnd)
        self.args += ["--kernel", self.file("kernel", self.kernel)]
        if self.rnd.random() < 0.7:
            self.initrd = self.rnd.randbytes(self.rnd.randrange(1, 70000))
            self.args += ["--initrd", self.file("initrd", self.initrd)]
        if self.rnd.random() < 0.8:
            self.cmdline = make_cmdline(self.rnd)
            self.args += ["--cmdline", self.cmdline]

    def snp(self):
        rnd = self.rnd
        if self.hashes and rnd.random() < 0.7:
            self.take_kernel()
        cpus = rnd.choice((1, 2, rnd.randrange(1, 17), rnd.randrange(1, 513)))
        sig = rnd.getrandbits(32)
        features = rnd.choice((1, 0x21, rnd.getrandbits(64)))
        vmm = rnd.choice(("cloister", "qemu", "ec2", "gce"))
        self.args = ["measure", "snp", "--json", "--cpus", str(cpus), "--vcpu-sig", "%x" % sig,
                     "--guest-features", "%x" % features, "--vmm", vmm] + self.args
        digest = model.snp(self.rom, cpus, sig, features, vmm, self.kernel, self.initrd,
                           self.cmdline)
        return {"digest": digest.hex()}

    def tdx(self):
        rnd = self.rnd
        vmm = rnd.choice(("cloister", "qemu"))
        words = ["two-pass", "read-on"]
        if vmm == "qemu":
            words += ["patched-kernel", "separator-rtmr0", "initrd-arg-first", "no-initrd-arg"]
        if (vmm == "qemu" or self.hashes) and rnd.random() < 0.8:
            self.take_kernel()
        variants = [w for w in words if rnd.random() < 0.3]
        if "initrd-arg-first" in variants and "no-initrd-arg" in variants:
            variants.remove("no-initrd-arg")
        memory = rnd.choice((0, 160, 2048, 2816, 4096, 2 * rnd.randrange(80, 600000))) << 20
        acpi = None
        self.args = ["measure", "tdx", "--json", "--vmm", vmm] + self.args
        for word in variants:
            self.args += ["--variant", word]
        if memory:
            self.args += ["--memory", str(memory)]
        if vmm == "qemu" and rnd.random() < 0.7:
            acpi = [rnd.randbytes(rnd.randrange(1, 9000)) for _ in range(3)]
            for name, data in zip(("loader", "rsdp", "tables"), acpi):
                self.args += ["--acpi-" + name, self.file(name, data)]
        regs = model.tdx(self.rom, vmm, memory, self.kernel, self.initrd, self.cmdline, acpi,
                         variants)
        return {name: r.hex() if r else None
                for name, r in zip(("mrtd", "rtmr0", "rtmr1", "rtmr2"), regs)}
