# The guest kernels under plain emulation on this machine; each is skipped, visibly, when it is not in the cache.
foreach(kernel minimal debian)
    add_test(NAME lab.image_boot_${kernel} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/image_boot $<TARGET_FILE:image_probe> ${kernel})
    set_tests_properties(lab.image_boot_${kernel} PROPERTIES LABELS lab TIMEOUT 300 SKIP_RETURN_CODE 77 RESOURCE_LOCK lab)
    add_test(NAME lab.image_guest_${kernel}
        COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/image_guest $<TARGET_FILE:image_probe> ${kernel} ${CMAKE_BINARY_DIR})
    set_tests_properties(lab.image_guest_${kernel} PROPERTIES LABELS lab TIMEOUT 300 SKIP_RETURN_CODE 77)
endforeach()

# And in the machine they are made for: cloister-vmm and stage0, in the lab.
foreach(kernel minimal debian)
    set(dir ${CMAKE_BINARY_DIR}/image-vmm-${kernel})
    add_test(NAME lab.image_vmm_${kernel}_prepare COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/image_vmm prepare $<TARGET_FILE:image_probe>
        ${kernel} ${CMAKE_BINARY_DIR}/guest/stage0.bin ${dir})
    set_tests_properties(lab.image_vmm_${kernel}_prepare PROPERTIES LABELS lab TIMEOUT 300 SKIP_RETURN_CODE 77
        FIXTURES_SETUP image_vmm_${kernel})
    cl_lab_test(image_vmm_${kernel} TIMEOUT 300 COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/image_vmm boot $<TARGET_FILE:cloister-vmm>
        $<TARGET_FILE:cloister-sim-psp> ${dir})
    set_tests_properties(lab.image_vmm_${kernel} PROPERTIES SKIP_RETURN_CODE 77 FIXTURES_REQUIRED "lab;image_vmm_${kernel}")
endforeach()

# The distribution's kernel is slow to start: it belongs to the long tier.
set_property(TEST lab.image_boot_debian lab.image_guest_debian lab.image_vmm_debian lab.image_vmm_debian_prepare APPEND PROPERTY LABELS long)
