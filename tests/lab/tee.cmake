# The guests' devices played by CUSE and FUSE (tests/lab/tee): `cloister evidence` against the drivers' own ioctls. Where hardware KVM would have tests run
# directly, this one is skipped: it makes devices.
pkg_check_modules(FUSE3 IMPORTED_TARGET fuse3)
if(NOT FUSE3_FOUND)
    add_test(NAME lab.tee_devices COMMAND sh -c "echo 'SKIP: no libfuse3-dev when this was configured'; exit 77")
    set_tests_properties(lab.tee_devices PROPERTIES LABELS lab SKIP_RETURN_CODE 77)
    return()
endif()
add_executable(test_tee_devices tee/test_tee_devices.c tee/play_answers.c tee/play_cuse.c tee/play_tsm.c
    ${CMAKE_SOURCE_DIR}/tests/unit/snp_world.c ${CMAKE_SOURCE_DIR}/tests/unit/tdx_world.c)
target_include_directories(test_tee_devices PRIVATE ${CMAKE_SOURCE_DIR}/attestation ${CMAKE_SOURCE_DIR}/tests/unit)
target_compile_definitions(test_tee_devices PRIVATE CL_TEST_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared")
target_link_libraries(test_tee_devices PRIVATE cl_flags cl_attestation PkgConfig::FUSE3 PkgConfig::JANSSON)
set(tee_world ${CMAKE_BINARY_DIR}/lab-tee-world.pem)
add_test(NAME lab.tee_world COMMAND test_tee_devices world ${tee_world})
set_tests_properties(lab.tee_world PROPERTIES LABELS lab TIMEOUT 120 FIXTURES_SETUP tee_world)
cl_lab_test(tee_devices TIMEOUT 180 COMMAND test_tee_devices play ${tee_world} $<TARGET_FILE:cloister>)
set_tests_properties(lab.tee_devices PROPERTIES FIXTURES_REQUIRED "lab;tee_world" SKIP_RETURN_CODE 77)
