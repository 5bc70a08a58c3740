cl_unit_test(test_snapshotter LIBS cl_snapshotter)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
if(NOT CL_SANITIZE STREQUAL "thread") # see alloc.cmake
    cl_unit_test(test_alloc_snapshotter SOURCES failing_alloc.c LIBS cl_snapshotter PkgConfig::NGHTTP2)
    target_include_directories(test_alloc_snapshotter PRIVATE ${CMAKE_SOURCE_DIR}/runtime/grpc)
    target_link_options(test_alloc_snapshotter PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc)
endif()
