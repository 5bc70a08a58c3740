# CoRIM, and the forms in which a verdict is handed on.
foreach(test test_corim test_results)
    cl_unit_test(${test} LIBS cl_attestation)
    target_include_directories(${test} PRIVATE ${CMAKE_SOURCE_DIR}/attestation)
endforeach()
# Each check has its words, its place and its claim.
add_test(NAME unit.check_ids COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/check_ids ${CMAKE_SOURCE_DIR})
set_tests_properties(unit.check_ids PROPERTIES LABELS unit)
