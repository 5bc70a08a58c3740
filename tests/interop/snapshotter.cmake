# The real containerd with cloister-snapshotter as its proxy plugin, both private to the test.
add_executable(snapshot_peer snapshot_peer.c)
target_link_libraries(snapshot_peer PRIVATE cl_flags cl_snapshotter)
add_test(NAME interop.snapshotter COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test_snapshotter ${CMAKE_BINARY_DIR}/bin)
set_tests_properties(interop.snapshotter PROPERTIES LABELS interop TIMEOUT 300 SKIP_RETURN_CODE 77)
