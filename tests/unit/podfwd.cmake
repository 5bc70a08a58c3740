# Ports of pods, forwarded: the namespace's side, the shim's, the agent's.
cl_unit_test(test_podfwd LIBS cl_podnet)
set_tests_properties(unit.test_podfwd PROPERTIES SKIP_RETURN_CODE 77 RESOURCE_LOCK podnet)
