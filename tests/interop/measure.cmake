# The launch digest that other people's tool computes, where it is installed (it is no Debian package).
add_test(NAME interop.sev_snp_measure COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test_sev_snp_measure $<TARGET_FILE:cloister>)
set_tests_properties(interop.sev_snp_measure PROPERTIES LABELS interop TIMEOUT 300 SKIP_RETURN_CODE 77)

# The same for our ROM, fetched if need be.
get_target_property(measure_rom stage0 STAGE0_ROM)
add_test(NAME interop.rom_measure COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test_rom_measure $<TARGET_FILE:cloister> ${measure_rom})
set_tests_properties(interop.rom_measure PROPERTIES LABELS interop TIMEOUT 300 SKIP_RETURN_CODE 77)
