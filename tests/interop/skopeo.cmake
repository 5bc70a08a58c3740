# Images: skopeo encrypts through our key provider, we decrypt, and the other way round; Debian's docker-registry in between.
add_executable(skopeo_peer skopeo_peer.c)
target_link_libraries(skopeo_peer PRIVATE cl_flags cl_image)
foreach(test skopeo registry)
    add_test(NAME interop.${test} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test_${test} ${CMAKE_BINARY_DIR}/bin)
    set_tests_properties(interop.${test} PROPERTIES LABELS interop TIMEOUT 900 SKIP_RETURN_CODE 77)
endforeach()
