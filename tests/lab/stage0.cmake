# stage0 under the distribution's QEMU, on this machine: needs no lab, only its lock.
get_target_property(stage0_rom stage0 STAGE0_ROM)
add_test(NAME lab.stage0_qemu COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/stage0_qemu ${stage0_rom})
set_tests_properties(lab.stage0_qemu PROPERTIES LABELS lab TIMEOUT 300 RESOURCE_LOCK lab)

# A stock QEMU's own way to boot a kernel, with this ROM as its BIOS.
add_test(NAME qemu.stage0_boot COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/qemu_boot ${CMAKE_BINARY_DIR}/guest)
set_tests_properties(qemu.stage0_boot PROPERTIES LABELS lab TIMEOUT 600 SKIP_RETURN_CODE 77)
