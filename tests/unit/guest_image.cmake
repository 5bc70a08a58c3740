# A static program that stands for /init; sanitizers and fuzzers need a dynamic one, and have nothing to find in shell scripts.
if(CL_SANITIZE OR CL_FUZZ OR CL_COVERAGE)
    return()
endif()
add_executable(image_probe ${CMAKE_SOURCE_DIR}/tests/lab/image_probe.c)
target_link_libraries(image_probe PRIVATE cl_flags)
target_link_options(image_probe PRIVATE -static)

add_test(NAME unit.image_build
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/image_build $<TARGET_FILE:image_probe> ${CMAKE_BINARY_DIR}/bin/cloister-agent)
set_tests_properties(unit.image_build PROPERTIES LABELS unit TIMEOUT 300)
