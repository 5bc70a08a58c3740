foreach(test sha256 descriptor verify snp tables boot)
    cl_unit_test(test_stage0_${test} SOURCES stage0_machine.c LIBS cl_stage0_hosted)
endforeach()

cl_unit_test(test_stage0_rom SOURCES stage0_machine.c LIBS cl_stage0_hosted)
add_dependencies(test_stage0_rom stage0 stage0_twin)
get_target_property(stage0_rom stage0 STAGE0_ROM)
get_target_property(stage0_elf stage0 STAGE0_ELF)
get_target_property(stage0_twin stage0_twin STAGE0_ROM)
target_compile_definitions(test_stage0_rom PRIVATE STAGE0_ROM_PATH="${stage0_rom}" STAGE0_ELF_PATH="${stage0_elf}"
    STAGE0_TWIN_PATH="${stage0_twin}")
