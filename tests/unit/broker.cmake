cl_unit_test(test_token LIBS cl_attestation)
target_include_directories(test_token PRIVATE ${CMAKE_SOURCE_DIR}/attestation/token)
cl_unit_test(test_jwt LIBS cl_attestation)
