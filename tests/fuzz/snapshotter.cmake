foreach(target grpc_server snapshots snapshot_filter)
    cl_fuzz_target(fuzz_${target} LIBS cl_snapshotter)
endforeach()
target_include_directories(fuzz_grpc_server PRIVATE ${CMAKE_SOURCE_DIR}/runtime/grpc)
