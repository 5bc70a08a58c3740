# The guest kernels under plain emulation on this machine; each is skipped, visibly, when it is not in the cache.
foreach(kernel minimal debian)
    add_test(NAME lab.image_boot_${kernel} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/image_boot $<TARGET_FILE:image_probe> ${kernel})
    set_tests_properties(lab.image_boot_${kernel} PROPERTIES LABELS lab TIMEOUT 600 SKIP_RETURN_CODE 77 RESOURCE_LOCK lab)
    add_test(NAME lab.image_guest_${kernel}
        COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/image_guest $<TARGET_FILE:image_probe> ${kernel} ${CMAKE_BINARY_DIR})
    set_tests_properties(lab.image_guest_${kernel} PROPERTIES LABELS lab TIMEOUT 300 SKIP_RETURN_CODE 77)
endforeach()
