# Debian's jose tool opens what the broker seals, and seals what our client opens.
add_executable(jose_peer jose_peer.c)
target_link_libraries(jose_peer PRIVATE cl_flags cl_attestation)
add_test(NAME interop.jose COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test_jose $<TARGET_FILE:jose_peer>)
set_tests_properties(interop.jose PROPERTIES LABELS interop TIMEOUT 120 SKIP_RETURN_CODE 77)
