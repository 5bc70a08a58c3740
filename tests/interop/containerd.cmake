# The real containerd, private to the test: its API by our gRPC client, images out of its content store.
add_executable(containerd_peer containerd_peer.c)
target_link_libraries(containerd_peer PRIVATE cl_flags cl_containerd cl_image)
add_test(NAME interop.containerd COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test_containerd $<TARGET_FILE:containerd_peer>)
set_tests_properties(interop.containerd PROPERTIES LABELS interop TIMEOUT 120 SKIP_RETURN_CODE 77)
