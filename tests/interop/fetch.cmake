# cloister-fetch against Debian's docker-registry; a layer of 2 GiB, on its whole way into a guest, belongs to the long tier.
add_executable(pipeline_peer pipeline_peer.c)
target_link_libraries(pipeline_peer PRIVATE cl_flags cl_agent_core cl_host cl_image)
# And what the shim makes of it (test_snapshotter).
add_executable(shim_image_peer shim_image_peer.c)
target_link_libraries(shim_image_peer PRIVATE cl_flags cl_shim cl_image)
add_dependencies(shim_image_peer cloister-fetch)
add_test(NAME interop.fetch COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test_fetch ${CMAKE_BINARY_DIR}/bin)
set_tests_properties(interop.fetch PROPERTIES LABELS interop TIMEOUT 120 SKIP_RETURN_CODE 77)
add_test(NAME interop.fetch_large COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test_fetch ${CMAKE_BINARY_DIR}/bin 2048)
set_tests_properties(interop.fetch_large PROPERTIES LABELS "interop;long" TIMEOUT 1800 SKIP_RETURN_CODE 77)
