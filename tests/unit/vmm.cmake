# The VMM's devices on any machine, without KVM; the launch; the program's symbols.
foreach(test test_vmm_mem test_vmm_virtq test_vmm_virtio test_vmm_blk test_vmm_vsock test_vmm_ioapic)
    cl_unit_test(${test} LIBS cl_vmm_devices)
endforeach()
cl_unit_test(test_tee_launch LIBS cl_tee)
target_compile_definitions(test_tee_launch PRIVATE CL_TEST_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared")
add_test(NAME unit.vmm_symbols COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/vmm_symbols $<TARGET_FILE:cloister-vmm>)
set_tests_properties(unit.vmm_symbols PROPERTIES LABELS unit TIMEOUT 60)
