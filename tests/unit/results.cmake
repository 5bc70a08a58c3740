# CoRIM, and the forms in which a verdict is handed on.
foreach(test test_corim test_results)
    cl_unit_test(${test} LIBS cl_attestation)
    target_include_directories(${test} PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
endforeach()
