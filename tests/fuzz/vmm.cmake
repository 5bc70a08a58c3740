# Everything of the VMM that takes hostile bytes: the guest's rings, requests, packets and registers; the firmware's tables.
foreach(target fuzz_virtq fuzz_virtio_blk fuzz_virtio_net fuzz_vsock fuzz_virtio_mmio fuzz_ioapic)
    cl_fuzz_target(${target} LIBS cl_vmm_devices)
endforeach()
cl_fuzz_target(fuzz_rom_table LIBS cl_tee)
