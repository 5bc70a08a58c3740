# Collateral: the library's part, and the part with the network against a server of our own.
cl_unit_test(test_collateral SOURCES collateral_world.c snp_world.c LIBS cl_attestation)
target_compile_definitions(test_collateral PRIVATE CL_TEST_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared")
