cl_unit_test(test_fetch LIBS cl_fetch)
set_tests_properties(unit.test_fetch PROPERTIES TIMEOUT 240)
cl_unit_test(test_fetch_forms LIBS cl_fetch)
target_include_directories(test_fetch_forms PRIVATE ${CMAKE_SOURCE_DIR}/runtime/image)
