# The VMM against a real /dev/kvm: Debian's cloud kernel, our firmware, a small program as the guest's init.
add_executable(vmm_guest vmm_guest.c)
target_link_libraries(vmm_guest PRIVATE cl_flags)
target_link_options(vmm_guest PRIVATE -static)

add_executable(vmm_driver vmm_driver.c vmm_host.c)
target_link_libraries(vmm_driver PRIVATE cl_flags cl_base cl_stage0_abi PkgConfig::CHECK Threads::Threads)

set(vmm_image ${CMAKE_BINARY_DIR}/vmm-image)
add_test(NAME lab.vmm_image COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/vmm-image $<TARGET_FILE:vmm_guest> ${vmm_image})
set_tests_properties(lab.vmm_image PROPERTIES LABELS lab TIMEOUT 600 FIXTURES_SETUP vmm_image)
foreach(case boot vsock stream jail input)
    set(long "")
    if(case STREQUAL stream)
        set(long LONG)
    endif()
    cl_lab_test(vmm_${case} ${long} TIMEOUT 300
        COMMAND vmm_driver $<TARGET_FILE:cloister-vmm> $<TARGET_FILE:cloister-sim-psp> ${CMAKE_BINARY_DIR}/guest/stage0.bin ${vmm_image} ${case})
    set_tests_properties(lab.vmm_${case} PROPERTIES FIXTURES_REQUIRED "lab;vmm_image")
endforeach()
