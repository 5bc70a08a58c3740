# The measured policy of a pod: the engine alone, then the agent's pods under one.
cl_unit_test(test_podpolicy LIBS cl_attestation)
cl_unit_test(test_podpolicy_parse LIBS cl_attestation)
cl_unit_test(test_pod_policy SOURCES pod_rig.c LIBS imagesig_world cl_agent_pod)
add_dependencies(test_pod_policy pod_program pod_no_memlock)
target_compile_definitions(test_pod_policy PRIVATE POD_PROGRAM="$<TARGET_FILE:pod_program>" POD_NO_MEMLOCK="$<TARGET_FILE:pod_no_memlock>")
target_compile_definitions(test_podpolicy_parse PRIVATE CL_TEST_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_compile_definitions(test_podpolicy PRIVATE SHIM_VECTORS="${CMAKE_SOURCE_DIR}/tests/vectors/shim")
