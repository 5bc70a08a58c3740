# Reports from the kernel's drivers; the linker has the library's ioctl() come to the test. The real ABI: tests/lab/tee.
cl_unit_test(test_gather_snp LIBS cl_attestation)
target_include_directories(test_gather_snp PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
target_sources(test_gather_snp PRIVATE snp_world.c)
target_link_options(test_gather_snp PRIVATE -Wl,--wrap=ioctl)
