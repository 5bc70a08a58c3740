cl_unit_test(test_podnet LIBS cl_podnet)
set_tests_properties(unit.test_podnet PROPERTIES SKIP_RETURN_CODE 77 RESOURCE_LOCK podnet)
