cl_fuzz_target(fuzz_hostcheck LIBS cl_hostcheck)
target_include_directories(fuzz_hostcheck PRIVATE ${CMAKE_SOURCE_DIR}/runtime/hostcheck)
