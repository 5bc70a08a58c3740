pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
cl_unit_test(test_grpc LIBS cl_grpc cl_oci PkgConfig::NGHTTP2 Threads::Threads)
target_include_directories(test_grpc PRIVATE ${CMAKE_SOURCE_DIR}/runtime/grpc)
