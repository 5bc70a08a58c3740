# Collateral: the library's part, and the part with the network against a server of our own.
cl_unit_test(test_collateral SOURCES collateral_world.c snp_world.c LIBS cl_attestation)
target_compile_definitions(test_collateral PRIVATE CL_TEST_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared")
if(TARGET cl_collateral_fetch)
    pkg_check_modules(LIBEVENT REQUIRED IMPORTED_TARGET libevent_core libevent_openssl)
    cl_unit_test(test_collateral_fetch SOURCES collateral_server.c collateral_world.c snp_world.c LIBS cl_collateral_fetch OpenSSL::SSL PkgConfig::LIBEVENT)
    target_include_directories(test_collateral_fetch PRIVATE ${CMAKE_SOURCE_DIR}/attestation/fetch)
    target_compile_definitions(test_collateral_fetch PRIVATE CL_TEST_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared")
endif()
